import AdmixModel
import AdmixStatistics

/// What is said of classes: of the dataset, and of the reference beside it.
struct AnonymityReport {
  var options: AnonymityOptions
  var own: AnonymityResult
  var reference: AnonymityResult?

  /// Figures of all classes, as gates call them, with how they are shown.
  static let plain: [(name: String, title: String)] = [
    ("k", "k: rows of the smallest class"),
    ("classes", "classes"),
    ("unique_share", "rows that are alone in their class"),
    ("below_5", "rows in classes of fewer than 5"),
    ("below_10", "rows in classes of fewer than 10"),
  ]

  /// Figures of a sensitive column.
  static let sensitive: [(name: String, title: String)] = [
    ("l", "distinct l-diversity"),
    ("entropy_l", "entropy l-diversity"),
    ("recursive_c", "recursive (c,l)-diversity: c"),
    ("t", "t-closeness"),
    ("beta", "basic β-likeness"),
    ("enhanced_beta", "enhanced β-likeness"),
    ("delta", "δ-disclosure"),
    ("alpha", "α of (α,k)-anonymity"),
  ]

  func tell(origins: String, in report: inout CheckReport, _ said: inout [String]) {
    var plain: [[CheckReport.Cell]] = []
    let sides = [("anonymity.", own)] + (reference.map { [("anonymity.reference.", $0)] } ?? [])
    for (name, title) in Self.plain {
      plain.append(
        [.text(title)]
          + sides.map { prefix, result in
            let found = Self.figure(name, result.sizes)
            report.metrics[prefix + name] = found
            let isShare = name.hasPrefix("below") || name.hasSuffix("share")
            return isShare ? .share(found) : .measurement(found)
          })
    }
    var tables = [CheckReport.Table(columns: ["Figure"] + heads, rows: plain)]
    for (index, column) in options.sensitive.enumerated() {
      let rows = Self.sensitive.map { name, title in
        [CheckReport.Cell.text(title)]
          + sides.map { prefix, result in
            let found = Self.figure(name, result.sensitive[index], result.sizes.rows, options.least)
            report.metrics[Validate.name(prefix + name, [column])] = found
            return .measurement(found)
          }
      }
      tables.append(
        CheckReport.Table(title: column, columns: ["Sensitive column"] + heads, rows: rows))
    }
    report.sections.append(
      CheckReport.Section(
        title: "Anonymity of classes",
        text:
          "Rows that agree in \(options.quasiIdentifiers.joined(separator: ", ")) are one class; a missing value is a value. Who knows these of a person finds the class. k is its least size. Where a class says much about a sensitive column, being found is not needed: l counts its values (distinct, or e to the entropy; more is better), t is how far its values are from those of all rows (0 to 1), β and δ how much likelier one becomes or how far likelihoods move, α the largest share of one value; less is better. Each figure is of the worst class. Recursive (c,l)-diversity with l = \(options.least) holds for every c above the one shown. Distances of numbers go by rank (ordered earth mover's distance over all values that occur), of categories by equality; enhanced β is the basic one, but no more than −ln of the rarest value's share. Classes of synthetic rows are no people: a class of one there says nothing unless it is one in the reference."
          + origins, tables: tables))
    said.append(
      own.sizes.smallest.map { k in
        let alone = own.sizes.rows(below: 2)
        return "k-anonymity \(k)"
          + (alone > 0 ? ", \(alone) \(alone == 1 ? "row" : "rows") alone in a class" : "")
      } ?? "k-anonymity unknown (no rows)")
  }

  private var heads: [String] {
    [options.onlySynthetic ? "Synthetic rows" : "Dataset"] + (reference == nil ? [] : ["Reference"])
  }

  private static func figure(_ name: String, _ sizes: ClassSizes) -> Measurement {
    let rows = sizes.rows
    guard let smallest = sizes.smallest, rows > 0 else { return .undefined("no rows", support: 0) }
    switch name {
    case "k": return Measurement(Double(smallest), support: rows)
    case "classes": return Measurement(Double(sizes.count), support: rows)
    default:
      // All rows are counted, so there is nothing to estimate and no interval.
      let below = ["unique_share": 2, "below_5": 5, "below_10": 10][name] ?? 2
      return Measurement(Double(sizes.rows(below: below)) / Double(rows), support: rows)
    }
  }

  private static func figure(
    _ name: String, _ figures: SensitiveFigures, _ rows: Int, _ least: Int
  ) -> Measurement {
    let value: Double? =
      switch name {
      case "l": figures.distinct.map(Double.init)
      case "entropy_l": figures.entropy.map { PortableMath.exp($0) }
      case "recursive_c": figures.recursive
      case "t": figures.closeness
      case "beta": figures.beta
      case "enhanced_beta": figures.enhancedBeta
      case "delta": figures.delta
      default: figures.alpha
      }
    guard let value else { return .undefined("no rows", support: 0) }
    var found = Measurement(value, support: rows)
    if value.isInfinite {
      found.reason =
        "\(figures.tooUniform) \(figures.tooUniform == 1 ? "class has" : "classes have") fewer than \(least) values"
    }
    return found
  }
}
