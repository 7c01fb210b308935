package import AdmixEngine
package import AdmixModel
import Foundation

/// A run as JUnit XML, for the pages of a build server.
///
/// One `testsuite` for the pipeline, in it a `testcase` for each stage, each gate and each expectation.
/// Valid against the schemas of Surefire and of Jenkins' xUnit plugin (junit-10).
package enum JUnitText {
  /// - Parameter report: reads the check report of a stage; nil where it has none.
  package static func render(_ record: RunRecord, report: (StageRecord) -> CheckReport?) -> String {
    var cases: [Case] = []
    for stage in record.stages {
      cases.append(self.case(stage, record))
      let expectations = report(stage)?.expectations ?? []
      let rules = Set(expectations.map(\.rule))
      cases += stage.gates.map { gate(stage, $0, record, isExpectation: rules.contains($0.rule)) }
      // Those that hold are no gates.
      let told = Set(stage.gates.map(\.rule))
      cases += expectations.filter { !told.contains($0.rule) }.map { expectation in
        Case(
          owner: "\(record.pipeline).\(stage.name)", name: "expect: \(expectation.rule)",
          seconds: 0,
          outcome: .passed(Numbers.measurement(expectation.holds)))
      }
    }
    return suite(record.pipeline, seconds: record.seconds, cases)
  }

  /// Of a run that could not begin.
  package static func render(_ pipeline: String, problems: Diagnostics) -> String {
    let first = problems.items.first { $0.severity == .error } ?? problems.items.first
    return suite(
      pipeline, seconds: 0,
      [
        Case(
          owner: pipeline, name: "the pipeline can be run", seconds: 0,
          outcome: .error(
            first?.fact ?? "it cannot", type: first?.code ?? "", text: words(problems.items)))
      ])
  }

  private struct Case {
    enum Outcome {
      case passed(String?)
      case failure(String, type: String, text: String)
      case skipped(String)
      case error(String, type: String, text: String)
    }

    var owner: String
    var name: String
    var seconds: Double
    var outcome: Outcome
  }

  private static func `case`(_ stage: StageRecord, _ record: RunRecord) -> Case {
    let outcome: Case.Outcome =
      switch stage.status {
      case .executed: .passed(nil)
      case .cached: .passed("known: it did not have to run")
      case .failed:
        .failure(
          stage.failure.first?.fact ?? "it failed", type: stage.failure.first?.code ?? "failed",
          text: words(stage.failure))
      case .gated: .skipped("stopped by a gate")
      case .skipped:
        .skipped(
          stage.off
            ?? (record.status == .interrupted
              ? "the run was interrupted" : "a stage before it failed"))
      }
    return Case(
      owner: record.pipeline, name: stage.name, seconds: stage.seconds, outcome: outcome)
  }

  private static func gate(
    _ stage: StageRecord, _ gate: GateResult, _ record: RunRecord, isExpectation: Bool
  ) -> Case {
    let figure = Numbers.measurement(gate.measurement)
    let word = isExpectation ? "expect" : gate.action.rawValue
    let message = isExpectation ? "the expectation does not hold" : "the gate tripped"
    let outcome: Case.Outcome =
      gate.passed
      ? .passed(figure)
      : gate.action == .warn
        ? .passed("warning: \(message): \(figure)")
        : .failure("\(message): \(figure)", type: isExpectation ? "expectation" : "gate", text: "")
    return Case(
      owner: "\(record.pipeline).\(stage.name)", name: "\(word): \(gate.rule)", seconds: 0,
      outcome: outcome)
  }

  private static func words(_ items: [Diagnostic]) -> String {
    DiagnosticRenderer().render(Diagnostics(items))
  }

  // MARK: XML

  private static func suite(_ name: String, seconds: Double, _ cases: [Case]) -> String {
    let failures = cases.count { if case .failure = $0.outcome { true } else { false } }
    let skipped = cases.count { if case .skipped = $0.outcome { true } else { false } }
    let errors = cases.count { if case .error = $0.outcome { true } else { false } }
    var out = """
      <?xml version="1.0" encoding="UTF-8"?>
      <testsuite name="\(escaped(name))" tests="\(cases.count)" failures="\(failures)" errors="\(errors)" skipped="\(skipped)" time="\(time(seconds))">

      """
    for one in cases {
      out +=
        "  <testcase classname=\"\(escaped(one.owner))\" name=\"\(escaped(one.name))\" time=\"\(time(one.seconds))\""
      switch one.outcome {
      case .passed(nil): out += "/>\n"
      case .passed(let text?):
        out += ">\n    <system-out>\(escaped(text))</system-out>\n  </testcase>\n"
      case .skipped(let message):
        out += ">\n    <skipped message=\"\(escaped(message))\"/>\n  </testcase>\n"
      case .failure(let message, let type, let text):
        out += problem("failure", message, type, text)
      case .error(let message, let type, let text): out += problem("error", message, type, text)
      }
    }
    return out + "</testsuite>\n"
  }

  private static func problem(_ tag: String, _ message: String, _ type: String, _ text: String)
    -> String
  {
    ">\n    <\(tag) message=\"\(escaped(message))\" type=\"\(escaped(type))\">\(escaped(text))</\(tag)>\n  </testcase>\n"
  }

  /// Surefire's schema has at most three digits after the point, and none before it in groups.
  private static func time(_ seconds: Double) -> String {
    String(format: "%.3f", seconds.isFinite ? max(0, seconds) : 0)
  }

  /// Characters that XML 1.0 has no way to write (its section 2.2) are replaced.
  private static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "\n": out += "&#10;"
      case "\t": out += "&#9;"
      case "\r": out += "&#13;"
      case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
        out += "\u{FFFD}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}

extension CheckReport {
  /// The expectations by their table, with what was found.
  var expectations: [(rule: String, holds: AdmixModel.Measurement)] {
    let tables = sections.flatMap(\.tables).filter { $0.columns.first == "Expectation" }
    return tables.flatMap(\.rows).compactMap { row in
      guard row.count > 3, case .text(let rule) = row[0] else { return nil }
      switch row[3] {
      case .share(let figure), .measurement(let figure): return (rule, figure)
      default: return nil
      }
    }
  }
}
