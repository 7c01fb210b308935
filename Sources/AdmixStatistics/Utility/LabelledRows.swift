package import AdmixData
import AdmixModel

/// Rows as models see them: standardised numbers, one weight for each frequent category, and a label.
package struct LabelledRows: Sendable {
  /// Values of the numeric features, row by row.
  package var numbers: [Double]
  /// For each categorical column the feature that is 1, or −1 for none; row by row.
  package var active: [Int32]
  package var labels: [Bool]
  package var numericCount: Int
  package var categoricalCount: Int
  /// All features, numeric ones first.
  package var features: Int
  package var rows: Int { labels.count }
}

/// How features are made from columns; fitted once, on the reference, and used for every table.
package struct FeatureEncoding: Sendable {
  package static let mostCategories = 200

  private struct Number: Sendable {
    var name: String
    var mean: Double
    var deviation: Double
  }

  private struct Categories: Sendable {
    var name: String
    /// Rising by bytes; a missing value is the feature after the last one.
    var kept: [String]
    var first: Int
  }

  private var numbers: [Number] = []
  private var categories: [Categories] = []
  private let target: String
  /// The texts of the target that occur in the reference.
  package let classes: [String]
  package let positive: Set<ExactText>

  /// - Returns: nil with a reason where there are not two classes to tell apart.
  package static func fit(
    _ reference: Batch, columns: [ComparedColumn], target: String, positive: [String]?
  ) -> (encoding: FeatureEncoding?, reason: String) {
    guard let labels = reference[target] else { return (nil, "the reference has no target column") }
    let classes = Self.classes(labels)
    guard classes.count >= 2 else {
      return (
        nil, "the target has \(classes.count == 1 ? "one class" : "no values") in the reference"
      )
    }
    guard let chosen = positive ?? (classes.count == 2 ? classes.last.map { [$0] } : nil) else {
      return (nil, "the target has \(classes.count) classes; say which one is 'positive'")
    }
    let good = Set(chosen.map(ExactText.init))
    guard classes.contains(where: { good.contains(ExactText($0)) }) else {
      return (nil, "the positive class does not occur in the reference")
    }
    return (
      FeatureEncoding(
        reference, columns: columns, target: target, classes: classes, positive: good), ""
    )
  }

  private init(
    _ reference: Batch, columns: [ComparedColumn], target: String, classes: [String],
    positive: Set<ExactText>
  ) {
    self.target = target
    self.classes = classes
    self.positive = positive
    for column in columns where column.name != target {
      guard let values = reference[column.name], values.type != .text else { continue }
      if column.isNumber {
        let known = values.numbers.filter { !$0.isNaN }
        guard !known.isEmpty else { continue }
        var moments = CoMoments(known, known)
        if moments.xx <= 0 { moments.xx = Double(known.count) }
        numbers.append(
          Number(
            name: column.name, mean: moments.meanX,
            deviation: (moments.xx / Double(known.count)).squareRoot()))
      } else if case .texts(let names, let counts) = ValueCounts(values, isText: true).values {
        let kept = names.indices.sorted { (-counts[$0], $0) < (-counts[$1], $1) }
          .prefix(Self.mostCategories).sorted().map { names[$0] }
        categories.append(Categories(name: column.name, kept: kept, first: 0))
      }
    }
    var next = numbers.count
    for index in categories.indices {
      categories[index].first = next
      next += categories[index].kept.count + 1
    }
    features = next
  }

  package private(set) var features = 0

  /// The numbers of the rows that have a label.
  package func labelled(_ batch: Batch) -> [Int] {
    guard let target = batch[self.target] else { return [] }
    let texts = Self.texts(target)
    return (0..<batch.rows).filter { texts($0) != nil }
  }

  /// The rows that have a label.
  package func encode(_ batch: Batch) -> LabelledRows {
    var out = LabelledRows(
      numbers: [], active: [], labels: [], numericCount: numbers.count,
      categoricalCount: categories.count, features: features)
    guard let target = batch[self.target] else { return out }
    let texts = Self.texts(target)
    let rows = labelled(batch)
    out.labels = rows.map { texts($0).map { positive.contains(ExactText($0)) } ?? false }
    out.numbers = [Double](repeating: 0, count: rows.count * numbers.count)
    for (place, number) in numbers.enumerated() {
      guard let values = batch[number.name]?.numbers else { continue }
      for (index, row) in rows.enumerated() where row < values.count && !values[row].isNaN {
        out.numbers[index * numbers.count + place] = (values[row] - number.mean) / number.deviation
      }
    }
    out.active = [Int32](repeating: -1, count: rows.count * categories.count)
    for (place, column) in categories.enumerated() {
      guard let values = batch[column.name] else { continue }
      let texts = Self.texts(values)
      let known = CategoryIndex(column.kept)
      for (index, row) in rows.enumerated() {
        let feature: Int? =
          if let text = texts(row) { known.code(of: text).map { column.first + Int($0) } } else {
            column.first + column.kept.count
          }
        out.active[index * categories.count + place] = Int32(feature ?? -1)
      }
    }
    return out
  }

  private static func texts(_ column: Column) -> (Int) -> String? {
    switch column.values {
    case .category(let codes, let names):
      { column.isMissing($0) ? nil : names[Int(codes[$0])] }
    case .bool(let bits): { column.isMissing($0) ? nil : bits[$0] ? "true" : "false" }
    case .int(let values): { column.isMissing($0) ? nil : String(values[$0]) }
    case .text(let texts): { column.isMissing($0) ? nil : texts[$0] }
    default: { _ in nil }
    }
  }

  private static func classes(_ column: Column) -> [String] {
    let texts = texts(column)
    let all = CategoryIndex.distinct((0..<column.count).compactMap(texts))
    if case .int = column.values { return all.sorted { (Int64($0) ?? 0) < (Int64($1) ?? 0) } }
    return all
  }
}
