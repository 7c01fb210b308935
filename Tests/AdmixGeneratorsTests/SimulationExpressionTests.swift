import AdmixData
import AdmixGenerators
import AdmixModel
import Testing

/// Expressions inside a simulation give what they give over columns.
@Suite struct SimulationExpressionTests {
  private static let attributes = """
    - a: {normal: {mean: 0, sd: 3}, round: 0.25, missing: 0.2}
    - b: {uniform: {low: -2, high: 2}, round: 0.5, missing: 0.1}
    - i: {integer: {low: -3, high: 3}, missing: 0.1}
    - j: {integer: {low: 0, high: 4}}
    - f: {bernoulli: 0.5}
    - g: {bernoulli: {p: 0.3}, missing: 0.3}
    - c: {choice: {red: 0.5, blue: 0.3, green: 0.2}, missing: 0.1}
    - when: {expression: "moment"}
    """

  @Test(
    "computes as over columns",
    arguments: [
      "a + b * 2 - i", "a / b", "a // b", "a % b", "i // j", "i % j", "a ** 2", "b ** i",
      "a < b", "a <= b", "a > i", "a >= i", "a == b", "a != i", "i == j", "f == g", "c == 'red'",
      "c != 'red'", "f and g", "f or g", "not g", "a > 0 and g", "a > 0 or g", "a is null",
      "c is not null", "i in [1, 2, null]", "c in ['red', 'blue']", "c not in ['red']",
      "a in [b, 0.5]",
      "abs(a)", "ceil(a)", "floor(a)", "exp(a)", "exp(a * 1000)", "log(a)", "sqrt(b)", "round(a)",
      "round(a * 0.37, 1)", "sigmoid(b)", "min(a, b, i)", "max(a, b)", "coalesce(a, b, 7)",
      "if(g, a, b)", "if(a > b, i, j)", "if(g, 'red', c)", "coalesce(c, 'none')", "int(a)",
      "double(i)", "-a", "-i // 2", "hour(when)", "weekday(when)", "if(f, null, a)",
    ])
  func agrees(text: String) throws {
    let options = """
      clock: {until: 1, start: '2024-02-29 13:30'}
      agents:
        unit:
          count: 300
          attributes:
      \(Self.attributes.split(separator: "\n").map { "      " + $0 }.joined(separator: "\n"))
          states: [here: {}]
      tables:
        - rows: {of: unit, on: start, columns: [a, b, i, j, f, g, c, when, {out: "\(text)"}]}
      """
    let rows = try #require(try SimulationLaboratory.run(options)["rows"]).batch
    var report = Diagnostics()
    let place = SourceSpan(file: "", line: 1, column: 1)
    let expression = try #require(
      ColumnExpression(text, at: place, schema: rows.schema, report: &report))
    let expected = try expression.evaluate(rows)
    let out = try #require(rows["out"])
    var mismatch: Int?
    for row in 0..<rows.rows where mismatch == nil {
      let isSame =
        out.isMissing(row) == expected.isMissing(row)
        && (out.isMissing(row) || Self.cell(out, row) == Self.cell(expected, row))
      if !isSame { mismatch = row }
    }
    #expect(mismatch == nil, "row \(mismatch ?? -1)")
    #expect(rows.rows == 300)
  }

  private static func cell(_ column: Column, _ row: Int) -> String {
    switch column.values {
    case .bool(let bits): "\(bits[row])"
    case .int(let values): "\(values[row])"
    // A zero's sign is nothing a table tells.
    case .double(let values): "\(values[row] == 0 ? 0 : values[row])"
    case .category(let codes, let categories): categories[Int(codes[row])]
    case .text(let texts): texts[row]
    case .datetime(let values): "\(values[row])"
    case .date(let values): "\(values[row])"
    }
  }
}
