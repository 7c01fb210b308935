package import AdmixModel

extension Batch {
  /// The rows at these places, in this order; a row may come more than once.
  ///
  /// - Parameter rows: each in 0..<self.rows.
  package func taking(_ rows: [Int]) -> Batch {
    Batch(schema: schema, columns: columns.map { $0.taking(rows) }, rows: rows.count)
  }

  /// A run of rows, sharing this batch's memory.
  package func slice(_ range: Range<Int>) -> Batch {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "a slice outside its batch")
    if range == 0..<rows { return self }
    return Batch(schema: schema, columns: columns.map { $0.slice(range) }, rows: range.count)
  }

  /// Some of the columns, in this order; nil where one does not exist.
  package func selecting(_ names: [String]) -> Batch? {
    var schema = Schema()
    var columns: [Column] = []
    for name in names {
      guard let index = self.schema.index(of: name) else { return nil }
      schema.columns.append(self.schema.columns[index])
      columns.append(self.columns[index])
    }
    return Batch(schema: schema, columns: columns, rows: rows)
  }

  /// Batches one after the other.
  ///
  /// - Parameters:
  ///   - batches: each with the columns of the schema, found by name, their types equal to the
  ///     schema's and their categories among the schema's.
  package static func concatenating(_ batches: [Batch], schema: Schema) -> Batch {
    let columns = schema.columns.map { column in
      let parts = batches.map { batch in
        guard let part = batch[column.name] else {
          preconditionFailure(
            "a batch has not all the columns of the schema it is put together for")
        }
        return part
      }
      return Column.concatenating(parts, schema: column)
    }
    return Batch(schema: schema, columns: columns, rows: batches.reduce(0) { $0 + $1.rows })
  }

  /// Where two batches first differ in names, types, missing places or values; nil where they say
  /// the same.
  ///
  /// Doubles are compared by their bits, categories by their texts.
  ///
  /// The values themselves are not in the text.
  package func difference(from other: Batch) -> String? {
    if schema.names != other.schema.names { return "the columns have other names" }
    if rows != other.rows { return "\(rows) rows and \(other.rows) rows" }
    for (index, name) in schema.names.enumerated() {
      if let difference = columns[index].difference(from: other.columns[index]) {
        return "column '\(name)': \(difference)"
      }
    }
    return nil
  }
}

extension Column {
  /// Where two columns first differ; nil where they say the same.
  package func difference(from other: Column) -> String? {
    if type != other.type { return "\(type.rawValue) and \(other.type.rawValue)" }
    if count != other.count { return "\(count) values and \(other.count) values" }
    for row in 0..<count {
      if isMissing(row) != other.isMissing(row) { return "row \(row) is missing in one of them" }
      if !isMissing(row), !hasSameValue(as: other, at: row) { return "row \(row) differs" }
    }
    return nil
  }

  private func hasSameValue(as other: Column, at row: Int) -> Bool {
    switch (values, other.values) {
    case (.bool(let a), .bool(let b)): a[row] == b[row]
    case (.int(let a), .int(let b)), (.datetime(let a), .datetime(let b)): a[row] == b[row]
    case (.double(let a), .double(let b)): a[row].bitPattern == b[row].bitPattern
    case (.date(let a), .date(let b)): a[row] == b[row]
    case (.text(let a), .text(let b)): a.utf8(row).elementsEqual(b.utf8(row))
    case (.category(let a, let names), .category(let b, let others)):
      names[Int(a[row])].utf8.elementsEqual(others[Int(b[row])].utf8)
    default: false
    }
  }
}
