import AdmixData

/// How many rows have each combination of the values of some columns; exact, and can be added up.
package struct CountTable: Hashable, Sendable, Codable {
  package struct Axis: Hashable, Sendable, Codable {
    package var column: String
    /// In the order of `CountTable.precedes`; a missing value has the code after the last of them.
    package var values: [String]

    package init(column: String, values: [String]) {
      self.column = column
      self.values = values
    }

    package var size: Int { values.count + 1 }

    /// Byte for byte: the same text in two spellings is two values.
    package static func == (a: Axis, b: Axis) -> Bool {
      a.column == b.column
        && a.values.elementsEqual(b.values) { $0.utf8.elementsEqual($1.utf8) }
    }

    package func hash(into hasher: inout Hasher) {
      hasher.combine(column)
      for value in values { hasher.combine(ExactText(value)) }
    }
  }

  package private(set) var axes: [Axis]
  /// The last axis varies fastest.
  package private(set) var counts: [Int]

  /// More cells than this are refused by who counts: people cannot read them, and memory is bounded.
  package static let mostCells = 1 << 22

  package init(axes: [Axis], counts: [Int]) {
    precondition(counts.count == Self.cells(axes), "a table with another number of cells")
    self.axes = axes
    self.counts = counts
  }

  package init(axes: [Axis]) {
    self.init(axes: axes, counts: Array(repeating: 0, count: Self.cells(axes)))
  }

  /// How many cells the axes span; more than `mostCells` where it cannot be counted.
  package static func cells(_ axes: [Axis]) -> Int {
    axes.reduce(1) { product, axis in
      let (cells, overflow) = product.multipliedReportingOverflow(by: axis.size)
      return overflow ? .max : cells
    }
  }

  package var total: Int { counts.reduce(0, +) }

  package func axis(_ column: String) -> Int? { axes.firstIndex { $0.column == column } }

  /// The codes of a cell, one per axis.
  package func codes(of cell: Int) -> [Int] {
    var rest = cell
    var codes = Array(repeating: 0, count: axes.count)
    for index in axes.indices.reversed() {
      codes[index] = rest % axes[index].size
      rest /= axes[index].size
    }
    return codes
  }

  package func cell(of codes: [Int]) -> Int {
    zip(codes, axes).reduce(0) { $0 * $1.1.size + $1.0 }
  }

  package subscript(codes: [Int]) -> Int { counts[cell(of: codes)] }

  /// Summed over all other axes, in the order given.
  package func marginal(_ columns: [String]) -> CountTable? {
    let kept = columns.compactMap { axis($0) }
    guard kept.count == columns.count else { return nil }
    var sum = CountTable(axes: kept.map { axes[$0] })
    let strides = sum.strides
    var steps = axes.map { Array(repeating: 0, count: $0.size) }
    for (position, index) in kept.enumerated() {
      for code in 0..<axes[index].size { steps[index][code] = code * strides[position] }
    }
    sum.pour(self, steps)
    return sum
  }

  /// How far apart in `counts` neighbouring codes of each axis are.
  private var strides: [Int] {
    var strides = Array(repeating: 1, count: axes.count)
    for index in axes.indices.dropLast().reversed() {
      strides[index] = strides[index + 1] * axes[index + 1].size
    }
    return strides
  }

  /// Adds the cells of another table, each at the sum of what its codes say.
  ///
  /// - Parameter steps: per axis of the other table and code, how far into `counts` it leads.
  private mutating func pour(_ other: CountTable, _ steps: [[Int]]) {
    guard let last = steps.last else {
      counts[0] += other.counts[0]
      return
    }
    // The outer axes move once for each run of the last one, like the wheels of a counter.
    var codes = Array(repeating: 0, count: steps.count - 1)
    var base = steps.dropLast().reduce(0) { $0 + $1[0] }
    for start in stride(from: 0, to: other.counts.count, by: last.count) {
      for code in last.indices {
        let count = other.counts[start + code]
        if count != 0 { counts[base + last[code]] += count }
      }
      for axis in codes.indices.reversed() {
        base -= steps[axis][codes[axis]]
        codes[axis] += 1
        if codes[axis] < steps[axis].count {
          base += steps[axis][codes[axis]]
          break
        }
        codes[axis] = 0
        base += steps[axis][0]
      }
    }
  }

  /// The rows that have one code of a column, without that column.
  package func slice(_ column: String, code: Int) -> CountTable? {
    guard let index = axis(column), code >= 0, code < axes[index].size else { return nil }
    var part = CountTable(axes: axes.enumerated().filter { $0.offset != index }.map(\.element))
    // The rows of one code lie in runs of one length, evenly apart.
    let run = strides[index]
    let whole = run * axes[index].size
    for (position, start) in stride(from: code * run, to: counts.count, by: whole).enumerated() {
      for offset in 0..<run { part.counts[position * run + offset] = counts[start + offset] }
    }
    return part
  }

  /// Adds the rows of another part of the data, whose columns may have other values.
  ///
  /// The result does not depend on which of the two was first, nor on how parts were grouped.
  package func adding(_ other: CountTable) -> CountTable {
    precondition(axes.map(\.column) == other.axes.map(\.column), "tables over other columns")
    if axes == other.axes {
      return CountTable(axes: axes, counts: zip(counts, other.counts).map(+))
    }
    let joined = zip(axes, other.axes).map { a, b in
      Axis(
        column: a.column,
        values: CategoryIndex.distinct(a.values + b.values).sorted(by: Self.precedes))
    }
    var sum = CountTable(axes: joined)
    for table in [self, other] { sum.pour(table) }
    return sum
  }

  /// The same rows over axes that hold all values of these and maybe more.
  package func widened(to wider: [Axis]) -> CountTable {
    if axes == wider { return self }
    var table = CountTable(axes: wider)
    table.pour(self)
    return table
  }

  private mutating func pour(_ other: CountTable) {
    let strides = strides
    let steps = zip(axes, other.axes).enumerated().map { index, pair in
      let (wide, narrow) = pair
      let codes = CategoryIndex(wide.values)
      return
        (narrow.values.map { codes.code(of: $0).map(Int.init) ?? wide.values.count }
        + [wide.values.count])
        .map { $0 * strides[index] }
    }
    pour(other, steps)
  }

  /// Whole numbers by size, before texts by their UTF-8 bytes.
  package static func precedes(_ a: String, _ b: String) -> Bool {
    switch (Int64(a), Int64(b)) {
    case (let x?, let y?): x == y ? a.utf8.lexicographicallyPrecedes(b.utf8) : x < y
    case (.some, nil): true
    case (nil, .some): false
    case (nil, nil): a.utf8.lexicographicallyPrecedes(b.utf8)
    }
  }
}
