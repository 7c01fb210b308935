import AdmixEngine
import AdmixModel
import AdmixReport
import Foundation
import FoundationXML
import Testing

struct RunTextTests {
  private static let one = String(repeating: "ab", count: 32)
  private static let other = String(repeating: "cd", count: 32)

  static let sentences: [(Change, String)] = [
    (Change(.parameter, name: "a.b", old: "1", new: "2"), "parameter 'a.b': 1 → 2"),
    (Change(.parameter, name: "a", new: "2"), "parameter 'a': now 2"),
    (Change(.parameter, name: "a", old: "1"), "parameter 'a': was 1, now absent"),
    (
      Change(.parameter, name: "key", old: "secret sha256:\(one)", new: "secret sha256:\(other)"),
      "secret parameter 'key' changed"
    ),
    (
      Change(.file, name: "a.csv", old: one, new: other),
      "file 'a.csv': abababababab → cdcdcdcdcdcd"
    ),
    (Change(.file, name: "a.csv", new: other), "file 'a.csv' is new (cdcdcdcdcdcd)"),
    (Change(.file, name: "a.csv", old: one), "file 'a.csv' is gone (was abababababab)"),
    (
      Change(.input, name: "from (a.data)", old: one, new: other),
      "input 'from (a.data)': abababababab → cdcdcdcdcdcd"
    ),
    (Change(.input, name: "from (a.data)"), "from (a.data) may change"),
    (
      Change(.implementation, name: "gaussian-copula", old: "3", new: "4"),
      "gaussian-copula revision 3 → 4"
    ),
    (Change(.implementation, name: "rules", new: "1"), "now made by rules revision 1"),
    (Change(.implementation, name: "rules", old: "1"), "no longer made by rules revision 1"),
    (
      Change(.plugin, name: "mine", old: one, new: other),
      "plugin 'mine': abababababab → cdcdcdcdcdcd"
    ),
    (Change(.environment, name: "TZ", old: "UTC", new: "CET"), "environment 'TZ': UTC → CET"),
    (Change(.seed, name: "seed", old: "1", new: "2"), "seed: 1 → 2"),
    (Change(.missing, name: "out/a.csv"), "'out/a.csv' is missing"),
    (
      Change(.missing, name: "a.data", old: one),
      "artifact 'a.data' is missing from the store (abababababab)"
    ),
    (Change(.damaged, name: "out/a.csv"), "'out/a.csv' is not what was written"),
    (
      Change(.damaged, name: "a.data", old: one, new: "3 of 5 bytes"),
      "artifact 'a.data' in the store is damaged: 3 of 5 bytes (abababababab)"
    ),
    (Change(.forced, name: "a"), "forced"), (Change(.new, name: "a"), "never ran before"),
  ]

  @Test("every cause reads as a sentence", arguments: sentences)
  func sentence(change: Change, words: String) { #expect(change.sentence == words) }

  @Test func manyAlikeAreCounted() {
    let files = (1...1_000).map { Change(.file, name: "\($0)", new: Self.one) }
    let all = [Change(.parameter, name: "a", old: "1", new: "2")] + files
    #expect(
      all.sentences(most: 2)
        == "parameter 'a': 1 → 2; file '1' is new (abababababab); file '2' is new (abababababab); and 998 more"
    )
    #expect([Change]().sentences().isEmpty)
  }

  /// Whatever people call things, JUnit files are XML, and the counts are those of the cases.
  @Test func junitIsWellFormedWhateverThingsAreCalled() throws {
    let names = [
      "<script>", "\"><a b='", "]]>&amp;\n\t", "𝄞 ünï", "a\0b\u{1B}[31m\u{FFFF}\u{FFFE}\r\n", "",
    ]
    for name in names {
      let stages = try ["executed", "cached", "failed", "gated", "skipped"].map { status in
        try Self.stage(name, status)
      }
      let body: JSONValue = [
        "run": "r", "pipeline": .string(name), "seed": 0, "started": 0, "seconds": -1,
        "status": "failed", "stages": .array(stages),
      ]
      let record = try CanonicalJSON.decode(RunRecord.self, from: Data(body.text.utf8))
      for text in [
        JUnitText.render(record) { _ in nil },
        JUnitText.render(name, problems: Diagnostics([.error("AX0999", name)])),
      ] {
        let counter = Counter()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = counter
        #expect(parser.parse(), "\(name): \(String(describing: parser.parserError))")
        for (element, attribute) in [
          ("testcase", "tests"), ("failure", "failures"), ("skipped", "skipped"),
          ("error", "errors"),
        ] {
          #expect(
            counter.suite[attribute] == "\(counter.counts[element, default: 0])", "\(attribute)")
        }
      }
    }
  }

  private static func stage(_ name: String, _ status: String) throws -> JSONValue {
    let gate = GateResult(
      rule: name, action: .fail, measurement: .undefined(name), passed: status == "cached")
    let failure = Diagnostic.error("AX0999", name, cause: name)
    return [
      "name": .string(name), "kind": "mix", "status": .string(status), "why": [],
      "seconds": "Infinity", "inputs": [], "after": [], "artifacts": [:], "outputs": [],
      "gates": [try JSONValue(encoding: gate)], "warnings": [], "sources": [], "files": [],
      "failure": status == "failed" ? [try JSONValue(encoding: failure)] : [],
    ]
  }

  private final class Counter: NSObject, XMLParserDelegate {
    var counts: [String: Int] = [:]
    var suite: [String: String] = [:]

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
      qualifiedName: String?, attributes: [String: String]
    ) {
      counts[name, default: 0] += 1
      if name == "testsuite" { suite = attributes }
    }
  }
}
