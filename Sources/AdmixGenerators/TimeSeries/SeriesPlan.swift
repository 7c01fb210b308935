import AdmixModel
import AdmixSpec

/// Which columns of the training data a series generator makes and what each is, from the schema and the
/// options alone.
struct SeriesPlan {
  /// What the rows of training are noted by: order, entity, and what may vary.
  var table: ColumnPlan
  /// Of the rows that come out.
  var schema: Schema
  /// Names of columns that are not learned, with the reason.
  var leftOut: [(name: String, reason: String)]
  var order: ColumnSchema
  var entity: String?
  /// Columns with fresh unique values.
  var keys: [String]

  private static let orders: [ColumnType] = [.int, .double, .date, .datetime]
  private static let entities: [ColumnType] = [.int, .text, .category, .bool]

  /// Nil with a report where the options do not fit the schema.
  init?(_ learned: Schema, _ options: SeriesOptions, report: inout Diagnostics) {
    let before = report.items.count
    guard let order = Self.order(learned, options, report: &report) else { return nil }
    _ = Self.column(
      options.entity, at: options.entitySpan, in: learned, Self.entities,
      as: "what tells series apart", report: &report)
    for column in options.columns {
      _ = Self.column(
        column.name, at: column.span, in: learned, ColumnType.allCases, as: "a series",
        report: &report)
    }
    let named = Set(options.columns.map(\.name))
    let own = [order, options.entity ?? order]
    // What people said of the order and the entity is no reason to leave them out.
    let entries = ColumnPlan(
      Schema(
        learned.columns.map { column in
          var column = column
          if own.contains(column.name) { column.roles = [] }
          return column
        }), text: .resample)
    let isAsked = { (name: String) in named.isEmpty || named.contains(name) || own.contains(name) }
    table = entries
    table.entries = entries.entries.filter { isAsked($0.column.name) }
    leftOut =
      entries.leftOut
      + entries.entries.filter { !isAsked($0.column.name) }.map {
        ($0.column.name, "'columns' does not name it")
      }
    keys = table.entries.filter { $0.treatment == .key }.map(\.column.name)
    entity = options.entity
    schema = Schema(
      table.entries.map { entry in
        var entry = entry
        if entry.column.name == options.entity { entry.treatment = .key }
        var column = ColumnPlan.output(entry)
        if column.name == options.entity, column.type == .bool { column.type = .text }
        column.roles = learned[column.name]?.roles ?? []
        return column
      })
    guard let column = learned[order] else { return nil }
    self.order = column
    Self.check(options.calendar, column, options.calendarSpan, report: &report)
    if report.items.count > before { return nil }
  }

  private static func order(
    _ learned: Schema, _ options: SeriesOptions, report: inout Diagnostics
  ) -> String? {
    let timed = learned.columns(with: .time).map(\.name)
    guard let name = options.order ?? (timed.count == 1 ? timed.first : nil) else {
      report.append(
        .error(
          "AX0612", at: options.orderSpan, "'order' is missing",
          cause: timed.isEmpty
            ? "a series is in order of a column, and none has the role time"
            : "\(timed.count) columns have the role time",
          hint: "order: the name of a date or time column"))
      return nil
    }
    let found = column(
      name, at: options.orderSpan, in: learned, orders, as: "the order of a series",
      report: &report)
    guard found != nil, name != options.entity else {
      if found != nil {
        report.append(
          .error(
            "AX0653", at: options.entitySpan, "column '\(name)' cannot be what tells series apart",
            cause: "series are in order of it"))
      }
      return nil
    }
    return name
  }

  private static func check(
    _ calendar: [CalendarUnit], _ order: ColumnSchema, _ span: SourceSpan,
    report: inout Diagnostics
  ) {
    for unit in calendar {
      let types: [ColumnType] = unit.needsTimeOfDay ? [.datetime] : [.date, .datetime]
      if types.contains(order.type) { continue }
      report.append(
        .error(
          "AX0653", at: span,
          "column '\(order.name)' cannot be the order of a season by \(unit.rawValue)",
          cause:
            "it is \(order.type.rawValue), and \(unit.rawValue) is of \(types.map(\.rawValue).joined(separator: ", "))",
          hint: "season: {period: the steps of a season}"))
    }
  }

  private static func column(
    _ name: String?, at span: SourceSpan, in schema: Schema, _ types: [ColumnType],
    as what: String, report: inout Diagnostics
  ) -> ColumnSchema? {
    guard let name else { return nil }
    guard let column = schema[name] else {
      report.append(
        .error(
          "AX0601", at: span, "unknown column '\(name)'",
          cause: "the training data has no such column",
          hint: Spelling.closest(to: name, among: schema.names).map { "did you mean '\($0)'?" }))
      return nil
    }
    guard types.contains(column.type) else {
      report.append(
        .error(
          "AX0653", at: span, "column '\(name)' cannot be \(what)",
          cause:
            "it is \(column.type.rawValue), and \(what) is \(types.map(\.rawValue).joined(separator: ", "))"
        ))
      return nil
    }
    return column
  }
}
