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
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
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

  /// A metric that a stage gives and no page tells of, or the other way round.
  @Test func theMetricsPageNamesWhatValidateMeasures() throws {
    let product = try Product()
    #expect(try product.admix("init").code == 0)
    let text = try product.read("pipeline.yaml")
    try product.write(
      text.replacingOccurrences(
        of: "fidelity: {}",
        with:
          "fidelity: {}\n      utility: {target: approved, models: [logistic]}\n      privacy: {}"),
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
      })
    let page = try product.admix("reference", "metrics").out
    let told = Set(
      page.components(separatedBy: "## Of validate stages").last?
        .matches(of: /\n\| `([^`]+)`/).map { String($0.output.1) } ?? [])
    #expect(measured.subtracting(told).isEmpty, "no page tells of these")
    #expect(told.subtracting(measured).isEmpty, "nothing measures these")
  }
}
