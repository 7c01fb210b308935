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

  @Test func seedsDifferBySeedAndSalt() {
    let seeds = [
      CommandWords.seed(1, "a"), CommandWords.seed(1, "b"), CommandWords.seed(2, "a"),
      CommandWords.seed(1, "1 a"),
    ]
    #expect(Set(seeds).count == 4)
    #expect(CommandWords.seed(1, "a") == seeds[0])
  }
}
