import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// The checked-in reference is what the program says of itself.
struct ReferencePagesTests {
  private static let written: Set<String> = ["pipeline.md", "yaml.md"]

  @Test func pagesAreWhatTheProgramPrints() throws {
    let product = try Product()
    let folder = product.folder.appendingPathComponent("reference")
    let answer = try product.admix("reference", "--to", "reference")
    #expect(answer.code == 0, "\(answer.err)")
    let checkedIn = testsFolder.deletingLastPathComponent().appendingPathComponent("docs/reference")
    let made = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    let there = try FileManager.default.contentsOfDirectory(atPath: checkedIn.path)
    #expect(made.count > 10)
    #expect(
      Set(there).subtracting(Self.written) == Set(made), "docs/reference has other pages: make docs"
    )
    for name in made {
      expectGolden(try product.read("reference/\(name)"), "../../docs/reference/\(name)")
    }
  }

  @Test func aPageCanBeHadByItself() throws {
    let product = try Product()
    let one = try product.admix("reference", "mix", "--to", "pages", "--json")
    #expect(try one.code == 0 && JSONValue(parsing: one.out)["written"]?.array?.count == 1)
    #expect(product.exists("pages/mix.md") && !product.exists("pages/split.md"))
    #expect(try product.read("pages/mix.md") == product.admix("reference", "mix").out)
    #expect(try product.admix("reference", "mixx").code == 2)
  }

  /// A reader that goes away ends the program, and a file is given as it is.
  @Test func filesAreShownAsTheyAre() throws {
    let product = try Product()
    try product.write("x\n" + (0..<200_000).map { "\($0)\n" }.joined(), to: "a.csv")
    try product.write(
      "admix: 1\nname: s\nstages:\n  a: {ingest: {from: a.csv}}\n  b: {export: {from: a, to: out/b.csv}}\n",
      to: "pipeline.yaml")
    #expect(try product.admix("run").code == 0)
    let same = try product.shell("admix show pipeline.yaml b | cmp - out/b.csv")
    #expect(same.code == 0, "\(same.out) \(same.err)")
    let cut = try product.shell("admix show pipeline.yaml b | head -c 4; echo")
    #expect(cut.out == "x\n0\n\n" && cut.err.isEmpty, "\(cut.err)")
  }

  /// A metric that a stage gives and no page tells of, or the other way round.
  @Test func theMetricsPageNamesWhatValidateMeasures() throws {
    let product = try Product()
    #expect(try product.admix("init").code == 0)
    let text = try product.read("pipeline.yaml")
    try product.write(
      text.replacingOccurrences(
        of: "fidelity: {}",
        with:
          "fidelity: {}\n      utility: {target: approved, models: [logistic]}\n      privacy: {}\n      anonymity: {quasi_identifiers: [age], sensitive: [approved]}\n      disclosure: {known: age, secret: approved}"
      ),
      to: "pipeline.yaml")
    let run = try product.admix("run", "--quiet")
    #expect(run.code == 0, "\(run.err)")
    let shown = try JSONValue(
      parsing: product.admix("show", "pipeline.yaml", "quality", "--json").out)
    guard case .object(let metrics)? = shown["metrics"] else {
      Issue.record("no metrics")
      return
    }
    let measured = Set(
      metrics.keys.map { name in
        name.replacing(/\(.*\)/) { $0.output.contains(",") ? "(COLUMN, COLUMN)" : "(COLUMN)" }
          .replacing(/^utility\.logistic\.(trtr|tstr|mixed)\./, with: "utility.MODEL.TRAINING.")
          .replacing("utility.logistic", with: "utility.MODEL")
          .replacing(/^fidelity\.synthetic\..*/, with: "fidelity.synthetic.…")
          .replacing(/^anonymity\.reference\..*/, with: "anonymity.reference.…")
      })
    let page = try product.admix("reference", "metrics").out
    let told = Set(
      page.components(separatedBy: "## Of validate stages").last?
        .matches(of: /\n\| `([^`]+)`/).map { String($0.output.1) } ?? [])
    #expect(measured.subtracting(told).isEmpty, "no page tells of these")
    #expect(told.subtracting(measured).isEmpty, "nothing measures these")
  }
}
