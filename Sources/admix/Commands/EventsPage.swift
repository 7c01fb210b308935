import AdmixReport
import AdmixSpec

/// The reference page of the lines that `run --events` writes.
enum EventsPage {
  static var page: AdmixSpec.Reference.Page {
    var text = """
      # Events

      `admix run --events FILE` writes what happens as it happens, a line of JSON to an event, into a file (made
      anew) or a named pipe (opening it waits for a reader). Each line has

      | member | meaning |
      | --- | --- |
      | `schema` | `\(EventText.schema)`; the number goes up when a reader could trip over a change, and members may be added without |
      | `seq` | 1, 2, 3, …: the order in which the lines were written; with `--watch` it goes on from run to run |
      | `time` | ISO 8601, UTC, with milliseconds, by the clock of the machine |
      | `elapsed` | seconds since the file was opened, by a clock that never goes back |
      | `event` | what happened, one of those below |

      Events of one stage come in the order they happened; those of stages that run at once are mixed. What is said
      of a stage is under `stage`. A file that takes no more, as on a full disk or when the reader of a pipe has
      gone away or does not read for ten seconds, ends the events with a warning and not the run; a line is written
      whole or not at all.

      | event | meaning | members |
      | --- | --- | --- |

      """
    for event in EventText.catalogue {
      text += AdmixSpec.Reference.row([
        "`\(event.name)`", event.meaning, event.members.map { "`\($0)`" }.joined(separator: ", "),
      ])
    }
    return AdmixSpec.Reference.Page("events", text)
  }
}
