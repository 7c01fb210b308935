package import AdmixData
package import AdmixModel

/// A column as small codes into a list of its values, missing values with the code after the last.
package struct CodedColumn: Sendable {
  package let values: [String]
  package let codes: Buffer<Int32>

  package var size: Int { values.count + 1 }

  package enum Refusal: Error, Hashable, Sendable {
    /// More distinct values than make sense as groups.
    case tooManyValues(Int)
    /// Fractions and times are not groups; they have to be binned first.
    case notGroups(ColumnType)
  }

  /// Columns that are not categories may have this many distinct values.
  package static let mostValues = 1000

  package init(_ column: Column) throws(Refusal) {
    switch column.values {
    case .category(let codes, let categories):
      let order = categories.indices.sorted {
        CountTable.precedes(categories[$0], categories[$1])
      }
      values = order.map { categories[$0] }
      var ranks = Array(repeating: Int32(0), count: categories.count)
      for (rank, code) in order.enumerated() { ranks[code] = Int32(rank) }
      let isSorted = order == Array(categories.indices)
      if isSorted, column.validity == nil {
        self.codes = codes
      } else {
        self.codes = Self.coded(column, missing: categories.count) { ranks[Int(codes[$0])] }
      }
    case .bool(let bits):
      values = ["false", "true"]
      codes = Self.coded(column, missing: 2) { bits[$0] ? 1 : 0 }
    case .int(let numbers): (values, codes) = try Self.whole(column, numbers)
    case .text(let texts): (values, codes) = try Self.texts(column, texts)
    case .double: throw .notGroups(.double)
    case .date: throw .notGroups(.date)
    case .datetime: throw .notGroups(.datetime)
    }
  }

  private static func coded(_ column: Column, missing: Int, _ code: (Int) -> Int32) -> Buffer<Int32>
  {
    let missing = Int32(missing)
    return Buffer<Int32>(count: column.count) { out in
      if let validity = column.validity {
        for row in 0..<column.count { out[row] = validity[row] ? code(row) : missing }
      } else {
        for row in 0..<column.count { out[row] = code(row) }
      }
    }
  }

  private static func whole(_ column: Column, _ numbers: Buffer<Int64>) throws(Refusal)
    -> ([String], Buffer<Int32>)
  {
    var low = Int64.max
    var high = Int64.min
    for (row, number) in numbers.unsafe.enumerated() where !column.isMissing(row) {
      low = min(low, number)
      high = max(high, number)
    }
    if low > high { return ([], coded(column, missing: 0) { _ in 0 }) }
    let (width, overflow) = high.subtractingReportingOverflow(low)
    // Groups are few and near each other (0 and 1, years, ages): a table finds them fastest.
    if !overflow, width < 1 << 16 {
      var seen = Array(repeating: Int32(0), count: Int(width) + 1)
      for (row, number) in numbers.unsafe.enumerated() where !column.isMissing(row) {
        seen[Int(number - low)] = 1
      }
      var values: [String] = []
      for offset in seen.indices where seen[offset] == 1 {
        seen[offset] = Int32(values.count)
        values.append("\(low + Int64(offset))")
      }
      guard values.count <= mostValues else { throw .tooManyValues(values.count) }
      return (values, coded(column, missing: values.count) { seen[Int(numbers[$0] - low)] })
    }
    var table: [Int64: Int32] = [:]
    for (row, number) in numbers.unsafe.enumerated() where !column.isMissing(row) {
      table[number] = 0
      guard table.count <= mostValues else { throw .tooManyValues(table.count) }
    }
    let sorted = table.keys.sorted()
    for (code, number) in sorted.enumerated() { table[number] = Int32(code) }
    return (
      sorted.map { "\($0)" }, coded(column, missing: sorted.count) { table[numbers[$0]] ?? 0 }
    )
  }

  private static func texts(_ column: Column, _ texts: TextBuffer) throws(Refusal)
    -> ([String], Buffer<Int32>)
  {
    var table: [ExactText: Int32] = [:]
    for row in 0..<column.count where !column.isMissing(row) {
      table[ExactText(texts[row])] = 0
      guard table.count <= mostValues else { throw .tooManyValues(table.count) }
    }
    let sorted = table.keys.map(\.text).sorted(by: CountTable.precedes)
    for (code, text) in sorted.enumerated() { table[ExactText(text)] = Int32(code) }
    return (sorted, coded(column, missing: sorted.count) { table[ExactText(texts[$0])] ?? 0 })
  }
}
