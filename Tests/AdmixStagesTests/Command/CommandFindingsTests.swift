import AdmixEngine
import AdmixModel
import AdmixProcess
import AdmixSpec
import Testing

@testable import AdmixStages

/// What kernels of other machines would have us say.
struct CommandFindingsTests {
  private static func findings(
    _ ending: ProcessOutcome.Ending, landlock: Int, watched: Bool,
    network: SandboxLevel.Network = .closed, denials: [ProcessOutcome.Denial] = [],
    said: [String] = [], isSandboxed: Bool = true
  ) -> CommandFindings {
    let span = SourceSpan(file: "pipeline.yaml", line: 1, column: 1)
    var report = Diagnostics()
    func list(_ texts: [String]) -> Node {
      Node(.list(texts.map { Node(.text($0), at: span) }), at: span)
    }
    let kind = Command(
      OptionValues(
        Node(
          .map([
            .init(key: "run", keySpan: span, value: list(["tool"])),
            .init(
              key: "outputs", keySpan: span,
              value: Node(
                .list([
                  Node(
                    .map([.init(key: "x", keySpan: span, value: Node(.text("file"), at: span))]),
                    at: span)
                ]),
                at: span)),
          ]), at: span)), report: &report)
    #expect(report.isEmpty)
    var outcome = ProcessOutcome()
    outcome.ending = ending
    outcome.denials = denials
    outcome.sandbox.landlock = landlock
    outcome.sandbox.isWatched = watched
    outcome.sandbox.network = network
    return CommandFindings(
      kind: kind, stage: "work", folder: "/project", inputs: ["rows": "/attempt/in/rows.csv"],
      isSandboxed: isSandboxed, outcome: outcome, said: said)
  }

  private static func problem(_ findings: CommandFindings) -> String {
    do { try findings.check() } catch let failure as TaskFailure {
      let first = failure.diagnostics.items.first
      return "\(failure.reason) \(first?.code ?? ""): \(first?.fact ?? "")"
    } catch { return "\(error)" }
    return ""
  }

  @Test func whatIsForbiddenIsAnErrorAfterTheFactWhereNothingRefusesIt() {
    let read = ProcessOutcome.Denial(kind: .read, path: "/project/secret.txt")
    let wrote = ProcessOutcome.Denial(kind: .write, path: "/attempt/in/rows.csv")
    let listed = ProcessOutcome.Denial(kind: .other, path: "/project/data")
    let net = ProcessOutcome.Denial(kind: .network, path: "")
    let cached = ProcessOutcome.Denial(kind: .read, path: "/project/__pycache__/a.pyc")
    let cases: [(ProcessOutcome.Ending, Int, [ProcessOutcome.Denial], [String], String)] = [
      (
        .exited(0), 0, [read], [],
        "sandbox AX0867: stage 'work' read 'secret.txt', which it does not declare"
      ),
      (
        .exited(0), 7, [read], [],
        "sandbox AX0867: stage 'work' tried to read 'secret.txt', which it does not declare"
      ),
      (.exited(0), 7, [wrote], [], "sandbox AX0868: stage 'work' tried to change its input 'rows'"),
      (.exited(0), 7, [listed, net, cached], [], ""),
      (
        .exited(1), 7, [listed, cached], ["no such column"],
        "failed AX0865: 'tool' ended with exit status 1"
      ),
      (
        .exited(1), 7, [listed], ["cannot list data"],
        "sandbox AX0867: stage 'work' tried to read 'data', which it does not declare"
      ),
      (.exited(1), 7, [net], [], "sandbox AX0869: stage 'work' tried to use the network"),
      (.signalled(9), 7, [], [], "failed AX0865: 'tool' was ended by SIGKILL"),
      (.lost, 7, [], [], "failed AX0865: 'tool' was lost: its launcher was ended from outside"),
    ]
    for (ending, landlock, denials, said, expected) in cases {
      let found = Self.problem(
        Self.findings(ending, landlock: landlock, watched: true, denials: denials, said: said))
      #expect(found == expected)
    }
    let blind = Self.findings(
      .exited(1), landlock: 7, watched: false, said: ["open: Permission denied"])
    #expect(
      Self.problem(blind)
        == "sandbox AX0867: stage 'work' was refused a file that it does not declare")
  }

  @Test func saysHowFarTheSandboxWent() {
    let cases: [(Int, Bool, SandboxLevel.Network, Bool, String?)] = [
      (7, true, .closed, true, nil), (1, true, .closed, true, nil),
      (0, true, .closed, true, "noticed, not refused"), (0, false, .open, true, "watched either"),
      (4, false, .closedToTCP, true, "TCP alone"), (3, false, .open, true, "cannot close it"),
      (0, false, .open, false, "--no-sandbox"),
    ]
    for (landlock, watched, network, isSandboxed, words) in cases {
      let warnings = Self.findings(
        .exited(0), landlock: landlock, watched: watched, network: network, isSandboxed: isSandboxed
      ).warnings
      #expect(warnings.map(\.code) == (words == nil ? [] : ["AX0870"]))
      #expect(words.map { warnings.first?.cause?.contains($0) == true } ?? true, "\(warnings)")
    }
  }
}
