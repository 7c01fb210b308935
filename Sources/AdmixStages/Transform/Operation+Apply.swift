import AdmixData
import AdmixModel
import AdmixSpec
import Foundation

extension Operation {
  /// Values that did not fit and are missing now.
  struct Misfits: Hashable, Sendable, Codable {
    var step: Int
    var column: String
    var count: Int
  }

  /// Carries out a step that looks at rows by themselves, and gives no more rows than there are.
  ///
  /// - Parameters:
  ///   - key: the key behind a digest.
  ///   - misfits: by column, how many values a lenient cast made missing.
  ///   - rows: the places of the batch's rows in their partition; nil while they are all of them.
  func apply(
    to batch: Batch, key: (String) -> String?, misfits: inout [String: Int], rows: inout [Int]?
  ) throws -> Batch {
    func taking(_ kept: [Int]) -> Batch {
      if kept.count == batch.rows { return batch }
      rows = rows.map { rows in kept.map { rows[$0] } } ?? kept
      return batch.taking(kept)
    }
    switch self {
    case .select(let names):
      return batch.selecting(Self.selected(names, batch.schema)) ?? batch
    case .drop(let names):
      let dropped = Set(names.map(\.text))
      return batch.selecting(batch.schema.names.filter { !dropped.contains($0) }) ?? batch
    case .rename(let pairs):
      var schema = batch.schema
      for (from, to) in pairs {
        if let index = batch.schema.index(of: from.text) { schema.columns[index].name = to }
      }
      return Batch(schema: schema, columns: batch.columns, rows: batch.rows)
    case .cast(let casts):
      return try casts.reduce(batch) { try Self.cast($0, $1, &misfits) }
    case .derive(let columns):
      return try columns.reduce(batch) { batch, item in
        let expression = try Self.expression(item.text, batch.schema)
        return batch.setting(
          ColumnSchema(item.name, expression.type), try expression.evaluate(batch))
      }
    case .filter(let text):
      let mask = try Self.expression(text, batch.schema).mask(batch)
      return taking((0..<batch.rows).filter { mask[$0] })
    case .fill(let fills):
      return try fills.reduce(batch) { try Self.fill($0, $1.column, $1.value) }
    case .map(let maps):
      return try maps.reduce(batch) { try Self.map($0, $1.column, $1.values, $1.other) }
    case .dropMissing(let names):
      let columns = (names?.map(\.text) ?? batch.schema.names).compactMap { batch[$0] }
      return taking((0..<batch.rows).filter { row in !columns.contains { $0.isMissing(row) } })
    case .clip(let clips): return clips.reduce(batch) { Self.clip($0, $1) }
    case .bin(let bins): return bins.reduce(batch) { Self.bin($0, $1.column, $1.edges, $1.labels) }
    case .pseudonymise(let names, let digest):
      guard let key = key(digest) else {
        throw Diagnostic.error(
          "AX0901", at: names.first?.span, "the key of a step is not at hand")
      }
      let mac = HMAC(key: Array(key.utf8))
      return names.reduce(batch) { Self.pseudonymise($0, $1.text, mac) }
    case .uncount, .dedupe, .sort, .sample: return batch
    }
  }

  private static func expression(_ text: Named, _ schema: Schema) throws -> ColumnExpression {
    var report = Diagnostics()
    guard
      let expression = ColumnExpression(text.text, at: text.span, schema: schema, report: &report)
    else { throw report }
    return expression
  }

  private static func clip(
    _ batch: Batch, _ clip: (column: Named, low: Double?, high: Double?)
  ) -> Batch {
    guard let index = batch.schema.index(of: clip.column.text) else { return batch }
    let low = clip.low ?? -.infinity
    let high = clip.high ?? .infinity
    let column = batch.columns[index]
    var schema = batch.schema.columns[index]
    schema.decimals = nil
    switch column.values {
    case .double(let values):
      // Not `min` and `max`, which would make a NaN of another file a number.
      let clipped = values.array.map { $0 < low ? low : $0 > high ? high : $0 }
      return batch.setting(schema, Column(.double(Buffer(clipped)), validity: column.validity))
    case .int(let values):
      guard let range = wholes(low, high) else { return batch }
      let clipped = values.array.map { min(range.upperBound, max(range.lowerBound, $0)) }
      return batch.setting(schema, Column(.int(Buffer(clipped)), validity: column.validity))
    default: return batch
    }
  }

  /// The 64-bit whole numbers between two numbers; nil where there are none.
  static func wholes(_ low: Double?, _ high: Double?) -> ClosedRange<Int64>? {
    let (low, high) = (low ?? -.infinity, high ?? .infinity)
    guard low < 0x1p63, high >= -0x1p63 else { return nil }
    let least = low <= -0x1p63 ? Int64.min : Int64(low.rounded(.up))
    let most = high >= 0x1p63 ? Int64.max : Int64(high.rounded(.down))
    return least <= most ? least...most : nil
  }

  private static func bin(
    _ batch: Batch, _ name: Named, _ edges: [Double], _ labels: [String]
  ) -> Batch {
    guard let index = batch.schema.index(of: name.text) else { return batch }
    let column = batch.columns[index]
    let sorted = labels.sorted(by: CategoryIndex.precedes)
    let codes = CategoryIndex(sorted)
    let places = labels.map { codes.code(of: $0) ?? 0 }
    let schema = ColumnSchema(name.text, .category, categories: sorted)
    var builder = ColumnBuilder(schema, capacity: batch.rows)
    for row in 0..<batch.rows {
      guard let value = column.number(row), !value.isNaN else {
        builder.appendMissing()
        continue
      }
      builder.append(code: places[edges.firstIndex { value < $0 } ?? edges.count])
    }
    return batch.setting(schema, builder.finish())
  }

  private static func pseudonymise(_ batch: Batch, _ name: String, _ mac: HMAC) -> Batch {
    guard let index = batch.schema.index(of: name) else { return batch }
    let column = batch.columns[index]
    // 128 bits: no two of a billion texts meet.
    func pseudonym(_ text: String) -> String {
      String(mac.tag(Array(text.utf8)).hex.prefix(32))
    }
    let schema = ColumnSchema(name, .text)
    var builder = ColumnBuilder(schema, capacity: batch.rows)
    var known: [String] = []
    if case .category(_, let categories) = column.values { known = categories.map(pseudonym) }
    for row in 0..<batch.rows {
      if case .category(let codes, _) = column.values, !column.isMissing(row) {
        builder.append(text: known[Int(codes[row])])
      } else if let text = column.plainText(row) {
        builder.append(text: pseudonym(text))
      } else {
        builder.appendMissing()
      }
    }
    var result = batch.setting(schema, builder.finish())
    result = result.withoutRole(.pii, of: name)
    return result
  }

  private static func fill(_ batch: Batch, _ name: Named, _ value: JSONValue) throws -> Batch {
    guard let index = batch.schema.index(of: name.text) else { return batch }
    let column = batch.columns[index]
    var schema = batch.schema.columns[index]
    // A statistic that was not taken, for a dataset without rows, adds no category either.
    if column.missingCount == 0, schema.type != .category || isStatistic(value) { return batch }
    guard let value = FillValue(value, schema.type) else {
      throw Diagnostic.error(
        "AX0527", at: name.span,
        "'\(name.text)' is \(schema.type.rawValue) and cannot be filled with that")
    }
    if case .text(let text) = value, schema.type == .category {
      schema.categories = BlendSchema.united(schema.categories, [text])
    }
    schema.decimals = nil
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
      switch value {
      case .int(let value): builder.append(int: value)
      case .double(let value): builder.append(double: value)
      case .bool(let value): builder.append(bool: value)
      case .text(let text):
        if schema.type == .category {
          builder.append(code: codes.code(of: text) ?? 0)
        } else {
          builder.append(text: text)
        }
      case .day(let days): builder.append(days: days)
      case .moment(let moment): builder.append(microseconds: moment)
      }
    }
    return batch.setting(schema, builder.finish())
  }

  private static func map(
    _ batch: Batch, _ name: Named, _ values: [Replacement], _ other: OtherValues
  ) throws -> Batch {
    guard let column = batch[name.text], let old = batch.schema[name.text] else { return batch }
    let index = CategoryIndex(values.map { $0.key(in: old.type) ?? $0.old.text })
    var unknown: Int?
    func mapped(_ text: String, _ row: Int) -> String? {
      if let at = index.code(of: text) { return values[Int(at)].new }
      if other == .stop, unknown == nil { unknown = row }
      return other == .keep ? text : nil
    }
    let texts = (0..<batch.rows).map { row in
      column.plainText(row).flatMap { mapped($0, row) }
    }
    if let unknown {
      throw Diagnostic.error(
        "AX0531", at: name.span,
        "'\(name.text)' has a value that is not mapped, in row \(unknown) of its partition",
        cause: "'other' is 'stop'", hint: "list it, or write 'other: keep' or 'other: missing'")
    }
    var schema = ColumnSchema(name.text, old.type == .text ? .text : .category)
    if schema.type == .category {
      schema.categories = CategoryIndex.distinct(texts.lazy.compactMap { $0 })
    }
    let codes = CategoryIndex(schema.categories)
    var builder = ColumnBuilder(schema, capacity: batch.rows)
    for text in texts {
      if let text, schema.type == .text {
        builder.append(text: text)
      } else if let code = text.flatMap(codes.code) {
        builder.append(code: code)
      } else {
        builder.appendMissing()
      }
    }
    return batch.setting(schema, builder.finish())
  }

  private static func cast(_ batch: Batch, _ cast: Cast, _ misfits: inout [String: Int]) throws
    -> Batch
  {
    let name = cast.column.text
    guard let column = batch[name], column.type != cast.type else { return batch }
    var schema = ColumnSchema(name, cast.type)
    let isText = column.type == .text || column.type == .category
    let texts: [String?] =
      isText || cast.type == .category || cast.type == .text
      ? (0..<batch.rows).map { column.plainText($0) } : []
    if cast.type == .category {
      schema.categories = CategoryIndex.distinct(texts.lazy.compactMap { $0 })
    }
    let codes = CategoryIndex(schema.categories)
    var builder = ColumnBuilder(schema, capacity: batch.rows)
    var bad = 0
    for row in 0..<batch.rows {
      if column.isMissing(row) {
        builder.appendMissing()
        continue
      }
      let text = texts.isEmpty ? nil : texts[row]
      if Self.append(column, row, text, as: cast, codes, to: &builder) { continue }
      guard cast.isLenient else {
        throw Diagnostic.error(
          "AX0528", at: cast.column.span,
          "the value of '\(name)' in row \(row) of its partition is not \(cast.type.rawValue)",
          hint:
            "'\(name): {type: \(cast.type.rawValue), on-error: missing}' makes such values missing"
        )
      }
      bad += 1
      builder.appendMissing()
    }
    if bad > 0 { misfits[name, default: 0] += bad }
    return batch.setting(schema, builder.finish())
  }

  /// Appends a value in its new type; false where it does not fit.
  private static func append(
    _ column: Column, _ row: Int, _ text: String?, as cast: Cast, _ codes: CategoryIndex,
    to builder: inout ColumnBuilder
  ) -> Bool {
    switch cast.type {
    case .text: builder.append(text: text ?? "")
    case .category:
      guard let code = text.flatMap({ codes.code(of: $0) }) else { return false }
      builder.append(code: code)
    case .int:
      guard
        let whole = text.flatMap({ Int64($0) })
          ?? column.number(row).flatMap({ Int64(exactly: $0) })
      else { return false }
      builder.append(int: whole)
    case .double:
      let value: Double? =
        // Not the nearest double: a whole number beyond 2^53 would become another one.
        if case .int(let values) = column.values { Double(exactly: values[row]) } else {
          column.number(row) ?? text.flatMap(DecimalText.number)
        }
      guard let value, value.isFinite else { return false }
      builder.append(double: value)
    case .bool:
      switch (text?.lowercased(), column.number(row)) {
      case ("true", _), ("yes", _), ("1", _), (nil, 1): builder.append(bool: true)
      case ("false", _), ("no", _), ("0", _), (nil, 0): builder.append(bool: false)
      default: return false
      }
    case .date:
      // A text with a time of day is no date; cutting it off is for those who cast to `datetime` first.
      let days =
        if let text, cast.format == nil { CivilDate.days(text) } else {
          moment(column, row, text, cast.format).flatMap { Int32(exactly: CivilDate.day($0)) }
        }
      guard let days else { return false }
      builder.append(days: days)
    case .datetime:
      guard let moment = moment(column, row, text, cast.format) else { return false }
      builder.append(microseconds: moment)
    }
    return true
  }

  /// Microseconds since 1970 of a date, a time, or a text that is one.
  private static func moment(_ column: Column, _ row: Int, _ text: String?, _ format: String?)
    -> Int64?
  {
    switch column.values {
    case .date(let days): return CivilDate.midnight(Int64(days[row]))
    case .datetime(let values): return values[row]
    default:
      guard let text else { return nil }
      return format.map { CSVFormats.microseconds(text, format: $0) }
        ?? CivilDate.microseconds(text)
    }
  }
}

/// HMAC-SHA256 (RFC 2104).
struct HMAC {
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
  /// With a column replaced, keeping its roles, or added at the end.
  func setting(_ column: ColumnSchema, _ values: Column) -> Batch {
    var schema = schema
    var columns = columns
    if let index = schema.index(of: column.name) {
      columns[index] = values
    } else {
      columns.append(values)
    }
    schema.set(column)
    return Batch(schema: schema, columns: columns, rows: rows)
  }

  func withoutRole(_ role: ColumnRole, of name: String) -> Batch {
    var schema = schema
    if let index = schema.index(of: name) { schema.columns[index].roles.removeAll { $0 == role } }
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
  func plainText(_ row: Int) -> String? { isMissing(row) ? nil : text(row) }
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
