import AdmixModel
import Testing

@testable import AdmixStages

struct CommandWordsTests {
  @Test(
    "braces mean nothing but in placeholders",
    arguments: [
      ("{inputs.a} {outputs.b-1}", "IN(a) OUT(b-1)"), ("x{inputs.a}{inputs.a}", "xIN(a)IN(a)"),
      ("{print $1}", "{print $1}"), ("{{inputs.a}}", "{IN(a)}"), ("{inputs.}", "{inputs.}"),
      ("{inputs.a", "{inputs.a"), ("{input.a} {INPUTS.a}", "{input.a} {INPUTS.a}"),
      ("{\"outputs.b\": {inputs.a}}", "{\"outputs.b\": IN(a)}"), ("{inputs.a b}", "{inputs.a b}"),
      ("{inputs.unknown}", "{inputs.unknown}"), ("", ""),
    ])
  func placeholders(text: String, filled: String) {
    #expect(
      CommandWords.filled(text) { place in
        ["a", "b-1"].contains(place.name) ? "\(place.isInput ? "IN" : "OUT")(\(place.name))" : nil
      } == filled)
  }

  @Test(
    "sizes have the units people write",
    arguments: [
      ("512 MiB", 512 << 20), ("4G", 4 << 30), ("1.5 GB", 1_500_000_000), ("10kb", 10_000),
      ("2 TiB", 2 << 40), ("7", 7), ("7 B", 7), ("", nil), ("GiB", nil), ("4 XB", nil),
      ("4 GiBs", nil), ("-1 GB", nil), ("1e3", nil), ("9999999999 TiB", nil), ("1.2.3 GB", nil),
      ("0.5", nil),
    ] as [(String, Int?)])
  func sizes(text: String, bytes: Int?) { #expect(CommandWords.bytes(text) == bytes) }

  @Test func seedsDifferBySeedAndSalt() {
    let seeds = [
      CommandWords.seed(1, "a"), CommandWords.seed(1, "b"), CommandWords.seed(2, "a"),
      CommandWords.seed(1, "1 a"),
    ]
    #expect(Set(seeds).count == 4)
    #expect(CommandWords.seed(1, "a") == seeds[0])
  }
}
