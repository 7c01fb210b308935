import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

struct ModelTests {
  @Test(
    "amounts have the units people write",
    arguments: [
      (.size, "512 MiB", 536_870_912), (.size, "4G", 4_294_967_296),
      (.size, "1.5 GB", 1_500_000_000),
      (.size, "10kb", 10_000), (.size, "2 TiB", 2_199_023_255_552), (.size, "7", 7),
      (.size, "7 B", 7),
      (.size, "", nil), (.size, "GiB", nil), (.size, "4 XB", nil), (.size, "4 GiBs", nil),
      (.size, "-1 GB", nil), (.size, "1e3", nil), (.size, "9999999999 TiB", nil),
      (.size, "1.2.3 GB", nil), (.size, "5.", nil), (.duration, "90", 90), (.duration, "90s", 90),
      (.duration, "250ms", 0.25), (.duration, "5 min", 300), (.duration, "1.5h", 5_400),
      (.duration, "8w", 4_838_400), (.duration, " 2 days", 172_800), (.duration, "2 GB", nil),
      (.duration, "never", nil), (.duration, "-1s", nil), (.duration, "inf", nil),
    ] as [(Quantity, String, Double?)])
  func amounts(quantity: Quantity, text: String, value: Double?) {
    #expect(quantity.value(text) == value)
  }

  // RFC 6234 test vectors.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  ])
  func digestsAreSHA256(text: String, hex: String) {
    #expect(Digest(of: text).hex == hex)
    #expect(Digest(hex: hex.uppercased()) == Digest(of: text))
    #expect(
      Digest(hex: String(hex.dropLast())) == nil && Digest(hex: "zz" + hex.dropFirst(2)) == nil)
  }

  @Test func digestsKeepTheirBytesAndOrder() {
    forEverySeed(200) { random in
      let bytes = (0..<2).map { _ in
        (0..<32).map { _ in UInt8.random(in: 0...1, using: &random) * 255 }
      }
      let digests = bytes.compactMap { Digest(bytes: $0) }
      return digests.map(\.bytes) == bytes
        && digests.map(\.hex).compactMap { Digest(hex: $0) } == digests
        && (digests[0] < digests[1]) == bytes[0].lexicographicallyPrecedes(bytes[1])
        && (digests[0] == digests[1]) == (bytes[0] == bytes[1])
    }
    #expect(Digest(bytes: [1, 2]) == nil)
  }

  @Test func digestsDoNotDependOnThePieces() {
    forEverySeed(50) { random in
      let bytes = (0..<Int.random(in: 0...500, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      let cut = Int.random(in: 0...bytes.count, using: &random)
      var hasher = DigestHasher()
      hasher.update(bytes[..<cut])
      hasher.update(bytes[cut...])
      return hasher.finish() == Digest(of: bytes)
    }
  }

  @Test func fingerprintsForgetOrderAndNothingElse() {
    let a = Fingerprint.Component(.parameter, "a", "1")
    let b = Fingerprint.Component(.parameter, "b", "2")
    let base = Fingerprint([a, b])
    #expect(base == Fingerprint([b, a]))
    let others: [[Fingerprint.Component]] = [
      [a], [a, b, b], [a, .init(.parameter, "b", "3")], [a, .init(.input, "b", "2")],
      [.init(.parameter, "a1", ""), b], [.init(.parameter, "", "a1"), b],
    ]
    #expect(others.allSatisfy { Fingerprint($0).digest != base.digest })
  }

  @Test func changesNameTheComponentWithOldAndNew() {
    let old = Fingerprint([.init(.parameter, "rows", "1"), .init(.input, "from", "aa")])
    let new = Fingerprint([.init(.parameter, "rows", "2"), .init(.file, "0", "bb")])
    #expect(
      new.changes(since: old) == [
        Change(.file, name: "0", new: "bb"), Change(.input, name: "from", old: "aa"),
        Change(.parameter, name: "rows", old: "1", new: "2"),
      ])
  }

  @Test(arguments: [
    ("age", ["wage", "page", "sex"], "page"),
    ("gausian-copula", ["gaussian-copula", "rules"], "gaussian-copula"),
    ("hte", ["the"], "the"), ("zebra", ["the"], nil), ("", ["a"], nil),
  ])
  func suggestsTheNearestWord(word: String, candidates: [String], expected: String?) {
    #expect(Spelling.closest(to: word, among: candidates) == expected)
  }

  @Test(arguments: [
    ("{\"b\":1,\"a\":[true,null,-1.5]}", "{\"a\":[true,null,-1.5],\"b\":1}"),
    ("\"\\ud83d\\ude00\\u0041\\n\"", "\"😀A\\n\""),
    (" 12345678901234567890 ", "1.2345678901234567e+19"),
    ("1e2", "100.0"), ("-0", "0"),
  ])
  func readsAndWritesJSON(text: String, canonical: String) throws {
    #expect(try JSONValue(parsing: text).text == canonical)
  }

  @Test(arguments: [
    #"{}"#, #"{"a":1}"#, #"{"a":{"b":[1,{"c":"}"}]},"d":"x:,\"y","e":null}"#, #"{"":[],"z":"\\"}"#,
  ])
  func takesObjectsApartWithoutReadingThem(text: String) throws {
    let whole = try #require(JSONValue(parsing: text).object)
    let parts = try #require(EncodedJSON.members(of: text))
    #expect(parts.mapValues(\.json) == whole)
    #expect(EncodedJSON(members: parts).json == .object(whole))
    #expect(EncodedJSON(members: parts).text == JSONValue.object(whole).text)
  }

  @Test(arguments: ["", "{", "[1]", #"{"a":"#, #"{"a":1"#, #"{"a":[1}"#, #"{"a"}"#, "null"])
  func refusesToTakeApartWhatIsNoObject(text: String) {
    // What passes is read as nothing, and never past the end.
    #expect(EncodedJSON.members(of: text)?.values.allSatisfy { $0.json == .null } ?? true)
  }

  @Test func namesAreOrderedByTheirBytes() {
    let names = [
      "", "a", "a/b", "a.b", "ab", "b", "Z", "\u{e9}", "e\u{301}", "\u{10000}", "\u{ffff}",
    ]
    for a in names {
      for b in names {
        #expect(a.precedesInBytes(b) == a.utf8.lexicographicallyPrecedes(b.utf8))
      }
    }
  }

  @Test func refusesWhatIsNotJSON() {
    let bad = [
      "", "{", "[1,]", "{\"a\":1,\"a\":2}", "01", "1.", "nul", "\"\\ud800\"", "\"\u{1}\"", "1e999",
      "[1] 2", String(repeating: "[", count: 100_000), "{a:1}", "'a'", "+1", ".5",
    ]
    #expect(bad.allSatisfy { (try? JSONValue(parsing: $0)) == nil })
  }

  @Test func agreesWithTheJSONTestSuite() throws {
    guard let folder = sharedFolder("data/interop/json-test-suite") else { return }
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    var wrong: [String] = []
    var seen = 0
    while let file = files?.nextObject() as? URL {
      let name = file.lastPathComponent
      guard name.hasSuffix(".json"), name.hasPrefix("y_") || name.hasPrefix("n_") else { continue }
      seen += 1
      let accepted = (try? JSONValue(parsing: [UInt8](Data(contentsOf: file)))) != nil
      // We refuse duplicate keys, which the grammar allows.
      let expected = name.hasPrefix("y_") && !name.contains("duplicated_key")
      if accepted != expected { wrong.append(name) }
    }
    #expect(wrong == [] && seen > 100)
  }

  @Test func rendersPlaceFactCauseAndHint() {
    let renderer = DiagnosticRenderer { _, line in line == 31 ? "      with: gausian-copula" : nil }
    let item = Diagnostic.error(
      "AX0304", at: SourceSpan(file: "a.yaml", line: 31, column: 13, length: 14),
      "unknown generator 'gausian-copula'", cause: "no built-in generator has this name",
      hint: "did you mean 'gaussian-copula'?")
    #expect(
      renderer.render(item) == """
        a.yaml:31:13: error: unknown generator 'gausian-copula' [AX0304]
          31 |       with: gausian-copula
             |             ^~~~~~~~~~~~~~
          cause: no built-in generator has this name
          hint: did you mean 'gaussian-copula'?

        """)
  }

  @Test func excerptsOfVeryLongLinesStayShort() {
    let line = String(repeating: "x", count: 1_000_000)
    let renderer = DiagnosticRenderer { _, _ in line }
    let text = renderer.render(
      .error("AX0001", at: SourceSpan(file: "a", line: 1, column: 900_000, length: 50_000), "long"))
    #expect(text.utf8.count < 500)
  }
}
