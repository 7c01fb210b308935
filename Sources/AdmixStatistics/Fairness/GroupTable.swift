import AdmixData

/// Groups of people with how many there are and how their label comes out: what every fairness figure
/// of a dataset is computed from.
package struct GroupTable: Hashable, Sendable {
  package struct Group: Hashable, Sendable {
    /// One value per attribute; nil for a missing one.
    package var values: [String?]
    /// All rows of the group.
    package var rows: Int
    /// By label class; rows whose label is missing are in none.
    package var classes: [Int]
    package var positives: Int

    package var name: String { values.map { $0 ?? "(missing)" }.joined(separator: " & ") }
    package var isMissing: Bool { values.contains(nil) }
    /// Rows whose label is known: what rates are shares of.
    package var labelled: Int { classes.reduce(0, +) }
    package var negatives: Int { labelled - positives }
    package var rate: Double? { labelled > 0 ? Double(positives) / Double(labelled) : nil }

    /// Whether these are its values, byte for byte.
    package func has(_ values: [String?]) -> Bool {
      self.values.elementsEqual(values) { $0.map(ExactText.init) == $1.map(ExactText.init) }
    }

    /// Fewer by the rows of a group that is part of this one.
    package func without(_ part: Group) -> Group {
      Group(
        values: values, rows: rows - part.rows, classes: zip(classes, part.classes).map(-),
        positives: positives - part.positives)
    }
  }

  package var attributes: [String]
  /// The label's classes.
  package var classes: [String]
  /// All groups that could be, those without rows too, in the order of their values.
  package var groups: [Group]

  /// - Parameters:
  ///   - table: over the attributes and the label.
  ///   - positive: the classes that count as the good outcome.
  package init?(
    _ table: CountTable, attributes: [String], label: String, positive: some Sequence<String>
  ) {
    guard let table = table.marginal(attributes + [label]), let last = table.axes.last else {
      return nil
    }
    self.attributes = attributes
    classes = last.values
    let good = Set(positive.map(ExactText.init))
    let flags = last.values.map { good.contains(ExactText($0)) }
    let width = last.size
    groups = stride(from: 0, to: table.counts.count, by: width).map { start in
      let codes = table.codes(of: start).dropLast()
      let counts = Array(table.counts[start..<(start + width)])
      let known = Array(counts.dropLast())
      return Group(
        values: zip(codes, table.axes).map { code, axis in
          code < axis.values.count ? axis.values[code] : nil
        },
        rows: counts.reduce(0, +), classes: known,
        positives: zip(known, flags).reduce(0) { $0 + ($1.1 ? $1.0 : 0) })
    }
  }

  package init(attributes: [String], classes: [String], groups: [Group]) {
    self.attributes = attributes
    self.classes = classes
    self.groups = groups
  }

  package var rows: Int { groups.reduce(0) { $0 + $1.rows } }
  package var labelled: Int { groups.reduce(0) { $0 + $1.labelled } }

  /// The groups that are compared: with rows, and with every attribute known.
  ///
  /// People whose attribute is not known are counted and shown, but are no group that could be treated
  /// unequally.
  package var compared: [Group] { groups.filter { $0.rows > 0 && !$0.isMissing } }

  /// All compared rows as one group.
  package var everyone: Group {
    var sum = Group(
      values: ["(all others)"], rows: 0, classes: Array(repeating: 0, count: classes.count),
      positives: 0)
    for other in compared {
      sum.rows += other.rows
      sum.positives += other.positives
      for index in sum.classes.indices { sum.classes[index] += other.classes[index] }
    }
    return sum
  }
}
