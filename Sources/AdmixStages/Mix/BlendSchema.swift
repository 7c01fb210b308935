import AdmixData
import AdmixModel

/// The one schema that rows of several datasets are brought to.
enum BlendSchema {
  struct Source {
    /// The part's name.
    var name: String
    /// The stage and output behind it, for people.
    var stage: String
    var schema: Schema
    var span: SourceSpan

    var label: String { name == stage ? "'\(name)'" : "'\(name)' (\(stage))" }
  }

  /// Columns in the order of the first source, then where the rows came from.
  ///
  /// Whole numbers become fractions, categories texts, and dates times where another part has those;
  /// categories are united. Anything else that differs is reported with both parts.
  static func merged(_ sources: [Source], report: inout Diagnostics) -> Schema? {
    guard let first = sources.first else { return nil }
    var problems = Diagnostics()
    let names = first.schema.names.filter { !Schema.isOrigin($0) }
    for source in sources.dropFirst() {
      let others = source.schema.names.filter { !Schema.isOrigin($0) }
      for (has, lacks, missing) in [
        (first, source, names.filter { !others.contains($0) }),
        (source, first, others.filter { !names.contains($0) }),
      ] {
        guard let name = missing.first else { continue }
        let more = missing.count > 1 ? " and \(missing.count - 1) more" : ""
        problems.append(
          .error(
            "AX0623", at: lacks.span,
            "the part \(lacks.label) has no column '\(name)'\(more), which \(has.label) has",
            hint: Spelling.closest(to: name, among: lacks.schema.names).map {
              "'\($0)' is there; a 'transform' with 'rename' makes them one"
            } ?? "a 'transform' with 'select' or 'drop' leaves the columns that both have"))
      }
    }
    var columns: [ColumnSchema] = []
    for name in names {
      let parts = sources.compactMap { source in source.schema[name].map { (source, $0) } }
      if let column = merged(parts, report: &problems) { columns.append(column) }
    }
    report.append(contentsOf: problems)
    return problems.hasErrors ? nil : Schema(columns + origins(sources))
  }

  private static func merged(
    _ parts: [(source: Source, column: ColumnSchema)], report: inout Diagnostics
  ) -> ColumnSchema? {
    guard var result = parts.first?.column, let first = parts.first?.source else { return nil }
    for (source, column) in parts.dropFirst() {
      guard let type = common(result.type, column.type),
        type != .datetime
          || result.isUTC == column.isUTC || result.type == .date || column.type == .date
      else {
        let isZone = result.type == column.type
        report.append(
          .error(
            "AX0624", at: source.span,
            isZone
              ? "the column '\(column.name)' has UTC times in one part and local times in the other"
              : "the column '\(column.name)' is \(column.type.rawValue) in \(source.label) and \(result.type.rawValue) in \(first.label)",
            hint: isZone ? nil : "a 'transform' with 'cast' makes them the same"))
        return nil
      }
      result.isUTC = result.isUTC || column.isUTC
      if result.decimals != column.decimals || result.type != column.type { result.decimals = nil }
      result.type = type
      result.categories = type == .category ? united(result.categories, column.categories) : []
      result.roles += column.roles.filter { !result.roles.contains($0) }
    }
    return result
  }

  private static func common(_ a: ColumnType, _ b: ColumnType) -> ColumnType? {
    if a == b { return a }
    switch Set([a, b]) {
    case [.int, .double]: return .double
    case [.category, .text]: return .text
    case [.date, .datetime]: return .datetime
    default: return nil
    }
  }

  /// Both lists sorted by bytes, each text once.
  static func united(_ a: [String], _ b: [String]) -> [String] {
    var out: [String] = []
    var i = 0
    var j = 0
    while i < a.count || j < b.count {
      if j == b.count || i < a.count && CategoryIndex.precedes(a[i], b[j]) {
        out.append(a[i])
        i += 1
      } else if i == a.count || CategoryIndex.precedes(b[j], a[i]) {
        out.append(b[j])
        j += 1
      } else {
        out.append(a[i])
        i += 1
        j += 1
      }
    }
    return out
  }

  /// Rows that already know where they came from keep it; the others get the name of the stage
  /// behind the part, which before a run nobody but the graph knows.
  private static func origins(_ sources: [Source]) -> [ColumnSchema] {
    var names: [String] = []
    for source in sources {
      let own =
        keepsOrigin(source.schema)
        ? source.schema[Schema.originSource]?.categories ?? [] : [source.stage]
      names = united(names, own)
    }
    return [
      ColumnSchema(Schema.originSource, .category, roles: [.ignore], categories: names),
      ColumnSchema(Schema.originRow, .int, roles: [.ignore]),
    ]
  }

  static func keepsOrigin(_ schema: Schema) -> Bool {
    schema[Schema.originSource]?.type == .category && schema[Schema.originRow]?.type == .int
  }

  /// The rows of one source in the blend's schema.
  ///
  /// - Parameter firstRow: the number of the batch's first row in its dataset.
  static func conformed(
    _ batch: Batch, to schema: Schema, part: String, rows: [Int], firstRow: Int
  ) throws -> Batch {
    let keeps = keepsOrigin(batch.schema)
    let columns = try schema.columns.map { column in
      if Schema.isOrigin(column.name), !keeps {
        return origin(column, part: part, rows: rows, firstRow: firstRow)
      }
      guard let own = batch[column.name] else {
        throw Diagnostic.error(
          "AX0901", "a partition came without the column '\(column.name)'")
      }
      return try own.taking(rows).converted(to: column)
    }
    return Batch(schema: schema, columns: columns, rows: rows.count)
  }

  private static func origin(_ column: ColumnSchema, part: String, rows: [Int], firstRow: Int)
    -> Column
  {
    if column.type == .int {
      return Column(
        .int(
          Buffer(count: rows.count) { out in
            for (index, row) in rows.enumerated() { out[index] = Int64(firstRow + row) }
          }))
    }
    let code = CategoryIndex(column.categories).code(of: part) ?? 0
    return Column(
      .category(
        Buffer(count: rows.count) { $0.initialize(repeating: code) }, categories: column.categories)
    )
  }
}

extension Column {
  /// The same values as the wider type that the schema has.
  func converted(to schema: ColumnSchema) throws -> Column {
    switch (values, schema.type) {
    case (.category(let codes, let categories), .text):
      let missing = validity
      return Column(
        .text(
          TextBuffer(
            (0..<count).map { missing?[$0] == false ? "" : categories[Int(codes[$0])] })),
        validity: validity)
    case (.category, .category):
      do { return try recoded(to: schema.categories) } catch {
        throw Diagnostic.error(
          "AX0901", "the column '\(schema.name)' has a category that its schema does not list")
      }
    case (.int(let buffer), .double):
      let source = buffer.unsafe
      var inexact = false
      let out = Buffer<Double>(count: count) { out in
        for row in 0..<source.count {
          out[row] = Double(source[row])
          if source[row].magnitude > 1 << 53, Int64(exactly: out[row]) != source[row],
            !isMissing(row)
          {
            inexact = true
          }
        }
      }
      guard !inexact else {
        throw Diagnostic.error(
          "AX0624", "the column '\(schema.name)' has whole numbers beyond 2^53 in one part",
          cause: "another part has fractions there, and no number type holds both exactly",
          hint: "a 'transform' with 'cast' to text keeps every digit")
      }
      return Column(.double(out), validity: validity)
    case (.date(let days), .datetime):
      let moments = (0..<count).map { row in
        isMissing(row) ? 0 : CivilDate.midnight(Int64(days[row]))
      }
      guard !moments.contains(nil) else {
        throw Diagnostic.error(
          "AX0624", "the column '\(schema.name)' has dates some 290,000 years away in one part",
          cause: "another part has times of day there, and those do not reach so far")
      }
      return Column(.datetime(Buffer(moments.map { $0 ?? 0 })), validity: validity)
    default:
      guard type == schema.type else {
        throw Diagnostic.error(
          "AX0901", "the column '\(schema.name)' is \(type.rawValue), not \(schema.type.rawValue)")
      }
      return self
    }
  }
}
