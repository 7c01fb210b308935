import AdmixData
import AdmixModel
import AdmixTestSupport

/// Batches of every column type with missing values, odd texts and extreme numbers.
enum RandomBatches {
  static let words = [
    "", " ", "a", "é", "e\u{301}", "naïve \"quoted\"", "line\nbreak", "comma,semi;tab\t", "日本語",
    "NA",
    "null", "\u{1F600}", "1.50", "\u{0}nul", "\r\n", "'", "\\", "\u{FEFF}bom",
  ]
  static let doubles: [Double] = [
    0, -0.0, 1, -1.5, 0.1, 1e300, -1e-300, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
    123_456_789.125, 1e21, 5e-7,
  ]

  static func make(
    _ random: inout SeededRandom, rows: Int, types: [ColumnType] = ColumnType.allCases
  )
    -> Batch
  {
    var schema = Schema()
    var columns: [Column] = []
    for (index, type) in types.enumerated() {
      let categories =
        type == .category
        ? Array(
          words.shuffled(using: &random).prefix(Int.random(in: 1...words.count, using: &random))
        )
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } : []
      let column = ColumnSchema(
        "\(type.rawValue)_\(index)", type, categories: categories,
        isUTC: type == .datetime && Bool.random(using: &random))
      let missing: Double = [0.0, 0.3, 1.0].randomElement(using: &random) ?? 0
      var builder = ColumnBuilder(column, capacity: rows)
      for _ in 0..<rows {
        if Double.random(in: 0..<1, using: &random) < missing {
          builder.appendMissing()
        } else {
          append(column, to: &builder, &random)
        }
      }
      schema.columns.append(column)
      columns.append(builder.finish())
    }
    return Batch(schema: schema, columns: columns, rows: rows)
  }

  private static func append(
    _ column: ColumnSchema, to builder: inout ColumnBuilder, _ random: inout SeededRandom
  ) {
    switch column.type {
    case .bool: builder.append(bool: Bool.random(using: &random))
    case .int:
      builder.append(
        int: [0, -1, 7, Int64.max, Int64.min, Int64.random(in: -99...99, using: &random)]
          .randomElement(using: &random) ?? 0)
    case .double: builder.append(double: doubles.randomElement(using: &random) ?? 0)
    case .text: builder.append(text: words.randomElement(using: &random) ?? "")
    case .category:
      builder.append(code: Int.random(in: 0..<column.categories.count, using: &random))
    case .date: builder.append(days: Int32.random(in: -200_000...200_000, using: &random))
    case .datetime:
      builder.append(
        microseconds: Int64.random(
          in: -20_000_000_000_000_000...20_000_000_000_000_000, using: &random))
    }
  }
}
