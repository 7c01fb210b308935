import Foundation

extension String {
  /// Whether its UTF-8 comes before the other's, byte by byte: the order of file names everywhere, and of
  /// texts in SQLite.
  package func precedesInBytes(_ other: String) -> Bool {
    let direct = utf8.withContiguousStorageIfAvailable { a in
      other.utf8.withContiguousStorageIfAvailable { b -> Bool in
        guard let x = a.baseAddress, let y = b.baseAddress else { return a.count < b.count }
        let order = memcmp(x, y, min(a.count, b.count))
        return order == 0 ? a.count < b.count : order < 0
      }
    }
    return (direct ?? nil) ?? utf8.lexicographicallyPrecedes(other.utf8)
  }
}
