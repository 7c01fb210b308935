import AdmixData
import AdmixModel
import AdmixSpec
import Foundation

extension Operation {
  /// Carries out a step that looks at rows by themselves.
  func apply(to batch: Batch, at span: SourceSpan, key: (String) -> String?) throws -> Batch {
    switch self {
    case .select(let names):
      return batch.selecting(names) ?? batch
    case .drop(let names):
      return batch.selecting(batch.schema.names.filter { !names.contains($0) }) ?? batch
    case .rename(let pairs):
      var schema = batch.schema
      for (from, to) in pairs {
        if let index = batch.schema.index(of: from) { schema.columns[index].name = to }
      }
      return Batch(schema: schema, columns: batch.columns, rows: batch.rows)
    case .cast(let casts, let isLenient):
      return try casts.reduce(batch) { batch, cast in
        try Self.cast(batch, cast.column, cast.type, cast.format, isLenient, span)
      }
    case .derive(let columns):
      return try columns.reduce(batch) { batch, item in
        let expression = try Self.expression(item.text, span, batch.schema)
        let column = try expression.evaluate(batch)
        return batch.setting(ColumnSchema(item.name, expression.type), column)
      }
    case .filter(let text):
      let mask = try Self.expression(text, span, batch.schema).mask(batch)
      return batch.taking((0..<batch.rows).filter { mask[$0] })
    case .fill(let fills):
      return try fills.reduce(batch) { try Self.fill($0, $1.column, $1.value, span) }
    case .dropMissing(let names):
      let columns = (names ?? batch.schema.names).compactMap { batch[$0] }
      return batch.taking(
        (0..<batch.rows).filter { row in !columns.contains { $0.isMissing(row) } })
    case .clip(let clips):
      return clips.reduce(batch) { batch, clip in
        guard let index = batch.schema.index(of: clip.column) else { return batch }
        let low = clip.low ?? -.infinity
        let high = clip.high ?? .infinity
        let column = batch.columns[index]
        switch column.values {
        case .double(let values):
          let clipped = Column(
            .double(Buffer(values.array.map { min(high, max(low, $0)) })), validity: column.validity
          )
          return batch.setting(batch.schema.columns[index], clipped)
        case .int(let values):
          let least = Int64(exactly: max(low.rounded(.up), -9.2e18)) ?? .min
          let most = Int64(exactly: min(high.rounded(.down), 9.2e18)) ?? .max
          let clipped = Column(
            .int(Buffer(values.array.map { min(most, max(least, $0)) })), validity: column.validity)
          return batch.setting(batch.schema.columns[index], clipped)
        default: return batch
        }
      }
    case .bin(let bins):
      return bins.reduce(batch) { batch, bin in
        guard let index = batch.schema.index(of: bin.column) else { return batch }
        let column = batch.columns[index]
        let sorted = bin.labels.sorted(by: CategoryIndex.precedes)
        let codes = CategoryIndex(sorted)
        let places = bin.labels.map { codes.code(of: $0) ?? 0 }
        var schema = ColumnSchema(
          bin.column, .category, roles: batch.schema.columns[index].roles, categories: sorted)
        schema.roles = batch.schema.columns[index].roles
        var builder = ColumnBuilder(schema, capacity: batch.rows)
        for row in 0..<batch.rows {
          guard let value = column.number(row) else {
            builder.appendMissing()
            continue
          }
          builder.append(code: places[bin.edges.firstIndex { value < $0 } ?? bin.edges.count])
        }
        return batch.setting(schema, builder.finish())
      }
    case .pseudonymise(let names, let digest):
      guard let key = key(digest) else {
        throw Diagnostic.error("AX0521", at: span, "the key of this step is not at hand")
      }
      let mac = HMAC(key: Array(key.utf8))
      return names.reduce(batch) { batch, name in
        guard let index = batch.schema.index(of: name) else { return batch }
        let column = batch.columns[index]
        let schema = ColumnSchema(
          name, .text, roles: batch.schema.columns[index].roles.filter { $0 != .pii })
        var builder = ColumnBuilder(schema, capacity: batch.rows)
        for row in 0..<batch.rows {
          if let text = column.plainText(row) {
            // 128 bits: no two of a billion texts meet.
            builder.append(text: String(mac.tag(Array(text.utf8)).hex.prefix(32)))
          } else {
            builder.appendMissing()
          }
        }
        return batch.setting(schema, builder.finish())
      }
    case .uncount(let name):
      guard let column = batch[name], case .int(let counts) = column.values else { return batch }
      var rows: [Int] = []
      for row in 0..<batch.rows where !column.isMissing(row) {
        let count = counts[row]
        guard (0...100_000_000).contains(count), rows.count + Int(count) <= 1 << 31 else {
          throw Diagnostic.error(
            "AX0526", at: span, "row \(row) of its partition cannot be repeated so often",
            cause: "'\(name)' is a whole number from 0 to 100,000,000")
        }
        rows.append(contentsOf: repeatElement(row, count: Int(count)))
      }
      let names = batch.schema.names.filter { $0 != name }
      return (batch.selecting(names) ?? batch).taking(rows)
    case .dedupe, .sort: return batch
    }
  }

  private static func expression(_ text: String, _ span: SourceSpan, _ schema: Schema) throws
    -> ColumnExpression
  {
    var report = Diagnostics()
    guard let expression = ColumnExpression(text, at: span, schema: schema, report: &report) else {
      throw report
    }
    return expression
  }

  private static func fill(_ batch: Batch, _ name: String, _ value: JSONValue, _ span: SourceSpan)
    throws -> Batch
  {
    guard let index = batch.schema.index(of: name) else { return batch }
    let column = batch.columns[index]
    var schema = batch.schema.columns[index]
    if schema.type == .category, let text = value.string, !schema.categories.contains(text) {
      schema.categories = (schema.categories + [text]).sorted(by: CategoryIndex.precedes)
    }
    let old = Batch(
      schema: Schema([batch.schema.columns[index]]), columns: [column], rows: batch.rows)
    let wide = Batch.concatenating([old], schema: Schema([schema])).columns[0]
    var builder = ColumnBuilder(schema, capacity: batch.rows)
    let codes = CategoryIndex(schema.categories)
    for row in 0..<batch.rows {
      if !column.isMissing(row) {
        builder.append(wide, row)
        continue
      }
      switch (schema.type, value) {
      case (.int, _) where value.int != nil: builder.append(int: value.int ?? 0)
      case (.double, _) where value.double != nil: builder.append(double: value.double ?? 0)
      case (.bool, .bool(let flag)): builder.append(bool: flag)
      case (.text, .string(let text)): builder.append(text: text)
      case (.category, .string(let text)): builder.append(code: codes.code(of: text) ?? 0)
      case (.date, .string(let text)):
        guard let days = CivilDate.days(text) else { fallthrough }
        builder.append(days: days)
      default:
        throw Diagnostic.error(
          "AX0527", at: span, "'\(name)' is \(schema.type.rawValue) and cannot be filled with that")
      }
    }
    return batch.setting(schema, builder.finish())
  }

  private static func cast(
    _ batch: Batch, _ name: String, _ type: ColumnType, _ format: String?, _ isLenient: Bool,
    _ span: SourceSpan
  ) throws -> Batch {
    guard let index = batch.schema.index(of: name) else { return batch }
    let column = batch.columns[index]
    let before = batch.schema.columns[index]
    if before.type == type { return batch }
    var schema = ColumnSchema(name, type, roles: before.roles)
    var texts: [String?] = []
    if type == .category || type == .text || before.type == .text || before.type == .category {
      texts = (0..<batch.rows).map { column.plainText($0) }
    }
    var codes = CategoryIndex([])
    if type == .category {
      schema.categories = Set(texts.compactMap { $0 }).sorted(by: CategoryIndex.precedes)
      codes = CategoryIndex(schema.categories)
    }
    var builder = ColumnBuilder(schema, capacity: batch.rows)
    for row in 0..<batch.rows {
      if column.isMissing(row) {
        builder.appendMissing()
        continue
      }
      let text = texts.isEmpty ? nil : texts[row]
      let number = column.number(row)
      var fits = true
      switch type {
      case .text: builder.append(text: text ?? "")
      case .category: builder.append(code: text.flatMap { codes.code(of: $0) } ?? 0)
      case .int:
        if let whole = text.flatMap({ Int64($0) }) ?? number.flatMap({ Int64(exactly: $0) }) {
          builder.append(int: whole)
        } else {
          fits = false
        }
      case .double:
        if let value = number ?? text.flatMap({ Double($0) }), value.isFinite {
          builder.append(double: value)
        } else {
          fits = false
        }
      case .bool:
        switch (text?.lowercased(), number) {
        case ("true", _), ("yes", _), ("1", _), (nil, 1): builder.append(bool: true)
        case ("false", _), ("no", _), ("0", _), (nil, 0): builder.append(bool: false)
        default: fits = false
        }
      case .date:
        if let format, let text, let moment = CSVFormats.microseconds(text, format: format) {
          builder.append(
            days: Int32(
              truncatingIfNeeded: moment >= 0
                ? moment / 86_400_000_000 : (moment + 1) / 86_400_000_000 - 1))
        } else if format == nil, let days = text.flatMap({ CivilDate.days($0) }) {
          builder.append(days: days)
        } else if case .datetime(let values) = column.values {
          let moment = values[row]
          builder.append(
            days: Int32(
              truncatingIfNeeded: moment >= 0
                ? moment / 86_400_000_000 : (moment + 1) / 86_400_000_000 - 1))
        } else {
          fits = false
        }
      case .datetime:
        if let format, let text, let moment = CSVFormats.microseconds(text, format: format) {
          builder.append(microseconds: moment)
        } else if format == nil, let moment = text.flatMap({ CivilDate.microseconds($0) }) {
          builder.append(microseconds: moment)
        } else if case .date(let values) = column.values {
          builder.append(microseconds: Int64(values[row]) * 86_400_000_000)
        } else {
          fits = false
        }
      }
      if !fits {
        guard isLenient else {
          throw Diagnostic.error(
            "AX0528", at: span,
            "the value of '\(name)' in row \(row) of its partition is not \(type.rawValue)",
            hint: "'on-error: missing' makes such values missing")
        }
        builder.appendMissing()
      }
    }
    return batch.setting(schema, builder.finish())
  }
}

/// HMAC-SHA256 (RFC 2104).
private struct HMAC {
  private let inner: [UInt8]
  private let outer: [UInt8]

  init(key: [UInt8]) {
    var block = key.count > 64 ? Digest(of: key).bytes : key
    block += Array(repeating: 0, count: 64 - block.count)
    inner = block.map { $0 ^ 0x36 }
    outer = block.map { $0 ^ 0x5c }
  }

  func tag(_ message: [UInt8]) -> Digest { Digest(of: outer + Digest(of: inner + message).bytes) }
}

extension Batch {
  /// With a column replaced, or added at the end.
  func setting(_ column: ColumnSchema, _ values: Column) -> Batch {
    var schema = schema
    var columns = columns
    if let index = schema.index(of: column.name) {
      schema.columns[index] = column
      columns[index] = values
    } else {
      schema.columns.append(column)
      columns.append(values)
    }
    return Batch(schema: schema, columns: columns, rows: rows)
  }
}

extension Column {
  /// A number or truth value as a double; nil where missing or no number.
  func number(_ row: Int) -> Double? {
    if isMissing(row) { return nil }
    return switch values {
    case .int(let values): Double(values[row])
    case .double(let values): values[row]
    case .bool(let bits): bits[row] ? 1 : 0
    case .date, .datetime, .text, .category: nil
    }
  }

  /// The value as text; nil where missing.
  func plainText(_ row: Int) -> String? {
    if isMissing(row) { return nil }
    return switch values {
    case .text(let texts): texts[row]
    case .category(let codes, let categories): categories[Int(codes[row])]
    case .int(let values): String(values[row])
    case .double(let values): "\(values[row])"
    case .bool(let bits): bits[row] ? "true" : "false"
    case .date(let days): CivilDate.text(days: Int(days[row]))
    case .datetime(let values): CivilDate.text(microseconds: values[row])
    }
  }
}

extension ColumnBuilder {
  /// Appends a value of a column of the same schema.
  mutating func append(_ column: Column, _ row: Int) {
    if column.isMissing(row) {
      appendMissing()
      return
    }
    switch column.values {
    case .int(let values): append(int: values[row])
    case .double(let values): append(double: values[row])
    case .bool(let bits): append(bool: bits[row])
    case .text(let texts): append(text: texts[row])
    case .category(let codes, _): append(code: codes[row])
    case .date(let days): append(days: days[row])
    case .datetime(let values): append(microseconds: values[row])
    }
  }
}
