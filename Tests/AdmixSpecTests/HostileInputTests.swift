import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// Whatever the bytes are, an answer comes, soon, and with a place.
struct HostileInputTests {
  private static let wide = "k: [" + String(repeating: "x, ", count: 20_000) + "x]\n"

  private static let bomb =
    "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    + (1...20).map { n in
      "a\(n): &a\(n) [" + Array(repeating: "*a\(n - 1)", count: 10).joined(separator: ", ") + "]\n"
    }.joined()

  /// Code, and the text that must end in it.
  static let cases: [(String, String)] = [
    ("AX0107", String(repeating: "[", count: 100_000)),
    ("AX0107", String(repeating: "{a: ", count: 100_000)),
    ("AX0107", String(repeating: "- ", count: 100_000)),
    ("AX0107", String(repeating: "? ", count: 100_000)),
    ("AX0107", String(repeating: "[{", count: 100_000)),
    ("AX0107", (0..<3_000).map { String(repeating: " ", count: $0) + "k:\n" }.joined()),
    (
      "AX0107",
      "a: &a [1]\n"
        + (0..<200).map { "b\($0): &b\($0) [*\($0 == 0 ? "a" : "b\($0 - 1)")]\n" }.joined()
    ),
    ("AX0108", bomb),
    ("AX0105", String(repeating: "]", count: 100_000)),
    ("AX0105", "\"" + String(repeating: "x", count: 1_000_000)),
    ("AX0105", "k: [" + String(repeating: "x", count: 1_000_000)),
    ("AX0105", "k: *" + String(repeating: "!", count: 1_000)),
    ("AX0104", "k: \u{0}"), ("AX0104", "k: \u{7F}"), ("AX0104", "k: a\u{2028}b"),
    ("AX0115", ""), ("AX0115", "# nothing\n"), ("AX0115", String(repeating: "x", count: 1_000_000)),
    ("AX0115", "---\n"), ("AX0115", "\u{FEFF}"), ("AX0105", "%YAML 3.0\n---\na: 1\n"),
    ("AX0109", "a: *nobody"), ("AX0109", "a: &a {b: *a}"),
    ("AX0203", String(repeating: "x", count: 1_000) + ": 1"),
    ("AX0205", "admix: 1\nname: x\nstages:\n"),
    ("AX0201", String(repeating: "a", count: 120) + ": " + String(repeating: "b ", count: 500_000)),
  ]

  private static let head = "admix: 1\nname: x\n"

  private static func many(_ count: Int, _ line: (Int) -> String) -> String {
    (0..<count).map(line).joined()
  }

  /// Valid YAML that would take long, or grow, or overflow the stack, if nobody counted.
  static let pipelines: [(String, String)] = [
    (
      "AX0108",
      "params:\n  p0: [x, x, x, x, x, x, x, x, x, x]\n"
        + many(12) { n in
          "  p\(n + 1): ["
            + Array(repeating: "'${params.p\(n)}'", count: 10).joined(separator: ", ") + "]\n"
        }
    ),
    (
      "AX0108",
      "params:\n  p0: 'some text'\n"
        + many(40) { "  p\($0 + 1): '${params.p\($0)}${params.p\($0)}'\n" }
    ),
    (
      "AX0107",
      "params:\n  p0: [x]\n" + many(20_000) { "  p\($0 + 1): ['${params.p\($0)}']\n" }
        + "  last: '${params.p20000}'\n"
    ),
    (
      "AX0107",
      "params:\n" + many(20_000) { "  p\($0): '${params.p\($0 + 1)}'\n" } + "  p20000: 1\n"
    ),
    ("AX0241", "params:\n  list: [" + many(20_000) { _ in "'${params.nobody}', " } + "]\n"),
    ("AX0241", "params:\n  text: '" + many(20_000) { _ in "${params.nobody} " } + "'\n"),
    ("AX0203", many(20_000) { "key\($0): 1\n" }),
    ("AX0241", "params:\n" + many(20_000) { "  k\($0): '${params.x\($0)}'\n" }),
    ("AX0212", "stages:\n  a:\n    types:\n      list: [" + many(40_000) { _ in "x, " } + "]\n"),
    ("AX0210", "stages:\n  a:\n    types:\n" + many(20_000) { "      k\($0): 1\n" }),
    ("AX0232", "stages:\n" + many(20_000) { "  k\($0): {source: {}}\n" }),
    (
      "AX0232",
      "stages:\n  a:\n    source: {}\n    matrix:\n      x: [" + many(20_000) { "\($0), " } + "]\n"
    ),
    (
      "AX0232",
      "stages:\n  a:\n    source: {}\n    matrix:\n" + many(40) { "      x\($0): [0, 1]\n" }
    ),
    ("AX0303", "stages:\n" + many(9_000) { "  s\($0): {join: {from: s\(($0 + 1) % 9_000)}}\n" }),
    (
      "AX0303",
      "stages:\n"
        + many(300) { n in
          "  s\(n): {join: {from: [" + many(300) { $0 == n ? "" : "s\($0), " } + "]}}\n"
        }
    ),
    ("AX0301", "stages:\n" + many(9_000) { "  s\($0): {join: {from: t\($0)}}\n" }),
  ]

  /// Seconds of processor time that this thread has worked: what else the machine does is not in it.
  private static func work() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  // A hang ends too, whatever the load.
  @Test(.timeLimit(.minutes(10))) func endsInALocatedDiagnosticWithLittleWork() {
    for (code, text) in Self.cases + Self.pipelines.map({ ($0, Self.head + $1) }) {
      let begin = Self.work()
      do {
        do throws(Diagnostics) {
          _ = try Kinds.compiler().compile(text: text)
          Issue.record("compiled: \(text.prefix(40))")
        } catch {
          #expect(
            error.items.contains { $0.code == code },
            "\(code): \(text.prefix(40)) \(error.items.map(\.code))")
          #expect(error.items.allSatisfy { $0.span != nil })
          #expect(error.items.count <= 1_000)
        }
      }
      #expect(Self.work() - begin < 10, "\(text.prefix(40))")
    }
  }

  @Test func readsWhatIsLargeButHarmless() throws {
    for text in [
      Self.wide, "k: " + String(repeating: "x", count: 1_000_000),
      String(repeating: "- x\n", count: 100_000),
    ] {
      #expect(try YAMLReader.documents(text).count == 1)
    }
  }

  @Test func refusesEveryCutAndEveryBadByteWithoutCrashing() {
    let text = Array(
      ((try? String(
        contentsOf: testsFolder.appendingPathComponent("Golden/spec/design.yaml"), encoding: .utf8))
        ?? "").utf8)
    #expect(text.count > 1_000)
    let compiler = Kinds.compiler(Kinds.real)
    for cut in stride(from: 0, to: text.count, by: 37) {
      _ = try? compiler.compile(
        file: "p", files: .memory(["p": Array(text[..<cut])]))
    }
    forEverySeed { random in
      var copy = text
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        copy[Int.random(in: 0..<copy.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      do throws(Diagnostics) {
        _ = try compiler.compile(file: "p", files: .memory(["p": copy]))
        return true
      } catch {
        return error.hasErrors
      }
    }
  }

  @Test func replaysWhatFuzzingFoundAndEveryGoldenPipeline() throws {
    var count = 0
    for folder in ["Fuzz/corpus/spec", "Golden/diagnostics", "Golden/spec"] {
      let root = testsFolder.appendingPathComponent(folder)
      let paths = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String }
      for path in (paths ?? []).sorted() {
        guard let content = try? Data(contentsOf: root.appendingPathComponent(path)) else {
          continue
        }
        count += 1
        let complaint = SpecProbe.complaint(about: Array(content))
        #expect(complaint == nil, "\(folder)/\(path)")
      }
    }
    #expect(count > 60)
  }

  @Test func keepsNaughtyStringsAsTheyAre() throws {
    guard let folder = sharedFolder("data/interop/naughty-strings") else { return }
    let content = try Data(contentsOf: folder.appendingPathComponent("blns.json"))
    let list = try JSONValue(parsing: Array(content)).array?.compactMap(\.string) ?? []
    #expect(list.count > 400)
    for text in list {
      // JSON is YAML; single quotes and block text as well, where the characters are allowed.
      let json = JSONValue.string(text).text
      let isClean =
        !json.contains("\\")
        && !text.unicodeScalars.contains {
          "\u{85}\u{2028}\u{2029}".unicodeScalars.contains($0)
            || ($0.value < 0xA0 && $0.value > 0x7E) || $0.value == 0xFFFE || $0.value == 0xFFFF
        }
      var forms: [String] = [Self.escaped(text)]
      if isClean {
        forms.append(json)
        forms.append("'" + text.replacing("'", with: "''") + "'")
      }
      for form in forms {
        let node = try? YAMLReader.documents("k: \(form)\n").first?["k"]
        #expect(node?.value == .text(text), "\(form)")
      }
      // Bare, it is read or refused, but nothing breaks.
      _ = try? Kinds.compiler().compile(text: text)
      _ = try? Kinds.compiler().compile(
        text:
          "admix: 1\nname: \(text)\nparams: {x: \(text)}\nstages: {a: {source: {label: \(text)}}}")
    }
  }

  /// In double quotes, with everything beyond plain ASCII escaped.
  private static func escaped(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      if scalar.value >= 0x20, scalar.value < 0x7F, scalar != "\"", scalar != "\\" {
        out.unicodeScalars.append(scalar)
      } else {
        let hex = String(scalar.value, radix: 16)
        out += "\\U" + String(repeating: "0", count: 8 - hex.count) + hex
      }
    }
    return out + "\""
  }
}
