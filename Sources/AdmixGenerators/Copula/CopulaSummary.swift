import AdmixModel

extension CopulaModel {
  /// The model in figures: how each column is distributed, and the strongest latent correlations.
  var report: CheckReport {
    let rowsOfColumns: [[CheckReport.Cell]] = marginals.map { marginal in
      let gaps =
        marginal.treatment == .numeric
        ? marginal.missing : zip(marginal.lows, marginal.counts).first { $0.0 == -1 }?.1 ?? 0
      let all = marginal.missing + marginal.present
      return [
        .text(marginal.column.name), .text(marginal.column.type.rawValue),
        .text(marginal.story),
        all == 0
          ? .measurement(.undefined("not learned"))
          : .share(Measurement(Double(gaps) / Double(all), support: all)),
      ]
    }
    var sections = [
      CheckReport.Section(
        title: "Columns",
        text: "How the distribution of each column is kept, and how often it has no value.",
        tables: [
          .init(columns: ["column", "type", "kept as", "missing"], rows: rowsOfColumns)
        ])
    ]
    let latents = latents
    var pairs: [(a: String, b: String, r: Double)] = []
    var at = 0
    for i in latents.indices {
      for j in 0..<i where at < correlations.count {
        pairs.append((name(latents[j]), name(latents[i]), correlations[at]))
        at += 1
      }
    }
    let strongest = pairs.enumerated().sorted {
      ($1.element.r.magnitude, $0.offset) < ($0.element.r.magnitude, $1.offset)
    }.prefix(20).map(\.element)
    if !strongest.isEmpty {
      sections.append(
        .init(
          title: "Strongest latent correlations",
          text:
            "Between the standard normal variables behind the columns, from −1 to 1. For a nominal column the sign depends on the order its levels were put in.",
          tables: [
            .init(
              columns: ["column", "with", "correlation"],
              rows: strongest.map {
                [.text($0.a), .text($0.b), .measurement(Measurement($0.r, support: rows))]
              })
          ]))
    }
    if !leftOut.isEmpty {
      sections.append(
        .init(title: "Left out", text: leftOut.joined(separator: ", ")))
    }
    return CheckReport(
      title: "Gaussian copula",
      summary:
        "learned \(marginals.count) columns from \(rows) rows, \(latents.count) latent variables",
      sections: sections)
  }
}

extension Marginal {
  fileprivate var story: String {
    switch treatment {
    case .key: return "fresh unique keys"
    case .resampled: return "\(counts.count) training texts, drawn alike"
    case .nominal: return "\(counts.count) levels in order of association"
    case .numeric:
      let intervals = zip(lows, highs).reduce(0) { $0 + ($1.0 < $1.1 ? 1 : 0) }
      let values = counts.count - intervals
      return intervals == 0
        ? "\(values) values" : "\(values) frequent values, \(intervals) intervals"
    }
  }
}
