import AdmixData
import AdmixModel
import Foundation

/// A table whose columns the plugin itself says: what it wrote, held against what it says of it.
struct PluginOutput {
  /// With the categories that occur.
  private(set) var schema: Schema
  private let table: String
  private let exchange: PluginManifest.Exchange
  private let rows: Int

  /// As in a source file.
  private static let mostCategories = 100_000
  private static let longestDescription = 64 << 20

  /// Looks at the whole table once; throws a `PluginTable.Flaw` where something does not agree.
  ///
  /// - Parameters:
  ///   - description: a file with its schema, as plugins are told theirs.
  ///   - rows: how many it says there are.
  ///   - inputs: schemas of what it was made from. A column that has the name of one of theirs has its roles,
  ///     unless the plugin says some, and as many digits after the point where all of its values do.
  init(
    table: String, description: String, _ exchange: PluginManifest.Exchange, rows: Int,
    of inputs: [Schema]
  ) throws {
    self.table = table
    self.exchange = exchange
    self.rows = rows
    schema = try Self.schema(description, of: inputs)
    var categories = [Set<ExactText>](repeating: [], count: schema.columns.count)
    var fits = schema.columns.map { column in
      column.type != .double || column.decimals != nil ? nil : Self.digits(column.name, inputs)
    }
    try batches { batch in
      for (index, column) in batch.columns.enumerated() {
        if case .text(let texts) = column.values, schema.columns[index].type == .category {
          for row in 0..<column.count where !column.isMissing(row) {
            categories[index].insert(ExactText(texts[row]))
          }
          if categories[index].count > Self.mostCategories {
            throw PluginTable.Flaw(
              column: schema.columns[index].name,
              fact: "it is a category with more than \(Self.mostCategories) different values")
          }
        }
        if let digits = fits[index], case .double(let values) = column.values {
          let keeps = (0..<column.count).allSatisfy {
            column.isMissing($0) || PluginTable.rounded(values[$0], digits) == values[$0]
          }
          if !keeps { fits[index] = nil }
        }
      }
    }
    for index in schema.columns.indices {
      if let digits = fits[index] { schema.columns[index].decimals = digits }
      if schema.columns[index].type == .category {
        schema.columns[index].categories = CategoryIndex.distinct(
          categories[index].lazy.map(\.text))
      }
    }
  }

  /// Gives the rows, typed, a partition's at a time.
  func read(_ check: () throws -> Void, _ take: (Batch) throws -> Void) throws {
    try batches { batch in
      try check()
      try take(try PluginTable.converted(batch, schema))
    }
  }

  private func batches(_ body: (Batch) throws -> Void) throws {
    let texts = schema.columns.filter { [.text, .category].contains($0.type) }.map(\.name)
    var count = 0
    do {
      // A file of JSON lines without any has no columns to look at.
      if exchange == .jsonLines, rows == 0,
        try FileManager.default.attributesOfItem(atPath: table)[.size] as? Int == 0
      {
        return
      }
      var reader = try openTable(
        path: table, name: "its table", format: exchange == .arrow ? .arrow : .jsonLines,
        options: TableOptions(textColumns: exchange == .arrow ? [] : Set(texts)))
      try PluginTable.checkNames(reader.schema, schema, "its schema does not have the column")
      while let batch = try reader.next(maxRows: Partitioning.rowsPerPartition) {
        count += batch.rows
        // What is too much is not read to its end.
        guard count <= rows else { break }
        try body(batch.selecting(schema.names) ?? batch)
      }
    } catch let problem as Diagnostic {
      // Its words are about files and formats, and name a column where it is one column's.
      throw PluginTable.Flaw(column: nil, fact: problem.fact)
    } catch let problems as Diagnostics {
      throw PluginTable.Flaw(
        column: nil, fact: problems.items.first?.fact ?? "it cannot be read")
    }
    guard count == rows else {
      throw PluginTable.Flaw(
        column: nil,
        fact: count > rows
          ? "more than the \(rows) rows that it says it made"
          : "\(count) of the \(rows) rows that it says it made")
    }
  }

  // MARK: What it says

  private static func schema(_ path: String, of inputs: [Schema]) throws -> Schema {
    func flaw(_ fact: String, _ column: String? = nil) -> PluginTable.Flaw {
      PluginTable.Flaw(column: column, fact: fact)
    }
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    guard size <= longestDescription, let content = FileManager.default.contents(atPath: path),
      let json = try? JSONValue(parsing: String(decoding: content, as: UTF8.self)),
      let members = json["columns"]?.array
    else { throw flaw("the schema of its table is no list of columns") }
    guard !members.isEmpty else { throw flaw("its table has no columns") }
    var names: Set<String> = []
    return Schema(
      try members.map { member in
        guard let name = member["name"]?.string, !name.isEmpty else {
          throw flaw("a column of its schema has no name")
        }
        guard names.insert(name).inserted else { throw flaw("there are two of this name", name) }
        guard !Schema.isOrigin(name) else {
          throw flaw("the name is kept for where a row came from", name)
        }
        guard let type = member["type"]?.string.flatMap(ColumnType.init) else {
          throw flaw("its schema gives it no type that there is", name)
        }
        let roles = member["roles"]?.array.map {
          $0.compactMap { ColumnRole(rawValue: $0.string ?? "") }
        }
        let decimals = member["decimals"]?.int.flatMap { (0...15).contains($0) ? $0 : nil }
        return ColumnSchema(
          name, type, roles: roles ?? Self.roles(name, inputs),
          decimals: type == .double ? decimals : nil,
          isUTC: type == .datetime && member["utc"]?.bool == true)
      })
  }

  /// What the inputs say a column of this name is for.
  private static func roles(_ name: String, _ inputs: [Schema]) -> [ColumnRole] {
    let said = Set(inputs.flatMap { $0[name]?.roles ?? [] })
    return ColumnRole.allCases.filter(said.contains)
  }

  private static func digits(_ name: String, _ inputs: [Schema]) -> Int? {
    inputs.compactMap { $0[name]?.type == .double ? $0[name]?.decimals : nil }.max()
  }
}
