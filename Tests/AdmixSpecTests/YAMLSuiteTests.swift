import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// The YAML test suite: what is valid resolves as YAML 1.2's core schema says, what is not is refused.
struct YAMLSuiteTests {
  /// Where libyaml, and so admix, reads something else than YAML 1.2.
  enum Exception: String {
    /// Valid, but refused.
    case refused
    /// Not valid, but taken.
    case accepted
    /// Valid, but read as something else.
    case different
    /// Valid, but no JSON value: a map with lists or maps for keys, or with a key twice.
    case notJSON = "not JSON"
  }

  /// The table of `docs/reference/yaml.md`: one list for people and for this test.
  static func listed() throws -> [String: Exception] {
    let page = testsFolder.deletingLastPathComponent()
      .appendingPathComponent("docs/reference/yaml.md")
    var list: [String: Exception] = [:]
    for line in try String(contentsOf: page, encoding: .utf8).split(separator: "\n") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count >= 3, let exception = Exception(rawValue: cells[1]) else { continue }
      list[cells[0]] = exception
    }
    return list
  }

  @Test func readsTheSuiteAsYAML12ButForTheListedExceptions() throws {
    guard let folder = sharedFolder("data/interop/yaml-test-suite") else { return }
    let listed = try Self.listed()
    #expect(listed.count > 10)
    var found: [String: Exception] = [:]
    var cases = 0
    let paths = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String }
    for path in (paths ?? []).sorted() where path.hasSuffix("/in.yaml") {
      cases += 1
      let name = String(path.dropLast("/in.yaml".count))
      let place = folder.appendingPathComponent(name)
      let content = try Data(contentsOf: place.appendingPathComponent("in.yaml"))
      let mustFail = FileManager.default.fileExists(
        atPath: place.appendingPathComponent("error").path)
      let expected = try? String(
        contentsOf: place.appendingPathComponent("in.json"), encoding: .utf8)
      found[name] = outcome(Array(content), mustFail: mustFail, expected: expected)
    }
    #expect(cases == 205)
    let names = Set(found.keys).union(listed.keys).sorted()
    for name in names where found[name] != listed[name] {
      Issue.record(
        "\(name): found \(found[name]?.rawValue ?? "as the suite says"), listed \(listed[name]?.rawValue ?? "not at all")"
      )
    }
  }

  private func outcome(_ content: [UInt8], mustFail: Bool, expected: String?) -> Exception? {
    do {
      let documents = try YAMLReader.documents(content)
      if mustFail { return .accepted }
      guard let expected else { return nil }
      let values = documents.map(\.json)
      let wanted = stream(expected)
      return values.count == wanted.count && zip(values, wanted).allSatisfy(same) ? nil : .different
    } catch {
      if mustFail { return nil }
      let codes = Set(error.items.map(\.code))
      if expected == nil, codes.isSubset(of: ["AX0114", "AX0106"]) { return .notJSON }
      return .refused
    }
  }

  /// The JSON documents of a text that holds several, one after the other.
  private func stream(_ text: String) -> [JSONValue] {
    var values: [JSONValue] = []
    var pending = ""
    for line in text.split(whereSeparator: \.isNewline) {
      pending += line + "\n"
      if let value = try? JSONValue(parsing: pending) {
        values.append(value)
        pending = ""
      }
    }
    return values
  }

  private func same(_ a: JSONValue, _ b: JSONValue) -> Bool {
    switch (a, b) {
    case (.int, .double), (.double, .int), (.double, .double): a.double == b.double
    case (.array(let x), .array(let y)): x.count == y.count && zip(x, y).allSatisfy(same)
    case (.object(let x), .object(let y)):
      Set(x.keys) == Set(y.keys)
        && x.allSatisfy { key, value in y[key].map { same(value, $0) } ?? false }
    default: a == b
    }
  }
}
