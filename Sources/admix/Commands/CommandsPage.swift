import AdmixSpec
import ArgumentParser

/// The reference page of the commands, from the help they print.
enum CommandsPage {
  static var page: AdmixSpec.Reference.Page {
    var text = """
      # Commands

      People's text about what is under way goes to standard error, what was asked for to standard output; with
      `--json` that is one document and nothing else. Colour and the live display are for terminals, and
      `NO_COLOR` is honoured. A pipeline is a file, or a folder with a `pipeline.yaml`; the one in this folder
      unless named. Results are kept in `.admix` beside it, or where `--store` says.

      `admix --generate-completion-script bash` (or `zsh`, `fish`) prints completion for a shell:
      `source <(admix --generate-completion-script bash)`.

      ## Exit codes

      | code | meaning |
      | --- | --- |

      """
    for outcome in Outcome.allCases {
      text += AdmixSpec.Reference.row(["\(outcome.rawValue)", outcome.meaning])
    }
    for command in Admix.configuration.subcommands {
      text += """

        ## \(command._commandName)

        ```text
        \(Admix.helpMessage(for: command, columns: 90).trimmingBlankEnd)
        ```

        """
    }
    return AdmixSpec.Reference.Page("commands", text)
  }
}

extension String {
  fileprivate var trimmingBlankEnd: Substring {
    var text = Substring(self)
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
