package import AdmixModel

/// What a column holds, in figures that merge: a profile of two parts is the profile of the whole.
package struct ColumnProfile: Hashable, Sendable, Codable {
  /// The smallest and the largest value that is there.
  package enum Extent: Hashable, Sendable, Codable {
    /// There is no value.
    case none
    case int(Int64, Int64)
    /// Without values that are not a number.
    case double(Double, Double)
    /// In days since 1970-01-01.
    case date(Int32, Int32)
    /// In microseconds since 1970-01-01.
    case datetime(Int64, Int64)
    /// How often false and true occur.
    case bool(Int, Int)
    /// Bytes of the shortest and the longest text in UTF-8.
    case length(Int, Int)
  }

  package var rows: Int
  package var missing: Int
  /// Doubles that are no number.
  package var notNumbers: Int
  package var extent: Extent
  /// How many different values there are; nil where nobody counted.
  package var distinct: Int?

  /// Of no rows.
  package init() {
    rows = 0
    missing = 0
    notNumbers = 0
    extent = .none
  }

  package init(_ column: Column) {
    rows = column.count
    missing = column.missingCount
    notNumbers = 0
    extent = .none
    let validity = missing == 0 ? nil : column.validity
    switch column.values {
    case .int(let values): extent = Self.extent(values, validity).map { .int($0, $1) } ?? .none
    case .datetime(let values):
      extent = Self.extent(values, validity).map { .datetime($0, $1) } ?? .none
    case .date(let values): extent = Self.extent(values, validity).map { .date($0, $1) } ?? .none
    case .double(let values): measure(values, validity)
    case .bool(let bits):
      var counts = (no: 0, yes: 0)
      for row in 0..<rows where validity?[row] ?? true {
        if bits[row] { counts.yes += 1 } else { counts.no += 1 }
      }
      if rows > missing { extent = .bool(counts.no, counts.yes) }
    case .text(let texts):
      extent =
        Self.lengths(validity, rows) { texts.offsets[$0 + 1] - texts.offsets[$0] } ?? .none
    case .category(let codes, let categories):
      let lengths = categories.map { Int32($0.utf8.count) }
      extent = Self.lengths(validity, rows) { lengths[Int(codes[$0])] } ?? .none
    }
  }

  private static func lengths(_ validity: Bitmap?, _ rows: Int, _ length: (Int) -> Int32) -> Extent?
  {
    var (least, most) = (Int32.max, Int32.min)
    for row in 0..<rows where validity?[row] ?? true {
      let length = length(row)
      least = min(least, length)
      most = max(most, length)
    }
    return least <= most ? .length(Int(least), Int(most)) : nil
  }

  private static func extent<Element: FixedWidthInteger & BitwiseCopyable & Sendable>(
    _ values: Buffer<Element>, _ validity: Bitmap?
  ) -> (Element, Element)? {
    var (least, most) = (Element.max, Element.min)
    let values = values.unsafe
    if let validity {
      for row in 0..<values.count where validity[row] {
        least = min(least, values[row])
        most = max(most, values[row])
      }
    } else {
      for value in values {
        least = min(least, value)
        most = max(most, value)
      }
    }
    return least <= most ? (least, most) : nil
  }

  private mutating func measure(_ values: Buffer<Double>, _ validity: Bitmap?) {
    var (least, most) = (Double.infinity, -Double.infinity)
    var (numbers, others) = (0, 0)
    let values = values.unsafe
    for row in 0..<values.count where validity?[row] ?? true {
      let value = values[row]
      if value.isNaN {
        others += 1
        continue
      }
      numbers += 1
      if value < least { least = value }
      if value > most { most = value }
    }
    notNumbers = others
    // A zero has one sign here, or the order of rows would show.
    if numbers > 0 { extent = .double(least + 0, most + 0) }
  }

  /// Adds the rows of another part; how many different values both have together is not known.
  package mutating func merge(_ other: ColumnProfile) {
    rows += other.rows
    missing += other.missing
    notNumbers += other.notNumbers
    distinct = nil
    switch (extent, other.extent) {
    case (_, .none): break
    case (.none, let extent): self.extent = extent
    case (.int(let a, let b), .int(let c, let d)): extent = .int(min(a, c), max(b, d))
    case (.double(let a, let b), .double(let c, let d)): extent = .double(min(a, c), max(b, d))
    case (.date(let a, let b), .date(let c, let d)): extent = .date(min(a, c), max(b, d))
    case (.datetime(let a, let b), .datetime(let c, let d)):
      extent = .datetime(min(a, c), max(b, d))
    case (.bool(let a, let b), .bool(let c, let d)): extent = .bool(a + c, b + d)
    case (.length(let a, let b), .length(let c, let d)): extent = .length(min(a, c), max(b, d))
    default: preconditionFailure("profiles of different types are put together")
    }
  }
}

/// The profile of a table, column by column.
package struct TableProfile: Hashable, Sendable, Codable {
  package var columns: [ColumnProfile]

  /// Of no rows.
  package init(columns: Int) { self.columns = Array(repeating: ColumnProfile(), count: columns) }

  package init(_ batch: Batch) { columns = batch.columns.map { ColumnProfile($0) } }

  package mutating func merge(_ other: TableProfile) {
    for index in columns.indices { columns[index].merge(other.columns[index]) }
  }

  /// Counts of different values that follow from the schema, as every category occurs.
  package mutating func takeCategories(of schema: Schema) {
    for (index, column) in schema.columns.enumerated() where column.type == .category {
      columns[index].distinct = column.categories.count
    }
  }

  /// The extent of a column as people read it, least first; nothing where there is none.
  package static func texts(_ column: ColumnProfile, _ schema: ColumnSchema) -> (String, String) {
    func render(_ body: (inout [UInt8]) -> Void) -> String {
      var out: [UInt8] = []
      body(&out)
      return String(decoding: out, as: UTF8.self)
    }
    switch column.extent {
    case .none: return ("", "")
    case .int(let a, let b): return ("\(a)", "\(b)")
    case .double(let a, let b):
      return (
        render { TextRendering.append(a, decimals: schema.decimals, to: &$0) },
        render { TextRendering.append(b, decimals: schema.decimals, to: &$0) }
      )
    case .date(let a, let b):
      return (
        render { TextRendering.append(days: Int64(a), to: &$0) },
        render { TextRendering.append(days: Int64(b), to: &$0) }
      )
    case .datetime(let a, let b):
      return (
        render { TextRendering.append(microseconds: a, isUTC: schema.isUTC, to: &$0) },
        render { TextRendering.append(microseconds: b, isUTC: schema.isUTC, to: &$0) }
      )
    case .bool(let no, let yes): return (no > 0 ? "false" : "true", yes > 0 ? "true" : "false")
    case .length(let a, let b):
      return schema.type == .category ? ("", "") : ("\(a) B", "\(b) B")
    }
  }
}
