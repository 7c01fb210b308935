import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics

/// What was decided about the people of one dataset, by groups.
struct DecisionCounts: Sendable, Codable {
  /// For each view over its columns, what is so and what was decided, in this order.
  var tables: [CountTable]
  /// For each view; empty where decisions have no scores.
  var scores: [[GroupScores]]
  /// How many rows the model learned from; nil where none was trained.
  var learned: Int?
  /// Why there is nothing to count.
  var lack: String?

  struct GroupScores: Sendable, Codable {
    var values: [String?]
    var quality: ClassifierScores
    var calibration: Calibration
  }

  init(lack: String) {
    tables = []
    scores = []
    self.lack = lack
  }

  init(tables: [CountTable], scores: [[GroupScores]] = [], learned: Int? = nil) {
    self.tables = tables
    self.scores = scores
    self.learned = learned
  }

  func adding(_ other: DecisionCounts) -> DecisionCounts {
    var sum = self
    sum.tables = tables.isEmpty ? other.tables : zip(tables, other.tables).map { $0.adding($1) }
    return sum
  }

  /// Scores by group of the columns' values.
  ///
  /// - Parameter columns: as many rows as there are scores.
  static func scores(_ columns: [CodedColumn], _ scores: [Double], _ labels: [Bool])
    -> [GroupScores]
  {
    var rows: [[Int32]: [Int]] = [:]
    for row in scores.indices { rows[columns.map { $0.codes[row] }, default: []].append(row) }
    return rows.keys.sorted { $0.lexicographicallyPrecedes($1) }.map { codes in
      let mine = rows[codes] ?? []
      let (own, so) = (mine.map { scores[$0] }, mine.map { labels[$0] })
      return GroupScores(
        values: zip(codes, columns).map { code, column in
          Int(code) < column.values.count ? column.values[Int(code)] : nil
        }, quality: ClassifierScores(scores: own, labels: so),
        calibration: Calibration(scores: own, labels: so))
    }
  }
}

/// The decisions of a dataset, or of a model that learned from one, and what they are called.
struct DecisionMember: Sendable {
  /// `of`, `against` or `part`.
  var role: String
  var title: String
  /// In names of metrics, after the model's; nil for the measured dataset.
  var prefix: String?
  var counts: DecisionCounts
}

/// Decisions of one kind: those in a column, or those of a model.
struct DecisionFindings: Sendable {
  /// `prediction`, or the model's name.
  var name: String
  /// For people.
  var title: String
  /// The names of the two axes after the groups'.
  var label: String
  var decision: String
  var positive: (label: [String], decision: [String])
  var hasScores: Bool
  /// The one compared with first, then parts, then the measured one.
  var members: [DecisionMember]

  struct View: Sendable {
    var outcomes: [OutcomeTable?]
    var scores: [ScoreTable?]
  }

  /// By member, what one view shows.
  func view(_ number: Int, _ names: [String]) -> View {
    // All members get the same axes, so that a group that one of them lacks is shown as absent.
    let tables = members.map {
      $0.counts.tables.indices.contains(number) ? $0.counts.tables[number] : nil
    }
    let axes = (names + [label, decision]).map { column in
      CountTable.Axis(
        column: column,
        values: CategoryIndex.distinct(
          tables.compactMap { $0 }.flatMap(\.axes).filter { $0.column == column }.flatMap(\.values)
        ).sorted(by: CountTable.precedes))
    }
    return View(
      outcomes: tables.map { table in
        table.flatMap {
          OutcomeTable(
            $0.widened(to: axes), attributes: names, label: label, decision: decision,
            positive: positive)
        }
      },
      scores: members.map { member in
        guard hasScores, member.counts.scores.indices.contains(number) else { return nil }
        return ScoreTable(
          attributes: names,
          groups: member.counts.scores[number].map {
            .init(values: $0.values, quality: $0.quality, calibration: $0.calibration)
          })
      })
  }

  /// The metrics that these decisions have.
  var metrics: [MetricDescriptor] { OutcomeMetrics.all + (hasScores ? ScoreMetrics.all : []) }

  static func prefix(_ name: String, _ member: String?) -> String {
    member.map { "\(name).\($0)" } ?? name
  }

  /// Every figure by the name that gates use, `change` among them.
  func measured(_ options: FairnessStageOptions) -> [String: Measurement] {
    var out: [String: Measurement] = [:]
    for (number, view) in options.views.enumerated() {
      let found = self.view(number, view.names)
      for metric in metrics {
        var values: [String: Measurement] = [:]
        for (index, member) in members.enumerated() {
          let value: Measurement
          switch metric.computation {
          case .outcomes(let measure):
            value =
              found.outcomes[index].map { measure($0, options.figures) }
              ?? .undefined(member.counts.lack ?? "not computed")
          case .scores(let measure):
            value =
              found.scores[index].map { measure($0, options.figures) }
              ?? .undefined(member.counts.lack ?? "there are no scores")
          default: continue
          }
          values[member.role == "of" ? "of" : member.role == "against" ? "against" : ""] = value
          out[
            FairnessStageOptions.name(
              metric.name, view.names, prefix: Self.prefix(name, member.prefix))] = value
        }
        if let own = values["of"], let other = values["against"] {
          out[
            FairnessStageOptions.name(
              metric.name, view.names, prefix: Self.prefix(name, "change"))] = own.minus(other)
        }
      }
    }
    return out
  }
}
