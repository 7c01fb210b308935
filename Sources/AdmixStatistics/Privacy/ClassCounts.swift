package import AdmixData
import AdmixModel
package import Foundation

/// How many rows of a part of the data each equivalence class has, and each sensitive value in it.
///
/// A class is the rows that agree in all quasi-identifiers, missing values included. Values are known
/// by keys alone. What lies in one `KeyBucket` can be read and added up by itself, since equal keys are
/// in one bucket.
package struct ClassCounts: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    package var group: RowKey
    package var value: RowKey
    package var count: Int
  }

  /// Rising by class, then by value; each pair once.
  package private(set) var entries: [Entry]

  /// - Parameter values: as many as there are classes, one for each row; without them rows are counted.
  package init(_ groups: [RowKey], values: [RowKey]? = nil) {
    let none = RowKey(high: 0, low: 0)
    entries = groups.indices.map { row in
      Entry(group: groups[row], value: values.map { $0[row] } ?? none, count: 1)
    }
    collect()
  }

  /// - Parameter values: rising.
  init(oneClassOf values: [RowKey], counts: [Int]) {
    entries = zip(values, counts).map {
      Entry(group: RowKey(high: 0, low: 0), value: $0, count: $1)
    }
  }

  /// The sum of several parts.
  package init(adding parts: [ClassCounts]) {
    entries = parts.flatMap(\.entries)
    collect()
  }

  private mutating func collect() {
    entries.sort { ($0.group, $0.value) < ($1.group, $1.value) }
    var kept = 0
    for entry in entries {
      if kept > 0, entries[kept - 1].group == entry.group, entries[kept - 1].value == entry.value {
        entries[kept - 1].count += entry.count
      } else {
        entries[kept] = entry
        kept += 1
      }
    }
    entries.removeLast(entries.count - kept)
  }

  /// Two files whose places are one another's: classes with counts, and values.
  package func write() -> (groups: Data, values: Data) {
    var groups = PackedWriter()
    KeyFile.write(entries.map(\.group), rows: entries.map(\.count), to: &groups)
    var values = PackedWriter()
    KeyFile.write(entries.map(\.value), to: &values)
    return (groups.data, values.data)
  }

  /// The classes of a bucket from what `write` gave.
  package init(groups: Data, values: Data, bucket: KeyBucket) throws {
    let file = try KeyFile(groups)
    let others = try KeyFile(values)
    guard file.count == others.count else { throw PackedReader.damaged }
    let places = try file.places(bucket)
    let (keys, counts) = (try file.keys(places), try file.rows(places))
    let named = try others.keys(places)
    guard counts.allSatisfy({ $0 > 0 }) else { throw PackedReader.damaged }
    entries = keys.indices.map { Entry(group: keys[$0], value: named[$0], count: counts[$0]) }
  }

  /// The entries of each class, in rising order.
  package func forEachClass(_ body: (ArraySlice<Entry>) -> Void) {
    var start = 0
    while start < entries.count {
      var end = start + 1
      while end < entries.count, entries[end].group == entries[start].group { end += 1 }
      body(entries[start..<end])
      start = end
    }
  }
}

/// Keys of sensitive values, of which those of numbers and times are in their order.
package enum ValueKeys {
  /// After all values.
  package static let missing = RowKey(high: .max, low: .max)

  package static func keys(_ column: Column, rows: Int) -> [RowKey] {
    func ordered(_ key: (Int) -> UInt64) -> [RowKey] {
      (0..<min(rows, column.count)).map {
        column.isMissing($0) ? missing : RowKey(high: key($0), low: 0)
      }
    }
    func whole(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) ^ 1 << 63 }
    switch column.values {
    case .int(let values): return ordered { whole(values[$0]) }
    case .datetime(let values): return ordered { whole(values[$0]) }
    case .date(let values): return ordered { whole(Int64(values[$0])) }
    case .double(let values):
      return (0..<min(rows, column.count)).map { row in
        let value = values[row]
        if column.isMissing(row) || value.isNaN { return missing }
        // One zero, not two that are equal and yet have an order.
        let bits = (value == 0 ? 0 : value).bitPattern
        return RowKey(high: bits >> 63 == 1 ? ~bits : bits | 1 << 63, low: 0)
      }
    case .bool, .category, .text: return RowHash.keys([column], rows: rows)
    }
  }
}
