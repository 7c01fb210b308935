/// How many equivalence classes have how many rows; sums of parts in any order are the same.
///
/// k-anonymity is the size of the smallest class: L. Sweeney, "k-anonymity: a model for protecting
/// privacy", IJUFKS 10 (2002).
package struct ClassSizes: Hashable, Sendable, Codable {
  /// Rising.
  package private(set) var sizes: [Int] = []
  package private(set) var classes: [Int] = []

  package init() {}

  package init(_ counts: ClassCounts) {
    var found: [Int: Int] = [:]
    counts.forEachClass { found[$0.reduce(0) { $0 + $1.count }, default: 0] += 1 }
    set(found)
  }

  private mutating func set(_ found: [Int: Int]) {
    sizes = found.keys.sorted()
    classes = sizes.map { found[$0] ?? 0 }
  }

  package mutating func merge(_ other: ClassSizes) {
    set(Dictionary(zip(sizes + other.sizes, classes + other.classes), uniquingKeysWith: +))
  }

  /// k; nil where there are no rows.
  package var smallest: Int? { sizes.first }
  package var largest: Int? { sizes.last }
  package var count: Int { classes.reduce(0, +) }
  package var rows: Int { zip(sizes, classes).reduce(0) { $0 + $1.0 * $1.1 } }

  /// Rows whose class has fewer rows than this; below 2 are those that are alone.
  package func rows(below size: Int) -> Int {
    zip(sizes, classes).reduce(0) { $0 + ($1.0 < size ? $1.0 * $1.1 : 0) }
  }

  /// The mean of the two in the middle where the number of classes is even.
  package var median: Double? {
    let count = count
    guard count > 0 else { return nil }
    func size(_ rank: Int) -> Int {
      var before = 0
      for (size, classes) in zip(sizes, classes) {
        before += classes
        if rank < before { return size }
      }
      return sizes.last ?? 0
    }
    return (Double(size((count - 1) / 2)) + Double(size(count / 2))) / 2
  }
}
