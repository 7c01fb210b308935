import AdmixModel

/// How well scores tell two classes apart.
package struct ClassifierScores: Sendable, Codable, Hashable {
  package var auc: Measurement
  package var accuracy: Measurement
  package var brier: Measurement
  package var logLoss: Measurement

  package init(scores: [Double], labels: [Bool]) {
    auc = Self.auc(scores, labels)
    let n = labels.count
    guard n > 0, scores.count == n else {
      (accuracy, brier, logLoss) = (
        .undefined("no rows"), .undefined("no rows"), .undefined("no rows")
      )
      return
    }
    let right = zip(scores, labels).count { ($0 >= 0.5) == $1 }
    accuracy = .share(right, of: n)
    var squares = 0.0
    var loss = 0.0
    for (score, label) in zip(scores, labels) {
      let p = min(max(score, 1e-15), 1 - 1e-15)
      squares += (score - (label ? 1 : 0)) * (score - (label ? 1 : 0))
      loss -= PortableMath.log(label ? p : 1 - p)
    }
    brier = Measurement(squares / Double(n), support: n)
    logLoss = Measurement(loss / Double(n), support: n)
  }

  /// The area under the ROC curve, from mid-ranks, with the 95 % interval of Hanley and McNeil
  /// (Radiology 143, 1982).
  package static func auc(_ scores: [Double], _ labels: [Bool]) -> Measurement {
    let positives = labels.count { $0 }
    let negatives = labels.count - positives
    guard positives > 0, negatives > 0 else {
      return .undefined("the rows it is tested on have one class", support: labels.count)
    }
    let order = scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }
    var twiceRanks = 0
    var start = 0
    while start < order.count {
      var end = start
      while end + 1 < order.count, scores[order[end + 1]] == scores[order[start]] { end += 1 }
      // Ranks start + 1 … end + 1 share their mean.
      let count = order[start...end].count { labels[$0] }
      twiceRanks += count * (start + end + 2)
      start = end + 1
    }
    let p = Double(positives)
    let n = Double(negatives)
    let area = (Double(twiceRanks) / 2 - p * (p + 1) / 2) / (p * n)
    let q1 = area / (2 - area)
    let q2 = 2 * area * area / (1 + area)
    let variance =
      (area * (1 - area) + (p - 1) * (q1 - area * area) + (n - 1) * (q2 - area * area)) / (p * n)
    let half = 1.959963984540054 * max(0, variance).squareRoot()
    return Measurement(
      area, low: max(0, area - half), high: min(1, area + half), level: 0.95,
      support: labels.count)
  }
}

extension ClassifierScores {
  /// No scores, for this reason.
  package init(undefined reason: String) {
    auc = .undefined(reason)
    accuracy = .undefined(reason)
    brier = .undefined(reason)
    logLoss = .undefined(reason)
  }
}
