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

  @Test func endsInALocatedDiagnosticWithinSeconds() {
    let clock = ContinuousClock()
    for (code, text) in Self.cases {
      let duration = clock.measure {
        do throws(Diagnostics) {
          _ = try Kinds.compiler().compile(text: text)
          Issue.record("compiled: \(text.prefix(40))")
        } catch {
          #expect(
            error.items.contains { $0.code == code },
            "\(code): \(text.prefix(40)) \(error.items.map(\.code))")
          #expect(error.items.allSatisfy { $0.span != nil })
          #expect(error.items.count <= 101)
        }
      }
      #expect(duration < .seconds(5), "\(text.prefix(40))")
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
