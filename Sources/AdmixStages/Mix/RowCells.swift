import AdmixData
import AdmixModel

/// The values that the rows of a cell have in common, in the order of the columns; nil is missing.
///
/// Texts are told apart by their bytes, as the data does.
struct CellKey: Hashable, Comparable, Sendable, Codable {
  let values: [String?]

  init(_ values: [String?]) { self.values = values }

  init(from decoder: any Decoder) throws {
    values = try decoder.singleValueContainer().decode([String?].self)
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(values)
  }

  static func == (a: CellKey, b: CellKey) -> Bool {
    guard a.values.count == b.values.count else { return false }
    for (x, y) in zip(a.values, b.values) {
      switch (x, y) {
      case (nil, nil): continue
      case (let x?, let y?) where x.utf8.elementsEqual(y.utf8): continue
      default: return false
      }
    }
    return true
  }

  func hash(into hasher: inout Hasher) {
    for value in values {
      hasher.combine(value == nil)
      for byte in (value ?? "").utf8 { hasher.combine(byte) }
      hasher.combine(0xff as UInt8)
    }
  }

  /// By UTF-8 bytes, column by column, missing last.
  static func < (a: CellKey, b: CellKey) -> Bool {
    for (x, y) in zip(a.values, b.values) {
      switch (x, y) {
      case (nil, nil): continue
      case (nil, _): return false
      case (_, nil): return true
      case (let x?, let y?):
        if CategoryIndex.precedes(x, y) { return true }
        if CategoryIndex.precedes(y, x) { return false }
      }
    }
    return a.values.count < b.values.count
  }

  /// Tells the random numbers of cells apart.
  var salt: String { JSONValue.array(values.map { JSONValue($0) }).text }
}

/// Which cell each row of a batch is in, a cell being a combination of values of some columns.
struct RowCells {
  /// By row, an index into `keys`.
  let cells: [Int32]
  /// The cells that occur, in the order of their first row.
  let keys: [CellKey]

  /// - Parameter columns: none puts every row into one cell.
  init(_ batch: Batch, columns: [String]) {
    var cells = [Int32](repeating: 0, count: batch.rows)
    var keys = [CellKey([])]
    for name in columns {
      guard let column = batch[name] else { continue }
      let (codes, levels) = Self.levels(column)
      var dense: [Int64: Int32] = [:]
      var next: [CellKey] = []
      for row in 0..<batch.rows {
        let pair = Int64(cells[row]) << 32 | Int64(codes[row])
        if let known = dense[pair] {
          cells[row] = known
        } else {
          let made = Int32(next.count)
          next.append(CellKey(keys[Int(cells[row])].values + [levels[Int(codes[row])]]))
          dense[pair] = made
          cells[row] = made
        }
      }
      keys = next
    }
    self.cells = cells
    self.keys = batch.rows == 0 ? [] : keys
  }

  /// How many rows each of `keys` has.
  var counts: [Int] {
    var counts = [Int](repeating: 0, count: keys.count)
    for cell in cells { counts[Int(cell)] += 1 }
    return counts
  }

  /// A dense code for each row, and what the codes stand for.
  private static func levels(_ column: Column) -> ([Int32], [String?]) {
    let count = column.count
    var codes = [Int32](repeating: 0, count: count)
    var levels: [String?] = []
    if case .category(let own, let categories) = column.values {
      levels = categories.map { $0 } + [nil]
      let own = own.unsafe
      for row in 0..<count {
        codes[row] = column.isMissing(row) ? Int32(categories.count) : own[row]
      }
      return (codes, levels)
    }
    var known: [CellKey: Int32] = [:]
    for row in 0..<count {
      let text = column.isMissing(row) ? nil : column.text(row)
      let key = CellKey([text])
      if let code = known[key] {
        codes[row] = code
      } else {
        codes[row] = Int32(levels.count)
        known[key] = codes[row]
        levels.append(text)
      }
    }
    return (codes, levels)
  }
}

extension Column {
  /// A value that is not missing, as people write it; −0 is 0, as it is when rows are compared.
  func text(_ row: Int) -> String {
    switch values {
    case .bool(let bits): bits[row] ? "true" : "false"
    case .int(let buffer): String(buffer[row])
    case .double(let buffer): "\(buffer[row] + 0)"
    case .text(let texts): texts[row]
    case .category(let codes, let categories): categories[Int(codes[row])]
    case .date(let days): CivilDate.text(days: Int(days[row]))
    case .datetime(let instants): CivilDate.text(microseconds: instants[row])
    }
  }
}

/// Rows by cell, partition by partition.
struct CellCounts: Sendable, Codable {
  /// Sorted.
  var keys: [CellKey]
  /// By partition, then by cell.
  var counts: [[Int]]

  /// All rows in one cell.
  init(partitionRows: [Int]) {
    keys = [CellKey([])]
    counts = partitionRows.map { [$0] }
  }

  /// Puts the counts of partitions, each with its own cells, side by side.
  init(merging parts: [(keys: [CellKey], counts: [Int])], keys all: [CellKey]? = nil) {
    let keys = all ?? Set(parts.flatMap(\.keys)).sorted()
    let index = Dictionary(keys.enumerated().map { ($1, $0) }) { first, _ in first }
    counts = parts.map { part in
      var row = [Int](repeating: 0, count: keys.count)
      for (key, count) in zip(part.keys, part.counts) {
        if let at = index[key] { row[at] += count }
      }
      return row
    }
    self.keys = keys
  }

  /// How many rows each cell has.
  var totals: [Int] {
    var sums = [Int](repeating: 0, count: keys.count)
    for row in counts { for (cell, count) in row.enumerated() { sums[cell] += count } }
    return sums
  }
}
