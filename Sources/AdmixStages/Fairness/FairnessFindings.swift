import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStatistics

/// Everything that was found, by view and dataset, before it is put into words.
struct FairnessFindings: Sendable {
  struct Member: Sendable {
    var dataset: FairnessDataset
    /// For people: the dataset's name, and the part's after it.
    var title: String
    var prefix: String?
    var groups: GroupTable
  }

  struct View: Sendable {
    var names: [String]
    /// The compared one first, then the parts, then the measured one.
    var members: [Member]
    /// Of the measured dataset.
    var conditional: [ConditionalDifference]

    var title: String { names.joined(separator: " & ") }
    var measured: Member? { members.first { $0.dataset.role == "of" } }
    var compared: Member? { members.first { $0.dataset.role == "against" } }
  }

  let views: [View]
  /// By the name that gates use.
  private(set) var metrics: [String: Measurement] = [:]
  private(set) var warnings: [Diagnostic] = []
  private(set) var decisions: [DecisionFindings] = []
  let positiveName: String
  let label: String
  /// The groups that others are compared with, as their columns spell them.
  private let reference: [String: String]

  typealias Measurement = AdmixModel.Measurement
}

extension FairnessFindings {
  /// - Parameter schema: of the measured dataset.
  init(_ datasets: [FairnessDataset], _ options: FairnessStageOptions, schema: Schema)
    throws(TaskFailure)
  {
    let positive = try Self.positive(datasets, options, schema)
    var options = options
    options.figures.reference = try Self.reference(datasets, options, schema)
    reference = options.figures.reference
    label = options.label.name
    positiveName =
      "\(options.label.name) "
      + positive.sorted(by: CountTable.precedes).map { "'\($0)'" }.joined(separator: " or ")
    let whole = datasets.first { $0.role == "of" }?.name ?? ""
    var views: [View] = []
    for view in options.views {
      var members: [Member] = []
      var conditional: [ConditionalDifference] = []
      let columns = view.names + [options.label.name]
      // All datasets get the same axes, so that a group that one of them lacks is shown as absent.
      let axes = columns.map { column in
        CountTable.Axis(column: column, values: Self.values(of: column, in: datasets))
      }
      for dataset in datasets {
        guard let table = dataset.table(columns),
          let groups = GroupTable(
            table.widened(to: axes), attributes: view.names, label: options.label.name,
            positive: positive)
        else { continue }
        let (title, prefix): (String, String?) =
          switch dataset.role {
          case "of": (dataset.name, nil)
          case "against": (dataset.name, "against")
          default:
            ("\(whole): \(dataset.name)", FairnessStageOptions.prefix(part: dataset.name))
          }
        members.append(Member(dataset: dataset, title: title, prefix: prefix, groups: groups))
        for column in options.conditional {
          guard let table = dataset.table(view.names + [column.name, options.label.name]),
            let strata = StratifiedGroups(
              table, by: column.name, attributes: view.names, label: options.label.name,
              positive: positive)
          else { continue }
          for metric in FairnessMetrics.all {
            guard case .strata(let measure) = metric.computation else { continue }
            let name = FairnessStageOptions.name(
              metric.name, view.names + [column.name], prefix: prefix)
            metrics[name] = measure(strata, options.figures)
          }
          if dataset.role == "of", let (low, high) = FairnessMetrics.extremes(of: groups) {
            conditional.append(
              ConditionalDifference(strata, of: high.values, and: low.values, options.figures))
          }
        }
        for metric in FairnessMetrics.all {
          guard case .groups(let measure) = metric.computation else { continue }
          let name = FairnessStageOptions.name(metric.name, view.names, prefix: prefix)
          metrics[name] = measure(groups, options.figures)
        }
      }
      let order = ["against", "part", "of"]
      members.sort {
        (order.firstIndex(of: $0.dataset.role) ?? 0) < (order.firstIndex(of: $1.dataset.role) ?? 0)
      }
      views.append(View(names: view.names, members: members, conditional: conditional))
    }
    self.views = views
    addChanges(options)
    warn(options, schema)
  }

  /// Adds what was decided about people.
  mutating func add(_ decisions: [DecisionFindings], _ options: FairnessStageOptions) {
    self.decisions = decisions
    var options = options
    options.figures.reference = reference
    for found in decisions { metrics.merge(found.measured(options)) { $1 } }
  }

  /// The values a column has in any of the datasets, in one order.
  private static func values(of column: String, in datasets: [FairnessDataset]) -> [String] {
    CategoryIndex.distinct(
      datasets.flatMap(\.tables).flatMap(\.axes).filter { $0.column == column }.flatMap(\.values)
    ).sorted(by: CountTable.precedes)
  }

  /// A value of the options as the column spells it; nil after a report where it is not there.
  private static func spelling(
    of wanted: [String], at span: SourceSpan, in column: String, among values: [String],
    otherwise cause: String, _ datasets: [FairnessDataset], _ schema: Schema,
    report: inout Diagnostics
  ) -> String? {
    let known = Set(values.map(ExactText.init))
    if let spelling = wanted.first(where: { known.contains(ExactText($0)) }) { return spelling }
    // Values are the data's own and stay out of messages, so none is proposed.
    let name = datasets.first { $0.role == "of" }?.name ?? "STAGE"
    let count = "\(values.count) \(values.count == 1 ? "value" : "values")"
    report.append(
      .error(
        "AX0785", at: span, "'\(wanted.last ?? "")' never occurs in '\(column)'",
        cause: values.isEmpty
          ? "every row misses it, and \(cause)" : "it has \(count), and \(cause)",
        hint: schema[column]?.type == .category
          ? "`admix show PIPELINE \(name) --json` lists them"
          : "`admix show PIPELINE \(name)` shows rows"))
    return nil
  }

  /// The good classes as the column spells them; throws where one of them never occurs.
  private static func positive(
    _ datasets: [FairnessDataset], _ options: FairnessStageOptions, _ schema: Schema
  ) throws(TaskFailure) -> [String] {
    var report = Diagnostics()
    let label = options.label.name
    let occurring = CategoryIndex.distinct(datasets.flatMap { Self.occurring(label, $0) })
    let found = CategoryIndex.distinct(
      options.positive.compactMap { value in
        spelling(
          of: value.spellings, at: value.span, in: label, among: occurring,
          otherwise: "every rate would be zero", datasets, schema, report: &report)
      })
    if let measured = datasets.first(where: { $0.role == "of" }), !report.hasErrors {
      let own = Set(Self.occurring(label, measured).map(ExactText.init))
      if own.count < 2 {
        report.append(
          .error(
            "AX0786", at: options.label.span,
            own.isEmpty
              ? "the label '\(options.label.name)' is missing in every row"
              : "the label '\(options.label.name)' has only one class in '\(measured.name)'",
            cause: "with one outcome for everybody there is nothing to compare"))
      } else if own.isSubset(of: found.map(ExactText.init)), let first = options.positive.first {
        report.append(
          .error(
            "AX0786", at: first.span,
            "every class of '\(options.label.name)' in '\(measured.name)' counts as good",
            cause: "with one outcome for everybody there is nothing to compare",
            hint: "leave out of 'positive' what is not good for people"))
      }
    }
    if report.hasErrors { throw TaskFailure(report) }
    return found
  }

  /// The group that others are compared with, as its columns spell it; throws where one never occurs.
  private static func reference(
    _ datasets: [FairnessDataset], _ options: FairnessStageOptions, _ schema: Schema
  ) throws(TaskFailure) -> [String: String] {
    var report = Diagnostics()
    var found: [String: String] = [:]
    for wanted in options.references {
      found[wanted.column] = spelling(
        of: wanted.spellings, at: wanted.span, in: wanted.column,
        among: values(of: wanted.column, in: datasets),
        otherwise: "there would be no group to compare the others with", datasets, schema,
        report: &report)
    }
    if report.hasErrors { throw TaskFailure(report) }
    return found
  }

  private static func occurring(_ column: String, _ dataset: FairnessDataset) -> [String] {
    guard let table = dataset.tables.first?.marginal([column]), let axis = table.axes.first else {
      return []
    }
    return zip(axis.values, table.counts).filter { $0.1 > 0 }.map(\.0)
  }

  /// `change.x` is x of the measured dataset minus x of the one it is compared with.
  private mutating func addChanges(_ options: FairnessStageOptions) {
    for metric in FairnessMetrics.all {
      for view in options.views {
        for columns in metric.columns(view.names, within: options.conditional.map(\.name)) {
          let own = metrics[FairnessStageOptions.name(metric.name, columns)]
          let before = FairnessStageOptions.name(metric.name, columns, prefix: "against")
          guard let own, let other = metrics[before] else { continue }
          metrics[FairnessStageOptions.name(metric.name, columns, prefix: "change")] =
            own.minus(other)
        }
      }
    }
  }

  /// More whole numbers than this are hardly names of groups.
  private static let mostNumbers = 20

  private mutating func warn(_ options: FairnessStageOptions, _ schema: Schema) {
    for (view, spec) in zip(views, options.views) where spec.columns.count == 1 {
      guard let column = spec.columns.first, let measured = view.measured else { continue }
      let compared = measured.groups.compared
      if schema[column.name]?.type == .int, compared.count > Self.mostNumbers {
        let small = compared.count { $0.rows < options.figures.minSupport }
        warnings.append(
          .warning(
            "AX0789", at: column.span,
            "'\(column.name)' holds \(compared.count) different numbers, each a group of its own",
            cause: small > 0
              ? "\(small) of the groups have fewer than min_support \(options.figures.minSupport) rows"
              : "gaps are those between the two numbers furthest apart",
            hint: "make bands of it first, with a 'transform' stage and its step 'bin'"))
      }
      let lost = measured.groups.groups.indices.filter {
        measured.groups.groups[$0].rows == 0 && !measured.groups.groups[$0].isMissing
      }
      if !lost.isEmpty {
        // All members have their groups in one order.
        let elsewhere = lost.count { index in
          view.members.contains { $0.groups.groups[index].rows > 0 }
        }
        warnings.append(Self.absent(lost.count, elsewhere, column, view))
      }
      let missing = measured.groups.groups.filter(\.isMissing).reduce(0) { $0 + $1.rows }
      if missing * 100 > measured.groups.rows {
        warnings.append(
          .warning(
            "AX0788", at: column.span,
            "'\(column.name)' is missing in \(missing) of \(measured.groups.rows) rows",
            cause: "they are counted, and compared with no group"))
      }
    }
    if let measured = views.first?.measured {
      let missing = measured.groups.rows - measured.groups.labelled
      if missing * 100 > measured.groups.rows {
        warnings.append(
          .warning(
            "AX0788", at: options.label.span,
            "'\(label)' is missing in \(missing) of \(measured.groups.rows) rows",
            cause: "they count for shares, and not for rates"))
      }
    }
  }

  /// Which groups they are is the data's own, and said by the report.
  private static func absent(
    _ count: Int, _ elsewhere: Int, _ column: FairnessStageOptions.Named, _ view: View
  ) -> Diagnostic {
    let other = "'\(view.compared?.dataset.name ?? "the other dataset")'"
    let isOne = count == 1
    return .warning(
      "AX0787", at: column.span,
      "\(count) \(isOne ? "group" : "groups") of '\(column.name)' \(isOne ? "has" : "have") no rows",
      cause: elsewhere == 0
        // A category nobody has anywhere is a word in a list, not a group that was lost.
        ? "the column's categories list \(isOne ? "it" : "them")"
        : "\(other) has rows of \(isOne ? "it" : elsewhere == count ? "them" : "\(elsewhere) of them")",
      hint: "the stage's report names \(isOne ? "it" : "them"), as absent")
  }
}
