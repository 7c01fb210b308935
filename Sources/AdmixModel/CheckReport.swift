/// What a check found, in a form that text, Markdown and HTML are all made from.
///
/// Stages that measure give one of these; nothing that renders knows which stage it was.
package struct CheckReport: Hashable, Sendable, Codable {
  package var title: String
  /// One sentence with the result, for lists and cards.
  package var summary: String
  /// Every figure by the name gates use, such as `disparate_impact(sex)` or `fidelity.overall`.
  package var metrics: [String: Measurement]
  package var sections: [Section]

  package init(
    title: String, summary: String = "", metrics: [String: Measurement] = [:],
    sections: [Section] = []
  ) {
    self.title = title
    self.summary = summary
    self.metrics = metrics
    self.sections = sections
  }

  package struct Section: Hashable, Sendable, Codable {
    package var title: String
    /// What the figures mean, their range and which way is better.
    ///
    /// Plain text.
    package var text: String
    package var charts: [Chart]
    package var tables: [Table]

    package init(title: String, text: String = "", charts: [Chart] = [], tables: [Table] = []) {
      self.title = title
      self.text = text
      self.charts = charts
      self.tables = tables
    }
  }

  package struct Table: Hashable, Sendable, Codable {
    package var title: String
    package var columns: [String]
    /// As many cells in each row as there are columns.
    package var rows: [[Cell]]

    package init(title: String = "", columns: [String], rows: [[Cell]]) {
      self.title = title
      self.columns = columns
      self.rows = rows
    }
  }

  package enum Cell: Hashable, Sendable, Codable {
    case text(String)
    case count(Int)
    case measurement(Measurement)
    /// A share from 0 to 1, shown as a percentage.
    case share(Measurement)
    /// A claim that holds or does not.
    case flag(Bool)
  }

  package enum Chart: Hashable, Sendable, Codable {
    /// Points with intervals, a row per label, a colour per series; `reference` is a dashed line.
    case intervals(
      title: String, labels: [String], series: [Series], reference: Double?, isShare: Bool)
    /// Grouped bars, a group per label.
    case bars(title: String, labels: [String], series: [Series], isShare: Bool)
    /// Curves over shared x values.
    case lines(title: String, x: [Double], series: [Series])
    /// A matrix of values between `low` and `high`.
    case heatmap(
      title: String, rows: [String], columns: [String], values: [[Double?]], low: Double,
      high: Double)
  }

  package struct Series: Hashable, Sendable, Codable {
    package var name: String
    /// As many as the chart has labels or x values.
    package var values: [Measurement]

    package init(name: String, values: [Measurement]) {
      self.name = name
      self.values = values
    }
  }
}
