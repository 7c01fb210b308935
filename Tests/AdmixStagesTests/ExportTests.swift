import AdmixModel
import AdmixStages
import AdmixTestSupport
import Testing

@Suite struct ExportTests {
  @Test(
    arguments: [
      // columns of the dataset, options of the export, what is said
      (["age", "_origin"], "{from: rows, to: a.csv}", []),
      ([], "{from: rows, to: a.csv}", ["AX0806 nil"]),
      (["_origin"], "{from: rows, to: a.csv}", ["AX0806 'origin: true' writes those too"]),
      (["_origin"], "{from: rows, to: a.csv, origin: true}", []),
      (["_origin"], "{from: rows, to: a.csv, columns: _origin}", []),
      (
        ["age", "sex"], "{from: rows, to: a.csv, columns: [age, sex, age]}",
        ["AX0807 leave one of them out"]
      ),
    ])
  func writesColumnsOnce(columns: [String], yaml: String, expected: [String]) throws {
    var report = Diagnostics()
    let export = Export(
      try StageBench.options(Export.description, yaml), report: &report)
    let schema = Schema(columns.map { ColumnSchema($0, .int) })
    #expect(export.schemas(of: ["from": schema], report: &report) == [:])
    #expect(report.items.map { "\($0.code) \($0.hint ?? "nil")" } == expected)
    #expect(report.items.allSatisfy { $0.span != nil })
  }
}
