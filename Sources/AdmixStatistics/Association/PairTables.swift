package import AdmixData
import AdmixModel

/// How the values of a column fall into bins that two tables share.
///
/// Numbers into the reference's deciles, open at both ends; categories each into its own, the rarest
/// ones together where there are too many. The last bin holds what is missing.
package struct Binning: Sendable, Codable, Hashable {
  package var column: String
  /// For numbers: a value belongs to the first bin whose edge it does not exceed.
  package var edges: [Double]?
  /// Otherwise, rising by bytes.
  package var categories: [String]?

  /// One for what fits nowhere (a bin without an upper edge, or other categories), one for missing.
  package var bins: Int { (edges?.count ?? categories?.count ?? 0) + 2 }

  package init(column: String, edges: [Double]) {
    self.column = column
    self.edges = edges
  }

  package init(column: String, categories: [String]) {
    self.column = column
    self.categories = categories
  }

  /// - Parameters:
  ///   - reference: the real column.
  ///   - other: where categories may occur that the reference lacks.
  ///   - most: at most this many categories; the most frequent of the reference stay.
  /// - Returns: nil where there are too many texts.
  package init?(
    column: String, reference: ValueCounts, other: ValueCounts, bins: Int = 10, most: Int = 256
  ) {
    switch (reference.values, other.values) {
    case (.numbers(let values, let counts), .numbers):
      self.init(column: column, edges: Self.quantiles(values, counts, bins: bins))
    case (.texts(let names, let counts), .texts(let more, let moreCounts)):
      var all = ValueCounts(values: .texts(names, counts: counts), missing: 0)
      all.merge(ValueCounts(values: .texts(more, counts: moreCounts.map { _ in 0 }), missing: 0))
      guard case .texts(let union, let real) = all.values else { return nil }
      let kept = union.indices.sorted { (-real[$0], $0) < (-real[$1], $1) }.prefix(most).sorted()
      self.init(column: column, categories: kept.map { union[$0] })
    default: return nil
    }
  }

  /// The values at cumulative shares 1/bins, 2/bins … (inverse of the distribution function).
  private static func quantiles(_ values: [Double], _ counts: [Int], bins: Int) -> [Double] {
    let total = counts.reduce(0, +)
    var edges: [Double] = []
    var seen = 0
    var step = 1
    for (value, count) in zip(values, counts) {
      seen += count
      while step < bins, seen * bins >= step * total {
        if edges.last != value { edges.append(value) }
        step += 1
      }
    }
    return edges
  }

  /// The bin of each row; the rows of a column of another kind are all missing.
  package func codes(_ column: Column) -> [Int32] {
    let last = Int32(bins - 1)
    let other = Int32(bins - 2)
    var out = [Int32](repeating: last, count: column.count)
    if let edges {
      let numbers = column.numbers
      for row in numbers.indices where !numbers[row].isNaN {
        var low = 0
        var high = edges.count
        while low < high {
          let middle = (low + high) / 2
          if numbers[row] <= edges[middle] { high = middle } else { low = middle + 1 }
        }
        out[row] = Int32(low)
      }
      return out
    }
    let names = categories ?? []
    func place(_ text: String) -> Int32 {
      var low = 0
      var high = names.count
      while low < high {
        let middle = (low + high) / 2
        if names[middle].utf8.lexicographicallyPrecedes(text.utf8) {
          low = middle + 1
        } else {
          high = middle
        }
      }
      return low < names.count && names[low].utf8.elementsEqual(text.utf8) ? Int32(low) : other
    }
    switch column.values {
    case .category(let codes, let categories):
      let places = categories.map(place)
      for row in out.indices where !column.isMissing(row) { out[row] = places[Int(codes[row])] }
    case .bool(let bits):
      let places = [place("false"), place("true")]
      for row in out.indices where !column.isMissing(row) { out[row] = places[bits[row] ? 1 : 0] }
    case .text(let texts):
      for row in out.indices where !column.isMissing(row) { out[row] = place(texts[row]) }
    default: break
    }
    return out
  }
}

/// Which pairs of binned columns are counted together.
package struct PairPlan: Sendable, Codable, Hashable {
  package var columns: [Binning]
  /// Positions in `columns`, the smaller one first.
  package var pairs: [[Int]]

  package init(columns: [Binning], pairs: [[Int]]) {
    self.columns = columns
    self.pairs = pairs
  }

  package var cells: Int {
    pairs.reduce(0) { $0 + columns[$1[0]].bins * columns[$1[1]].bins }
  }
}

/// Dense joint counts, a matrix for each pair of the plan, row by row.
package struct PairTables: Sendable, Equatable {
  package var tables: [[Int]]

  package init(tables: [[Int]]) { self.tables = tables }

  /// Of no rows.
  package init(plan: PairPlan) {
    tables = plan.pairs.map { pair in
      [Int](repeating: 0, count: plan.columns[pair[0]].bins * plan.columns[pair[1]].bins)
    }
  }

  package init(_ batch: Batch, plan: PairPlan) {
    let codes = plan.columns.map { binning in
      batch[binning.column].map { binning.codes($0) }
        ?? [Int32](repeating: Int32(binning.bins - 1), count: batch.rows)
    }
    tables = plan.pairs.map { pair in
      let width = plan.columns[pair[1]].bins
      var table = [Int](repeating: 0, count: plan.columns[pair[0]].bins * width)
      // Codes are below their column's bin count, by construction above.
      codes[pair[0]].withUnsafeBufferPointer { a in
        codes[pair[1]].withUnsafeBufferPointer { b in
          table.withUnsafeMutableBufferPointer { out in
            for row in 0..<batch.rows { out[Int(a[row]) &* width &+ Int(b[row])] &+= 1 }
          }
        }
      }
      return table
    }
  }

  package mutating func merge(_ other: PairTables) throws {
    guard other.tables.map(\.count) == tables.map(\.count) else { throw PackedReader.damaged }
    for index in tables.indices {
      for cell in tables[index].indices { tables[index][cell] += other.tables[index][cell] }
    }
  }

  package func write(to out: inout PackedWriter) {
    out.append(tables.count)
    for table in tables { out.append(table) }
  }

  package init(from reader: inout PackedReader) throws {
    let count = try reader.count()
    tables = []
    for _ in 0..<count { tables.append(try reader.ints()) }
  }
}
