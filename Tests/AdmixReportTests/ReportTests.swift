import AdmixModel
import AdmixReport
import AdmixTestSupport
import Foundation
import FoundationXML
import Testing

struct ReportTests {
  @Test func everyFormReadsAsRecorded() {
    expectGolden(HTMLReport.render(ExampleRun.document), "reports/example.html")
    expectGolden(CheckText.plain(ExampleRun.fairness), "reports/check.txt")
    expectGolden(CheckText.markdown(ExampleRun.fairness), "reports/check.md")
  }

  @Test func isSelfContainedAndKeepsHostileTextInert() {
    let page = HTMLReport.render(ExampleRun.document)
    #expect(!page.contains("<script"))
    #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("src="))
    #expect(!page.contains("url(") && !page.contains("@import"))
    #expect(page == HTMLReport.render(ExampleRun.document))
    #expect(page.contains("KL &lt;script&gt;") && page.contains("admissions &lt;b&gt;"))
    #expect(!page.contains("NaN") && !page.contains("nan"))
  }

  /// Whatever people call things, the page stays one page and nothing in it comes alive.
  @Test func isWellFormedWhateverThingsAreCalled() throws {
    let names = [
      "<script>alert(1)</script>", "\"><img onerror=x>", "'&amp;\n]]>", "</style></title>",
      "a b[ratio=\"0.1\"]", "𝄞 ünï", "--><!--", "{{x}}", "a\0b\u{1B}[31m\u{FFFF}\r\n", "",
    ]
    for name in names {
      for status in ["executed", "cached", "failed", "gated", "skipped", "interrupted"] {
        let page = HTMLReport.render(ExampleRun.named(name, status: status))
        let parser = XMLParser(data: Data(page.utf8))
        #expect(parser.parse(), "\(name) \(status): \(String(describing: parser.parserError))")
        #expect(!page.contains("<script") && !page.contains("<img"))
      }
    }
  }

  @Test func staysSmallWithManyColumnsAndStages() {
    let wide = HTMLReport.render(ExampleRun.wide(columns: 200))
    #expect(wide.utf8.count < 300_000)
    #expect(XMLParser(data: Data(wide.utf8)).parse())
    let many = HTMLReport.render(ExampleRun.many(stages: 60))
    #expect(many.utf8.count < 600_000)
    #expect(many.contains("check ×60") && many.contains("60 checks"))
    #expect(XMLParser(data: Data(many.utf8)).parse())
  }

  @Test(arguments: [
    (0.0, "0"), (1.0, "1"), (1835.0, "1,835"), (0.5, "0.5000"), (0.00001, "1.000e-05"),
    (12345.678, "12345.7"),
    (.infinity, "∞"), (-.infinity, "-∞"), (0.1234567, "0.1235"),
  ])
  func figuresReadWell(value: Double, text: String) {
    #expect(Numbers.figure(value) == text)
  }

  @Test func progressFitsAnyTerminal() {
    let start = ContinuousClock.now
    var board = ProgressBoard()
    board.total = 6
    board.start("people", start)
    board.plan("people", tasks: 77, reused: 2, rows: 5_000_000)
    board.finishTask(of: "people")
    let soon = start + .seconds(2)
    #expect(board.lines(soon, width: 100, most: 5) == ["people  2.0 s, 3 of 77 tasks"])
    board.advance("people", rows: 1_000_000)
    #expect(
      board.lines(soon, width: 100, most: 5) == [
        "people  2.0 s, 1,000,000 of 5,000,000 rows, 500,000 rows/s, 8.0 s left"
      ])
    #expect(board.lines(soon, width: 45, most: 5) == ["people  2.0 s, 500,000 rows/s, 8.0 s left"])
    #expect(board.lines(soon, width: 24, most: 5) == ["people  2.0 s"])
    for name in ["a", "b[n=1]", "a-very-long-name-of-a-stage", "c"] { board.start(name, soon) }
    #expect(
      board.lines(soon + .seconds(61), width: 60, most: 3) == [
        "people  1 min 03 s, 15,873 rows/s, 4 min 12 s left",
        "a       1 min 01 s",
        "… and 3 more at work, 0 of 6 stages done",
      ])
    forEverySeed { random in
      let width = Int.random(in: 1...120, using: &random)
      let most = Int.random(in: 1...6, using: &random)
      let lines = board.lines(soon, width: width, most: most)
      return lines.count <= most && lines.allSatisfy { $0.count <= width }
    }
    for name in ["people", "a", "b[n=1]", "a-very-long-name-of-a-stage", "c"] { board.end(name) }
    #expect(board.lines(soon, width: 60, most: 3).isEmpty)
  }

  @Test func axesAreRoundAndHoldTheirValues() {
    forEverySeed { random in
      let values = (0..<5).map { _ in Double.random(in: -1e4...1e4, using: &random) }
      let axis = Axis(values, fromZero: Bool.random(using: &random), isShare: false)
      return values.allSatisfy { $0 >= axis.low - 1e-6 && $0 <= axis.high + 1e-6 }
        && axis.ticks.count >= 2 && axis.ticks.count <= 12
    }
  }
}
