package import AdmixModel

/// A value of a category column that its schema does not list.
package struct UnknownCategory: Error, Sendable {
  /// The first row with such a value.
  package let row: Int
}

extension Column {
  /// The values at these rows, in this order; a row may come more than once.
  ///
  /// - Parameter rows: each in 0..<count.
  package func taking(_ rows: [Int]) -> Column {
    let count = count
    precondition(rows.allSatisfy { $0 >= 0 && $0 < count }, "rows outside the column")
    let taken: Values
    switch values {
    case .bool(let bits): taken = .bool(bits.taking(rows))
    case .int(let buffer): taken = .int(gather(buffer, rows))
    case .double(let buffer): taken = .double(gather(buffer, rows))
    case .text(let text): taken = .text(gather(text, rows))
    case .category(let codes, let categories):
      taken = .category(gather(codes, rows), categories: categories)
    case .date(let buffer): taken = .date(gather(buffer, rows))
    case .datetime(let buffer): taken = .datetime(gather(buffer, rows))
    }
    return Column(taken, validity: validity?.taking(rows))
  }

  /// A run of rows, sharing this column's memory.
  package func slice(_ range: Range<Int>) -> Column {
    let part: Values
    switch values {
    case .bool(let bits): part = .bool(bits.slice(range))
    case .int(let buffer): part = .int(buffer.slice(range))
    case .double(let buffer): part = .double(buffer.slice(range))
    case .text(let text):
      part = .text(
        TextBuffer(
          offsets: text.offsets.slice(range.lowerBound..<range.upperBound + 1), bytes: text.bytes))
    case .category(let codes, let categories):
      part = .category(codes.slice(range), categories: categories)
    case .date(let buffer): part = .date(buffer.slice(range))
    case .datetime(let buffer): part = .datetime(buffer.slice(range))
    }
    return Column(part, validity: validity?.slice(range))
  }

  /// The same values with codes into other categories.
  package func recoded(to categories: [String]) throws(UnknownCategory) -> Column {
    guard case .category(let codes, let own) = values else { return self }
    let index = CategoryIndex(categories)
    let map = own.map { index.code(of: $0) ?? -1 }
    if map.count == categories.count, map.elementsEqual(0..<Int32(map.count)) { return self }
    if map.contains(-1) {
      for (row, code) in codes.unsafe.enumerated() where !isMissing(row) && map[Int(code)] < 0 {
        throw UnknownCategory(row: row)
      }
    }
    let remapped = Buffer<Int32>(count: codes.count) { out in
      let codes = codes.unsafe
      for row in 0..<codes.count {
        // What stands at a missing place may be anything, also no code at all.
        let code = Int(codes[row])
        out[row] = code >= 0 && code < map.count ? max(0, map[code]) : 0
      }
    }
    return Column(.category(remapped, categories: categories), validity: validity)
  }

  /// Columns of one type one after the other.
  ///
  /// - Parameters:
  ///   - columns: all of the schema's type, their categories among the schema's, their texts
  ///     together at most 2 GiB.
  package static func concatenating(_ columns: [Column], schema: ColumnSchema) -> Column {
    precondition(
      columns.allSatisfy { $0.type == schema.type }, "columns of different types are put together")
    let columns = columns.map { column in
      guard schema.type == .category else { return column }
      do { return try column.recoded(to: schema.categories) } catch {
        preconditionFailure("a category is not in the schema that columns are put together for")
      }
    }
    if columns.count == 1, let only = columns.first { return only }
    let count = columns.reduce(0) { $0 + $1.count }
    var validity: Bitmap?
    if columns.contains(where: { $0.validity != nil }) {
      validity = Bitmap.concatenating(
        columns.map { $0.validity ?? Bitmap(repeating: true, count: $0.count) }, count: count)
    }
    return Column(joined(columns, schema: schema, count: count), validity: validity)
  }

  private static func joined(_ columns: [Column], schema: ColumnSchema, count: Int) -> Values {
    switch schema.type {
    case .bool:
      .bool(
        .concatenating(
          columns.compactMap { if case .bool(let bits) = $0.values { bits } else { nil } },
          count: count))
    case .int:
      .int(
        join(columns.compactMap { if case .int(let part) = $0.values { part } else { nil } }, count)
      )
    case .double:
      .double(
        join(
          columns.compactMap { if case .double(let part) = $0.values { part } else { nil } }, count)
      )
    case .text:
      .text(
        join(
          columns.compactMap { if case .text(let part) = $0.values { part } else { nil } }, count)
      )
    case .category:
      .category(
        join(
          columns.compactMap { if case .category(let codes, _) = $0.values { codes } else { nil } },
          count), categories: schema.categories)
    case .date:
      .date(
        join(
          columns.compactMap { if case .date(let part) = $0.values { part } else { nil } }, count)
      )
    case .datetime:
      .datetime(
        join(
          columns.compactMap { if case .datetime(let part) = $0.values { part } else { nil } },
          count))
    }
  }
}

// The generic helpers stay inside this module, where they are specialised.

private func gather<Element>(_ buffer: Buffer<Element>, _ rows: [Int]) -> Buffer<Element> {
  Buffer(count: rows.count) { out in
    let source = buffer.unsafe
    for index in 0..<rows.count { out[index] = source[rows[index]] }
  }
}

private func gather(_ text: TextBuffer, _ rows: [Int]) -> TextBuffer {
  let offsets = text.offsets.unsafe
  var total = 0
  for row in rows { total += Int(offsets[row + 1] - offsets[row]) }
  precondition(total <= Int(Int32.max), "more than 2 GiB of text in one column")
  let starts = Buffer<Int32>(count: rows.count + 1) { out in
    var at: Int32 = 0
    for index in 0..<rows.count {
      out[index] = at
      at += offsets[rows[index] + 1] - offsets[rows[index]]
    }
    out[rows.count] = at
  }
  let bytes = Buffer<UInt8>(count: total) { out in
    guard let base = out.baseAddress else { return }
    var at = 0
    for row in rows {
      let source = text.utf8(row)
      if let from = source.baseAddress, source.count > 0 {
        (base + at).update(from: from, count: source.count)
      }
      at += source.count
    }
  }
  return TextBuffer(offsets: starts, bytes: bytes)
}

private func join<Element>(_ parts: [Buffer<Element>], _ count: Int) -> Buffer<Element> {
  Buffer(count: count) { out in
    guard let base = out.baseAddress else { return }
    var at = 0
    for part in parts {
      (base + at).update(from: part.start, count: part.count)
      at += part.count
    }
  }
}

private func join(_ parts: [TextBuffer], _ count: Int) -> TextBuffer {
  let total = parts.reduce(0) { sum, part in
    sum + Int(part.offsets[part.count]) - Int(part.offsets[0])
  }
  precondition(total <= Int(Int32.max), "more than 2 GiB of text in one column")
  let offsets = Buffer<Int32>(count: count + 1) { out in
    var row = 0
    var base: Int32 = 0
    for part in parts {
      let source = part.offsets.unsafe
      for index in 0..<part.count { out[row + index] = base + (source[index] - source[0]) }
      row += part.count
      base += source[part.count] - source[0]
    }
    out[count] = base
  }
  let bytes = Buffer<UInt8>(count: total) { out in
    guard let base = out.baseAddress else { return }
    var at = 0
    for part in parts {
      let from = Int(part.offsets[0])
      let length = Int(part.offsets[part.count]) - from
      precondition(from >= 0 && from + length <= part.bytes.count, "a text outside its buffer")
      (base + at).update(from: part.bytes.start + from, count: length)
      at += length
    }
  }
  return TextBuffer(offsets: offsets, bytes: bytes)
}

extension Bitmap {
  /// As many equal bits.
  package init(repeating bit: Bool, count: Int) {
    self.init(
      bytes: Buffer(count: (count + 7) / 8) { $0.initialize(repeating: bit ? 0xff : 0) },
      count: count)
  }

  fileprivate func taking(_ rows: [Int]) -> Bitmap {
    Bitmap(count: rows.count) { self[rows[$0]] }
  }

  fileprivate static func concatenating(_ parts: [Bitmap], count: Int) -> Bitmap {
    let bytes = Buffer<UInt8>(count: (count + 7) / 8) { out in
      out.initialize(repeating: 0)
      var at = 0
      for part in parts {
        for index in 0..<part.count where part[index] {
          out[(at + index) >> 3] |= 1 << UInt8((at + index) & 7)
        }
        at += part.count
      }
    }
    return Bitmap(bytes: bytes, count: count)
  }
}
