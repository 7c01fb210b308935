import AdmixData
import AdmixModel
import AdmixSpec

extension Operation {
  /// The columns after this step; everything that does not fit is reported, and the columns are then
  /// what they would be without the misfits, so that later steps can be checked too.
  func schema(after schema: Schema, report: inout Diagnostics) -> Schema {
    var problems = Diagnostics()
    let result = columns(after: schema, report: &problems)
    if result.columns.isEmpty, !schema.columns.isEmpty, !problems.hasErrors {
      problems.append(
        .error(
          "AX0520", at: leading?.span, "no column is left after this step",
          hint: "a dataset has at least one column"))
    }
    report.append(contentsOf: problems)
    return result
  }

  /// The first name of a step that takes columns away.
  private var leading: Named? {
    switch self {
    case .select(let names), .drop(let names): names.first
    case .uncount(let name): name
    default: nil
    }
  }

  private func columns(after schema: Schema, report: inout Diagnostics) -> Schema {
    var result = schema
    switch self {
    case .select(let names):
      for name in names { _ = Self.find(name, schema, &report) }
      result = Schema(Self.selected(names, schema).compactMap { schema[$0] })
    case .drop(let names):
      for name in names { _ = Self.find(name, schema, &report) }
      result.columns.removeAll { column in names.contains { $0.text == column.name } }
    case .rename(let pairs): rename(pairs, schema, &result, &report)
    case .cast(let casts):
      for cast in casts {
        guard let old = Self.find(cast.column, schema, &report),
          let index = schema.index(of: cast.column.text), old.type != cast.type
        else { continue }
        result.columns[index] = ColumnSchema(old.name, cast.type, roles: old.roles)
        if cast.format != nil, ![.date, .datetime].contains(cast.type) {
          report.append(
            .error(
              "AX0520", at: cast.column.span,
              "'format' is for dates, and '\(old.name)' becomes \(cast.type.rawValue)"))
        }
      }
    case .derive(let columns):
      for (name, text) in columns {
        guard
          let expression = ColumnExpression(
            text.text, at: text.span, schema: result, report: &report)
        else { continue }
        result.set(ColumnSchema(name, expression.type))
      }
    case .filter(let text):
      guard
        let expression = ColumnExpression(text.text, at: text.span, schema: schema, report: &report)
      else { break }
      if expression.type != .bool {
        report.append(
          .error(
            "AX0525", at: text.span, "a filter is true or false for a row",
            cause: "its value is \(expression.type.rawValue)"))
      }
    case .fill(let fills):
      for (name, value) in fills { fill(name, value, schema, &result, &report) }
    case .map(let maps):
      for (name, values, other) in maps { map(name, values, other, schema, &result, &report) }
    case .dropMissing(let names), .dedupe(let names):
      for name in names ?? [] { _ = Self.find(name, schema, &report) }
    case .clip(let clips):
      for clip in clips where Self.isNumber(clip.column, schema, &report) {
        guard let index = schema.index(of: clip.column.text) else { continue }
        result.columns[index].decimals = nil
        if schema.columns[index].type == .int, Self.wholes(clip.low, clip.high) == nil {
          report.append(
            .error(
              "AX0520", at: clip.column.span,
              "no 64-bit whole number lies in the range of '\(clip.column.text)'",
              cause: "the column is int",
              hint: "widen the range, or cast the column to double first"))
        }
      }
    case .bin(let bins):
      for (name, _, labels) in bins where Self.isNumber(name, schema, &report) {
        guard let index = schema.index(of: name.text) else { continue }
        result.columns[index] = ColumnSchema(
          name.text, .category, roles: schema.columns[index].roles,
          categories: labels.sorted(by: CategoryIndex.precedes))
      }
    case .pseudonymise(let names, _):
      for name in names {
        guard let old = Self.find(name, schema, &report), let index = schema.index(of: name.text)
        else { continue }
        result.columns[index] = ColumnSchema(
          old.name, .text, roles: old.roles.filter { $0 != .pii })
      }
    case .uncount(let name):
      if let column = Self.find(name, schema, &report), column.type != .int {
        report.append(
          .error(
            "AX0523", at: name.span, "'\(name.text)' is no whole number",
            cause: "it is \(column.type.rawValue)"))
      }
      result.columns.removeAll { $0.name == name.text }
    case .sort(let columns): for column in columns { _ = Self.find(column.column, schema, &report) }
    case .sample: break
    }
    return result
  }

  /// The columns that `select` leaves: those named, and where a row came from, which is no matter of choice.
  static func selected(_ names: [Named], _ schema: Schema) -> [String] {
    let named = names.map(\.text)
    return named + schema.names.filter { Schema.isOrigin($0) && !named.contains($0) }
  }

  /// Whether only the data will tell which categories a column has after this step.
  func findsCategories(in schema: Schema) -> Bool {
    switch self {
    case .cast(let casts):
      casts.contains { $0.type == .category && schema[$0.column.text]?.type != .category }
    case .map(let maps):
      maps.contains { item in
        let type = schema[item.column.text]?.type
        return item.other == .keep && type != .category && type != .text
      }
    default: false
    }
  }

  private static func find(_ name: Named, _ schema: Schema, _ report: inout Diagnostics)
    -> ColumnSchema?
  {
    if let column = schema[name.text] { return column }
    report.append(
      .error(
        "AX0522", at: name.span, "there is no column '\(name.text)' at this step",
        hint: Spelling.closest(to: name.text, among: schema.names).map { "did you mean '\($0)'?" }))
    return nil
  }

  private static func isNumber(_ name: Named, _ schema: Schema, _ report: inout Diagnostics)
    -> Bool
  {
    guard let column = find(name, schema, &report) else { return false }
    if column.type == .int || column.type == .double { return true }
    report.append(
      .error(
        "AX0523", at: name.span, "'\(name.text)' is no number",
        cause: "it is \(column.type.rawValue)"))
    return false
  }

  private func rename(
    _ pairs: [(from: Named, to: String)], _ schema: Schema, _ result: inout Schema,
    _ report: inout Diagnostics
  ) {
    for (from, to) in pairs {
      _ = Self.find(from, schema, &report)
      if let index = schema.index(of: from.text) { result.columns[index].name = to }
    }
    var seen: Set<String> = []
    for name in result.names where !seen.insert(name).inserted {
      let span = pairs.first { $0.to == name }?.from.span
      report.append(
        .error("AX0524", at: span, "two columns are called '\(name)' after this step"))
    }
  }

  private func fill(
    _ name: Named, _ value: JSONValue, _ schema: Schema, _ result: inout Schema,
    _ report: inout Diagnostics
  ) {
    guard let column = Self.find(name, schema, &report), let index = schema.index(of: name.text)
    else { return }
    // A value with other digits than the rest would be cut to theirs when it is written.
    result.columns[index].decimals = nil
    if ["mean", "median"].contains(value.string ?? "") {
      _ = Self.isNumber(name, schema, &report)
      return
    }
    if Self.isStatistic(value) { return }
    guard FillValue(value, column.type) != nil else {
      report.append(
        .error(
          "AX0527", at: name.span,
          "'\(name.text)' is \(column.type.rawValue) and cannot be filled with that"))
      return
    }
    if column.type == .category, let text = value.string {
      result.columns[index].categories = BlendSchema.united(column.categories, [text])
    }
  }

  private func map(
    _ name: Named, _ values: [Replacement], _ other: OtherValues, _ schema: Schema,
    _ result: inout Schema, _ report: inout Diagnostics
  ) {
    guard let column = Self.find(name, schema, &report), let index = schema.index(of: name.text)
    else { return }
    guard [.int, .bool, .text, .category].contains(column.type) else {
      report.append(
        .error(
          "AX0523", at: name.span, "'\(name.text)' is \(column.type.rawValue) and cannot be mapped",
          cause:
            "values are looked up as they are written, and numbers and dates have many spellings",
          hint: "use 'bin', or 'derive' with 'if(…)'"))
      return
    }
    var keys: Set<CellKey> = []
    for value in values {
      guard let key = value.key(in: column.type) else {
        report.append(
          .error(
            "AX0520", at: value.old.span, "'\(name.text)' never has the value '\(value.old.text)'",
            cause: "the column is \(column.type.rawValue)"))
        continue
      }
      if !keys.insert(CellKey([key])).inserted {
        report.append(
          .error(
            "AX0520", at: value.old.span, "the value '\(key)' of '\(name.text)' is listed twice"))
      }
    }
    if column.type == .text { return }
    var categories = values.compactMap(\.new)
    if column.type == .category, other == .keep {
      let known = CategoryIndex(values.map(\.old.text))
      categories += column.categories.filter { known.code(of: $0) == nil }
    }
    // Which whole numbers stay as they are, only the data tells; tasks add what they find.
    result.columns[index] = ColumnSchema(
      column.name, .category, roles: column.roles,
      categories: CategoryIndex.distinct(categories))
  }
}

/// A value that missing places of a column of a type may get.
enum FillValue {
  case int(Int64)
  case double(Double)
  case bool(Bool)
  case text(String)
  case day(Int32)
  case moment(Int64)

  /// A date or moment by its count since 1970, as a mode is told: it may lie in a year that has more
  /// digits than the texts of pipeline files.
  static func counted(_ count: Int64) -> JSONValue { .object(["since-1970": .int(count)]) }

  /// Nil where the value does not fit the type.
  init?(_ value: JSONValue, _ type: ColumnType) {
    switch (type, value) {
    case (.int, .int(let whole)): self = .int(whole)
    case (.int, .double(let number)):
      guard let whole = Int64(exactly: number) else { return nil }
      self = .int(whole)
    case (.double, .double(let number)) where number.isFinite: self = .double(number)
    case (.double, .int(let whole)): self = .double(Double(whole))
    case (.bool, .bool(let flag)): self = .bool(flag)
    case (.text, .string(let text)), (.category, .string(let text)): self = .text(text)
    case (.date, .string(let text)):
      guard let days = CivilDate.days(text) else { return nil }
      self = .day(days)
    case (.datetime, .string(let text)):
      guard let moment = CivilDate.microseconds(text) else { return nil }
      self = .moment(moment)
    case (.date, .object(let mode)):
      guard case .int(let count)? = mode["since-1970"], let days = Int32(exactly: count) else {
        return nil
      }
      self = .day(days)
    case (.datetime, .object(let mode)):
      guard case .int(let moment)? = mode["since-1970"] else { return nil }
      self = .moment(moment)
    default: return nil
    }
  }
}

extension Schema {
  /// With a column replaced, keeping its roles, or added at the end.
  mutating func set(_ column: ColumnSchema) {
    if let index = index(of: column.name) {
      let roles = columns[index].roles
      columns[index] = column
      columns[index].roles = roles
    } else {
      columns.append(column)
    }
  }
}
