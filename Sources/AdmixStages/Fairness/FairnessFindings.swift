import AdmixEngine
import AdmixModel
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
  let positiveName: String
  let label: String

  typealias Measurement = AdmixModel.Measurement
}

extension FairnessFindings {
  /// - Parameter schema: of the measured dataset.
  init(_ datasets: [FairnessDataset], _ options: FairnessStageOptions, schema: Schema)
    throws(TaskFailure)
  {
    let classes = Self.values(of: options.label.name, in: datasets)
    let positive = try Self.positive(classes, datasets, options)
    var options = options
    options.figures.reference = try Self.reference(datasets, options)
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
        guard let table = Self.counts(columns, dataset),
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
          if dataset.role == "of", let (high, low) = Self.extremes(groups) {
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

  /// The values a column has in any of the datasets, in one order.
  private static func values(of column: String, in datasets: [FairnessDataset]) -> [String] {
    var values: Set<String> = []
    for axis in datasets.flatMap(\.tables).flatMap(\.axes) where axis.column == column {
      values.formUnion(axis.values)
    }
    return values.sorted(by: CountTable.precedes)
  }

  private static func counts(_ columns: [String], _ dataset: FairnessDataset) -> CountTable? {
    dataset.table(columns)
  }

  /// The good classes as the column spells them; throws where one of them never occurs.
  private static func positive(
    _ classes: [String], _ datasets: [FairnessDataset], _ options: FairnessStageOptions
  ) throws(TaskFailure) -> Set<String> {
    var report = Diagnostics()
    let occurring = Set(datasets.flatMap { Self.occurring(options.label.name, $0) })
    var found: Set<String> = []
    for value in options.positive {
      if let spelling = value.spellings.first(where: occurring.contains) {
        found.insert(spelling)
        continue
      }
      let wanted = value.spellings.last ?? ""
      report.append(
        .error(
          "AX0785", at: value.span, "'\(wanted)' never occurs in '\(options.label.name)'",
          cause: "every rate would be zero",
          hint: Spelling.closest(to: wanted, among: classes).map { "did you mean '\($0)'?" }))
    }
    if let measured = datasets.first(where: { $0.role == "of" }), !report.hasErrors {
      let own = Set(Self.occurring(options.label.name, measured))
      if own.count < 2 {
        report.append(
          .error(
            "AX0786", at: options.label.span,
            own.isEmpty
              ? "the label '\(options.label.name)' is missing in every row"
              : "the label '\(options.label.name)' has only one class in '\(measured.name)'",
            cause: "with one outcome for everybody there is nothing to compare"))
      } else if found.isSuperset(of: own), let first = options.positive.first {
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
    _ datasets: [FairnessDataset], _ options: FairnessStageOptions
  ) throws(TaskFailure) -> [String: String] {
    var report = Diagnostics()
    var found: [String: String] = [:]
    for wanted in options.references {
      let values = values(of: wanted.column, in: datasets)
      if let spelling = wanted.spellings.first(where: Set(values).contains) {
        found[wanted.column] = spelling
        continue
      }
      let text = wanted.spellings.last ?? ""
      report.append(
        .error(
          "AX0785", at: wanted.span, "'\(text)' never occurs in '\(wanted.column)'",
          cause: "there would be no group to compare the others with",
          hint: Spelling.closest(to: text, among: values).map { "did you mean '\($0)'?" }))
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

  /// The groups with the highest and the lowest rate.
  static func extremes(_ table: GroupTable) -> (high: GroupTable.Group, low: GroupTable.Group)? {
    let rated = table.compared.filter { $0.labelled > 0 }
    guard rated.count > 1, let (low, high) = FairnessMetrics.extremes(rated) else { return nil }
    return (high, low)
  }

  /// `change.x` is x of the measured dataset minus x of the one it is compared with.
  private mutating func addChanges(_ options: FairnessStageOptions) {
    for metric in FairnessMetrics.all {
      for view in options.views {
        let lists: [[String]] =
          switch metric.computation {
          case .groups: [view.names]
          case .strata: options.conditional.map { view.names + [$0.name] }
          }
        for columns in lists {
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
      for group in measured.groups.groups where group.rows == 0 && !group.isMissing {
        let elsewhere = view.members.contains { member in
          member.groups.groups.contains { $0.values == group.values && $0.rows > 0 }
        }
        // A category nobody has anywhere is a word in a list, not a group that was lost.
        warnings.append(
          .warning(
            "AX0787", at: column.span,
            "the group '\(group.name)' of '\(column.name)' has no rows",
            cause: elsewhere
              ? "'\(view.compared?.dataset.name ?? "the other dataset")' has rows of it"
              : "the column's categories list it"))
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
}
