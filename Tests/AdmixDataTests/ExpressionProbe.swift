import AdmixData
import AdmixExpression
import AdmixModel

/// What must hold for any bytes given as an expression; shared by the tests and the fuzz target.
enum ExpressionProbe {
  private static let span = SourceSpan(file: "p", line: 1, column: 1)

  /// Two rows of every type, the second without values.
  private static let batch: Batch = {
    func missing(_ values: Column.Values) -> Column {
      Column(values, validity: Bitmap(count: 2) { $0 == 0 })
    }
    let columns: [(ColumnSchema, Column)] = [
      (ColumnSchema("i", .int), missing(.int(Buffer([Int64.max, 3])))),
      (ColumnSchema("z", .int), Column(.int(Buffer([Int64.min, 0])))),
      (ColumnSchema("d", .double), missing(.double(Buffer([-0.5, .nan])))),
      (ColumnSchema("s", .text), missing(.text(TextBuffer(["e\u{301}", "x"])))),
      (
        ColumnSchema("c", .category, categories: ["a", "b"]),
        missing(.category(Buffer([1, 0]), categories: ["a", "b"]))
      ),
      (ColumnSchema("b", .bool), missing(.bool(Bitmap(repeating: true, count: 2)))),
      (ColumnSchema("day", .date), missing(.date(Buffer([Int32.max, 0])))),
      (ColumnSchema("t", .datetime), missing(.datetime(Buffer([Int64.min, 0])))),
      (ColumnSchema("odd name", .int), Column(.int(Buffer([1, 2])))),
    ]
    return Batch(schema: Schema(columns.map(\.0)), columns: columns.map(\.1))
  }()

  /// - Returns: what does not hold, or nothing.
  static func complaint(about bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    var report = Diagnostics()
    guard let tree = Expression.parse(text, at: span, report: &report) else {
      if !report.hasErrors { return "refused without an error" }
      return report.items.allSatisfy { $0.span != nil } ? nil : "a problem has no place"
    }
    if report.hasErrors { return "taken with an error" }
    let printed = tree.canonicalText
    guard let again = Expression.parse(printed, at: span, report: &report) else {
      return "its own spelling is refused"
    }
    if again.withoutPlaces != tree.withoutPlaces { return "its own spelling is another tree" }
    if again.canonicalText != printed { return "its spelling has a spelling" }
    var ignored = Diagnostics()
    if let value = tree.scalar({ _, _ in .int(3) }, report: &ignored) {
      if case .double(let number) = value, !number.isFinite { return "no finite number" }
    } else if !ignored.hasErrors {
      return "no value and no error"
    }
    var problems = Diagnostics()
    guard
      let expression = ColumnExpression(text, at: span, schema: batch.schema, report: &problems)
    else { return problems.hasErrors ? nil : "a misfit without an error" }
    guard let column = try? expression.evaluate(batch) else { return nil }
    if column.type != expression.type { return "the column has another type" }
    if column.count != batch.rows { return "the column has another length" }
    if case .double(let numbers) = column.values {
      for row in 0..<2 where !column.isMissing(row) && numbers[row].isNaN { return "NaN" }
    }
    return nil
  }
}

extension Expression {
  /// With every place the same, to compare trees.
  fileprivate var withoutPlaces: Expression {
    let none = SourceSpan(file: "", line: 1, column: 1)
    return switch self {
    case .null: .null(none)
    case .bool(let value, _): .bool(value, none)
    case .int(let value, _): .int(value, none)
    case .double(let value, _): .double(value, none)
    case .text(let value, _): .text(value, none)
    case .name(let name, _): .name(name, none)
    case .member(let base, let name, _): .member(base.withoutPlaces, name, none)
    case .call(let name, let items, _): .call(name, items.map(\.withoutPlaces), none)
    case .unary(let name, let operand, _): .unary(name, operand.withoutPlaces, none)
    case .binary(let name, let a, let b, _):
      .binary(name, a.withoutPlaces, b.withoutPlaces, none)
    case .list(let items, _): .list(items.map(\.withoutPlaces), none)
    }
  }
}
