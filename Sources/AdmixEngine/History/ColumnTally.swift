import AdmixData
import AdmixModel

/// Adds up the figures of a dataset's columns, a partition at a time.
///
/// The sum of a column is taken in the order of its rows and compensated (Neumaier 1974), so a mean does
/// not depend on who asks. Different values are counted up to `distinctLimit` for each column.
struct ColumnTally {
  static let distinctLimit = 10_000

  private struct One {
    var sum = 0.0
    var lost = 0.0
    var count = 0
    /// Hashes of the values met, until there are too many.
    var values: Set<UInt64>? = []

    mutating func add(_ value: Double) {
      guard !value.isNaN else { return }
      count += 1
      let next = sum + value
      lost += abs(sum) >= abs(value) ? (sum - next) + value : (value - next) + sum
      sum = next
    }

    mutating func meet(_ hash: @autoclosure () -> UInt64) {
      guard values != nil else { return }
      values?.insert(hash())
      if let count = values?.count, count > ColumnTally.distinctLimit { values = nil }
    }

    var mean: Double? {
      guard count > 0 else { return nil }
      let mean = (sum.isFinite ? sum + lost : sum) / Double(count)
      return mean.isFinite ? mean : nil
    }
  }

  private let schema: Schema
  private var profile: TableProfile
  private var columns: [One]

  init(_ schema: Schema) {
    self.schema = schema
    profile = TableProfile(columns: schema.columns.count)
    columns = Array(repeating: One(), count: schema.columns.count)
  }

  mutating func add(_ batch: Batch) {
    profile.merge(TableProfile(batch))
    for (index, column) in batch.columns.enumerated() { Self.add(column, to: &columns[index]) }
  }

  private static func add(_ column: Column, to one: inout One) {
    let validity = column.missingCount == 0 ? nil : column.validity
    func each(_ body: (Int) -> Void) {
      for row in 0..<column.count where validity?[row] ?? true { body(row) }
    }
    switch column.values {
    case .int(let values):
      each { row in
        one.add(Double(values[row]))
        one.meet(UInt64(bitPattern: values[row]))
      }
    case .double(let values):
      each { row in
        one.add(values[row])
        // A zero has one sign here.
        one.meet((values[row] + 0).bitPattern)
      }
    case .date(let values):
      each { row in
        one.add(Double(values[row]))
        one.meet(UInt64(bitPattern: Int64(values[row])))
      }
    case .datetime(let values):
      each { row in
        one.add(Double(values[row]))
        one.meet(UInt64(bitPattern: values[row]))
      }
    case .bool(let bits):
      each { row in
        one.add(bits[row] ? 1 : 0)
        one.meet(bits[row] ? 1 : 0)
      }
    case .text(let texts): each { row in one.meet(hash(String(texts[row]))) }
    case .category(let codes, let categories):
      // Codes are a partition's own; the values are not.
      let hashes = categories.map(hash)
      each { row in one.meet(hashes[Int(codes[row])]) }
    }
  }

  /// FNV-1a over the bytes: equal texts in two partitions are one.
  private static func hash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  /// The figures of all rows added so far, column by column.
  ///
  /// - Parameter known: counts of different values that somebody made exactly.
  func figures(_ known: TableProfile?) -> [ColumnFigures] {
    schema.columns.enumerated().map { index, column in
      let facts = profile.columns[index]
      let (least, most) = TableProfile.texts(facts, column)
      let exact = known.flatMap {
        $0.columns.indices.contains(index) ? $0.columns[index].distinct : nil
      }
      return ColumnFigures(
        type: column.type, roles: column.roles, rows: facts.rows, missing: facts.missing,
        least: least.isEmpty ? nil : least, most: most.isEmpty ? nil : most,
        mean: columns[index].mean, distinct: columns[index].values?.count ?? exact)
    }
  }
}
