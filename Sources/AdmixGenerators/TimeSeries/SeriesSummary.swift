import AdmixModel

extension SeriesModel {
  /// The model in figures: trend and season of each column, what it takes of the steps before, and stability.
  var report: CheckReport {
    var sections = [columnSection]
    if let selection { sections.append(section(selection)) }
    if !process.lags.isEmpty { sections.append(coefficientSection) }
    if moving.count > 1 { sections.append(noveltySection) }
    sections += seasons.indices.map(section)
    if !attributes.isEmpty {
      sections.append(
        .init(
          title: "Entities",
          text:
            "\(attributes.map(\.name).joined(separator: ", ")) are the same throughout an entity and come in \(kinds.count) combinations, each as often as it was seen."
        ))
    }
    if !leftOut.isEmpty {
      sections.append(.init(title: "Left out", text: leftOut.joined(separator: ", ")))
    }
    var metrics = ["var.lags": Measurement(Double(process.reach), support: process.rows)]
    metrics["var.spectral_radius"] =
      moving.isEmpty
      ? .undefined("no column varies around its trend and season")
      : Measurement(radius, support: process.rows)
    return CheckReport(
      title: "Vector autoregression", summary: summary, metrics: metrics, sections: sections)
  }

  private var summary: String {
    let series = starts.count == 1 ? "one series" : "\(starts.count) series"
    let stable =
      shrinkage == nil
      ? "stable" : "made stable by shrinking its eigenvalues"
    return
      "learned \(columns.count) columns from \(rows) rows of \(series): VAR(\(process.lags.count)) of \(moving.count) columns, spectral radius \(Self.short(radius)), \(stable)"
  }

  private static func short(_ value: Double) -> String {
    "\((value * 10_000).rounded() / 10_000)"
  }

  private var subject: String {
    if isDifferenced { return "changes from step to step" }
    return columns.contains { $0.bend != nil }
      ? "values bent to a normal distribution around trend and season" : "values"
  }

  private var columnSection: CheckReport.Section {
    .init(
      title: "Columns",
      text:
        "Of \(subject): the level and what each step adds, the deviation around trend and season, that of what is new in each step, and how much of the square of the one the steps before tell.",
      tables: [
        .init(
          columns: ["column", "level", "per step", "deviation", "new", "told by lags", "missing"],
          rows: columns.enumerated().map { index, column in
            [
              .text(column.name), .measurement(Measurement(column.trend.level, support: rows)),
              .measurement(Measurement(column.trend.slope, support: rows)),
              .measurement(Measurement(column.deviation, support: rows)), new(index), told(index),
              .share(Measurement(column.missing, support: rows)),
            ]
          })
      ])
  }

  private func new(_ column: Int) -> CheckReport.Cell {
    guard let place = moving.firstIndex(of: column) else {
      return .measurement(Measurement(columns[column].deviation, support: rows))
    }
    return .measurement(
      Measurement(
        columns[column].deviation * novelty(place, place).squareRoot(), support: process.rows))
  }

  /// The covariance of what is new in each step, in deviations of the moving columns.
  private func novelty(_ i: Int, _ j: Int) -> Double {
    let value = process.covariance[i * process.size + j]
    return i == j ? max(0, value) : value
  }

  private var noveltySection: CheckReport.Section {
    var pairs: [(i: Int, j: Int, r: Double)] = []
    for i in moving.indices {
      for j in 0..<i {
        let both = (novelty(i, i) * novelty(j, j)).squareRoot()
        if both > 0 { pairs.append((j, i, novelty(i, j) / both)) }
      }
    }
    let strongest = pairs.indices.sorted {
      (-pairs[$0].r.magnitude, $0) < (-pairs[$1].r.magnitude, $1)
    }.prefix(20)
    return .init(
      title: "New in each step",
      text:
        "How what the steps before do not tell of columns goes together: correlations from −1 to 1.",
      tables: [
        .init(
          columns: ["column", "with", "correlation"],
          rows: strongest.map { place in
            [
              .text(columns[moving[pairs[place].i]].name),
              .text(columns[moving[pairs[place].j]].name),
              .measurement(Measurement(pairs[place].r, support: process.rows)),
            ]
          })
      ])
  }

  /// 1 − the variance of what is new, in units of the variance around trend and season.
  private func told(_ column: Int) -> CheckReport.Cell {
    guard let place = moving.firstIndex(of: column) else {
      return .share(
        .undefined(
          columns[column].deviation == 0
            ? "it does not vary around them" : "more than half of its values are missing"))
    }
    return .share(
      Measurement(min(max(0, 1 - novelty(place, place)), 1), support: process.rows))
  }

  private func section(_ selection: LagRegression.Selection) -> CheckReport.Section {
    let others = process.lags.count - selection.taken
    return .init(
      title: "Order",
      text:
        "The \(selection.criterion.uppercased()) of each number of lags over the same \(selection.rows) rows; the lowest was taken."
        + (others > 0
          ? " Beside them there are lags of \(process.lags.suffix(others).map(String.init).joined(separator: ", "))."
          : ""),
      tables: [
        .init(
          columns: ["lags", selection.criterion, "taken"],
          rows: selection.values.enumerated().map { order, value in
            [
              .count(order), .measurement(Measurement(value, support: selection.rows)),
              .flag(order == selection.taken),
            ]
          })
      ])
  }

  private var coefficientSection: CheckReport.Section {
    var rowsOfTable: [[CheckReport.Cell]] = []
    // The largest say most; a wide model has thousands.
    var all: [(lag: Int, i: Int, j: Int, value: Double)] = []
    for (place, lag) in process.lags.enumerated() {
      for i in moving.indices {
        for j in moving.indices { all.append((lag, i, j, process[place, i, j])) }
      }
    }
    let largest = all.indices.sorted {
      (-all[$0].value.magnitude, $0) < (-all[$1].value.magnitude, $1)
    }.prefix(60).sorted()
    for place in largest {
      let (lag, i, j, value) = all[place]
      let ratio = columns[moving[i]].deviation / columns[moving[j]].deviation
      rowsOfTable.append([
        .text(columns[moving[i]].name), .text(columns[moving[j]].name), .count(lag),
        .measurement(Measurement(value * ratio, support: process.rows)),
        .measurement(Measurement(value, support: process.rows)),
      ])
    }
    return .init(
      title: "Coefficients",
      text:
        "What a column takes of a column so many steps before, around trend and season; in deviations, those of different columns can be compared."
        + (largest.count < all.count ? " The \(largest.count) largest of \(all.count)." : ""),
      tables: [
        .init(
          columns: ["column", "of", "steps before", "coefficient", "in deviations"],
          rows: rowsOfTable)
      ])
  }

  private func section(_ season: Int) -> CheckReport.Section {
    let name: String
    switch seasons[season] {
    case .period(let count): name = "period of \(count) steps"
    case .calendar(let unit): name = unit.rawValue
    }
    let labels = (0..<seasons[season].count).map { place in
      seasons[season] == .calendar(.month) ? "\(place + 1)" : "\(place)"
    }
    return .init(
      title: "Season: \(name)",
      text:
        "By how much the mean of each place lies above or below the level, in deviations around it.",
      charts: [
        .bars(
          title: name, labels: labels,
          series: columns.filter { $0.deviation > 0 }.map { column in
            .init(
              name: column.name,
              values: column.trend.seasons[season].map {
                Measurement($0 / column.deviation, support: rows)
              })
          }, isShare: false)
      ])
  }
}
