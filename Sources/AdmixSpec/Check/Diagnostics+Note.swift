internal import AdmixModel

extension Diagnostics {
  /// More than these nobody reads, and collecting half a million takes long.
  static let limit = 200

  var isFull: Bool { items.count >= Self.limit }

  /// Appends while there is room; the first errors are there in any case.
  mutating func note(_ item: Diagnostic) {
    if !isFull { append(item) }
  }

  mutating func note(contentsOf other: Diagnostics) {
    for item in other.items { note(item) }
  }
}
