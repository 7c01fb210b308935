import AdmixData
import AdmixModel

/// Scores by group: how well they tell outcomes apart, and whether they mean what they say.
package struct ScoreTable: Sendable {
  package struct Group: Sendable {
    package var values: [String?]
    package var quality: ClassifierScores
    package var calibration: Calibration

    package init(values: [String?], quality: ClassifierScores, calibration: Calibration) {
      self.values = values
      self.quality = quality
      self.calibration = calibration
    }

    package var name: String { values.map { $0 ?? "(missing)" }.joined(separator: " & ") }
    package var isMissing: Bool { values.contains(nil) }
  }

  package var attributes: [String]
  package var groups: [Group]

  package init(attributes: [String], groups: [Group]) {
    self.attributes = attributes
    self.groups = groups
  }

  package var compared: [Group] { groups.filter { !$0.isMissing && $0.calibration.rows > 0 } }
}

/// How often the good outcome came true, beside how often the score said it would.
package struct Calibration: Hashable, Sendable, Codable {
  /// One of ten equal widths of the score.
  package struct Bin: Hashable, Sendable, Codable {
    package var rows: Int
    package var positives: Int
    /// Of the bin's scores.
    package var sum: Double

    package var rate: Double? { rows > 0 ? Double(positives) / Double(rows) : nil }
    package var mean: Double? { rows > 0 ? sum / Double(rows) : nil }
  }

  package static let bins = 10
  package private(set) var bins = [Bin](
    repeating: Bin(rows: 0, positives: 0, sum: 0), count: Calibration.bins)

  package var rows: Int { bins.reduce(0) { $0 + $1.rows } }

  /// - Parameter scores: from 0 to 1.
  package init(scores: [Double], labels: [Bool]) {
    for (score, label) in zip(scores, labels) {
      let bin = max(0, min(Self.bins - 1, Int(score * Double(Self.bins))))
      bins[bin].rows += 1
      bins[bin].positives += label ? 1 : 0
      bins[bin].sum += score
    }
  }

  /// The expected calibration error: the mean distance of rate and mean score over rows.
  ///
  /// M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI 2015.
  package var error: Double? {
    let rows = rows
    guard rows > 0 else { return nil }
    return bins.reduce(0) { sum, bin in
      guard let rate = bin.rate, let mean = bin.mean else { return sum }
      return sum + Double(bin.rows) / Double(rows) * (rate - mean).magnitude
    }
  }
}

/// The fairness metrics of scores, described once.
package enum ScoreMetrics {
  package static let all: [MetricDescriptor] = [
    gap(
      "auc", "AUC", "AUC", "How differently well scores tell the outcomes apart within the groups.",
      "Kallus and Zhou, NeurIPS 2019"
    ) { $0.quality.auc },
    gap(
      "brier", "Brier score", "mean (s - y)^2", "How differently far scores are from outcomes.",
      "Brier, Monthly Weather Review 78 (1950)"
    ) { $0.quality.brier },
    gap(
      "calibration", "Calibration error", "ECE",
      "How differently far scores are from the share that they promise.",
      "Naeini et al., AAAI 2015, ten equal widths"
    ) { group in
      group.calibration.error.map { Measurement($0, support: group.calibration.rows) }
        ?? .undefined("no rows", support: 0)
    },
  ]

  private static func gap(
    _ name: String, _ title: String, _ symbol: String, _ summary: String, _ source: String,
    _ figure: @escaping @Sendable (ScoreTable.Group) -> Measurement
  ) -> MetricDescriptor {
    MetricDescriptor(
      name: name + "_difference", title: title + " difference",
      formula: "max \(symbol) - min \(symbol)", range: "0 to 1", better: .zero, source: source,
      summary: summary,
      computation: .scores { table, options in
        let all = table.compared.map { ($0, figure($0)) }
        let known = all.filter { $0.1.value != nil }
        guard known.count >= 2,
          let low = known.min(by: { ($0.1.value ?? 0) < ($1.1.value ?? 0) }),
          let high = known.reversed().max(by: { ($0.1.value ?? 0) < ($1.1.value ?? 0) })
        else {
          return .undefined("fewer than two groups have a figure", support: 0)
        }
        var gap = high.1.minus(low.1)
        gap.support = table.compared.reduce(0) { $0 + $1.calibration.rows }
        let small = [low.0, high.0].min { $0.calibration.rows < $1.calibration.rows }
        if let small, small.calibration.rows < options.minSupport {
          gap.reason =
            "group '\(small.name)' has \(small.calibration.rows) rows, fewer than min_support \(options.minSupport)"
        } else if known.count < all.count {
          gap.reason = "\(all.count - known.count) of the groups have no figure"
        }
        return gap
      })
  }
}
