/// What a reader of fairness figures may choose.
package struct FairnessOptions: Hashable, Sendable {
  /// Groups with fewer rows give figures that deserve little trust, and say so.
  package var minSupport: Int
  /// The group that others are compared with, by attribute; otherwise the groups at the extremes are.
  package var reference: [String: String]
  package var level: Double

  package init(minSupport: Int = 30, reference: [String: String] = [:], level: Double = 0.95) {
    self.minSupport = minSupport
    self.reference = reference
    self.level = level
  }

  /// Only where every attribute of the view has a reference.
  func reference(in table: GroupTable) -> GroupTable.Group? {
    let values = table.attributes.compactMap { reference[$0] }
    guard !values.isEmpty, values.count == table.attributes.count else { return nil }
    return table.groups.first { $0.has(values) }
  }

  func hasReference(for table: GroupTable) -> Bool {
    !table.attributes.isEmpty && table.attributes.allSatisfy { reference[$0] != nil }
  }

  /// Why a figure of these groups deserves little trust.
  func doubt(_ groups: [GroupTable.Group], rows: (GroupTable.Group) -> Int) -> String? {
    guard let small = groups.min(by: { rows($0) < rows($1) }), rows(small) < minSupport else {
      return nil
    }
    return "group '\(small.name)' has \(rows(small)) rows, fewer than min_support \(minSupport)"
  }
}
