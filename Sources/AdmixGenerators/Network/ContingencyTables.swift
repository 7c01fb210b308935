import AdmixModel

/// Contingency tables of some columns each, in whole numbers, so that partitions add up to the same
/// table however the rows were divided.
///
/// The last column of a scope varies fastest. Bytes hold the cells that are not zero,
/// as the distance from the one before and the count, and a zero at the end.
struct ContingencyTables {
  let scopes: [[Int]]
  /// How many levels each column has.
  let levels: [Int]
  private(set) var cells: [[UInt32]]

  init(_ scopes: [[Int]], levels: [Int]) {
    self.scopes = scopes
    self.levels = levels
    cells = scopes.map { [UInt32](repeating: 0, count: Self.size($0, levels)) }
  }

  /// How many cells a table has; `Int.max` where that is no number.
  static func size(_ scope: [Int], _ levels: [Int]) -> Int {
    scope.reduce(1) { size, column in
      let (product, overflow) = size.multipliedReportingOverflow(by: levels[column])
      return overflow ? .max : product
    }
  }

  /// Counts the rows of one partition, table after table, and writes each at once.
  static func count(
    _ scopes: [[Int]], _ codes: LevelRows, levels: [Int], to writer: inout ByteWriter
  ) {
    let largest = scopes.map { size($0, levels) }.max() ?? 0
    var table = [UInt32](repeating: 0, count: largest)
    // The index over all but the last two columns is the same for many scopes one after the other.
    var prefix: [Int] = []
    var prefixIndex = [UInt32](repeating: 0, count: codes.rows)
    for scope in scopes {
      let size = size(scope, levels)
      let before = Array(scope.dropLast(2))
      if before != prefix {
        prefix = before
        codes.index(before, levels: levels, into: &prefixIndex)
      }
      table.withUnsafeMutableBufferPointer { table in
        for cell in 0..<size { table[cell] = 0 }
        codes.count(scope, levels: levels, prefix: prefixIndex, into: table)
        writeSparse(UnsafeBufferPointer(rebasing: table[..<size]), to: &writer)
      }
    }
  }

  private static func writeSparse(
    _ table: UnsafeBufferPointer<UInt32>, to writer: inout ByteWriter
  ) {
    var last = -1
    var cell = 0
    let count = table.count
    while cell < count {
      // Most cells of a large table are zero: eight at a time.
      if cell + 8 <= count,
        table[cell] | table[cell + 1] | table[cell + 2] | table[cell + 3] | table[cell + 4]
          | table[cell + 5] | table[cell + 6] | table[cell + 7] == 0
      {
        cell += 8
        continue
      }
      if table[cell] > 0 {
        writer.write(varint: UInt64(cell - last))
        writer.write(varint: UInt64(table[cell]))
        last = cell
      }
      cell += 1
    }
    writer.write(varint: 0)
  }

  /// Adds what `count` or `write` wrote for the same scopes.
  mutating func add(_ reader: inout ByteReader) throws {
    for index in cells.indices {
      let size = cells[index].count
      try cells[index].withUnsafeMutableBufferPointer { table in
        var cell = -1
        while true {
          let gap = try reader.varint()
          if gap == 0 { break }
          guard gap <= UInt64(size) else { throw DamagedBytes() }
          cell += Int(gap)
          guard cell < size, let count = UInt32(exactly: try reader.varint()) else {
            throw DamagedBytes()
          }
          let (sum, overflow) = table[cell].addingReportingOverflow(count)
          if overflow { throw TooManyRows() }
          table[cell] = sum
        }
      }
    }
  }

  /// Writes tables of some scopes, for `add` to read.
  static func write(_ tables: [[UInt32]], to writer: inout ByteWriter) {
    for table in tables {
      table.withUnsafeBufferPointer { writeSparse($0, to: &writer) }
    }
  }
}

/// The levels of the rows of one partition, column by column.
struct LevelRows {
  let rows: Int
  let columns: [[UInt16]]

  /// The place of each row among the combinations of some columns' levels.
  func index(_ scope: [Int], levels: [Int], into out: inout [UInt32]) {
    for row in 0..<rows { out[row] = 0 }
    out.withUnsafeMutableBufferPointer { out in
      for column in scope {
        let count = UInt32(levels[column])
        columns[column].withUnsafeBufferPointer { codes in
          for row in 0..<rows { out[row] = out[row] &* count &+ UInt32(codes[row]) }
        }
      }
    }
  }

  /// - Parameters:
  ///   - prefix: the index over all but the last two columns of the scope.
  ///   - table: at least as many cells as the scope has, all zero.
  func count(
    _ scope: [Int], levels: [Int], prefix: [UInt32], into table: UnsafeMutableBufferPointer<UInt32>
  ) {
    guard let last = scope.last else {
      if !table.isEmpty { table[0] = UInt32(rows) }
      return
    }
    let lastCount = UInt32(levels[last])
    columns[last].withUnsafeBufferPointer { b in
      guard scope.count > 1 else {
        for row in 0..<rows { table[Int(b[row])] &+= 1 }
        return
      }
      let other = scope[scope.count - 2]
      let otherCount = UInt32(levels[other])
      columns[other].withUnsafeBufferPointer { a in
        if scope.count == 2 {
          for row in 0..<rows { table[Int(UInt32(a[row]) &* lastCount &+ UInt32(b[row]))] &+= 1 }
          return
        }
        prefix.withUnsafeBufferPointer { prefix in
          for row in 0..<rows {
            let cell =
              (prefix[row] &* otherCount &+ UInt32(a[row])) &* lastCount &+ UInt32(b[row])
            table[Int(cell)] &+= 1
          }
        }
      }
    }
  }
}
