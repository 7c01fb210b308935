import AdmixData
import AdmixModel
import AdmixStatistics
import AdmixTestSupport
import Foundation
import Testing

/// The reference cases of a file, and the tables they speak of.
struct Oracle {
  let cases: [JSONValue]

  init?(_ name: String) throws {
    guard let file = sharedFolder("oracles/\(name).json") else { return nil }
    cases =
      try CanonicalJSON.decode(JSONValue.self, from: Data(contentsOf: file))["cases"]?.array ?? []
  }

  /// A table whose fields hold no quotes, by column; an empty field is missing.
  static func table(_ name: String) throws -> [String: [String?]] {
    guard let file = sharedFolder("oracles/inputs/\(name).csv") else { return [:] }
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    let names = lines.first?.split(separator: ",").map(String.init) ?? []
    var columns = Dictionary(uniqueKeysWithValues: names.map { ($0, [String?]()) })
    for line in lines.dropFirst() {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      for (name, field) in zip(names, fields) {
        columns[name]?.append(field.isEmpty ? nil : String(field))
      }
    }
    return columns
  }
}

func coded(_ values: [String?]) throws -> CodedColumn {
  try CodedColumn(Oracle.categories(values))
}

func counts(_ table: [String: [String?]], _ names: [String]) throws -> CountTable {
  var columns: [String: CodedColumn] = [:]
  for name in names {
    let values = try #require(table[name])
    columns[name] = try coded(values)
  }
  return try #require(GroupCounter.count(names, columns))
}

func near(_ value: Double?, _ expected: JSONValue?, _ tolerance: Double) -> Bool {
  guard let expected = expected?.double else { return false }
  if expected.isNaN { return value == nil }
  guard let value else { return false }
  return value == expected || (value - expected).magnitude <= tolerance
}

func tolerance(_ item: JSONValue) -> Double {
  max(item["tol"]?["abs"]?.double ?? 1e-9, 1e-12)
}

extension Oracle {
  /// Some rows of a table as columns: numbers where all values are, categories otherwise.
  static func batch(_ name: String, first: Int? = nil) throws -> Batch {
    guard let file = sharedFolder("oracles/inputs/\(name).csv") else {
      return Batch(schema: Schema([]), columns: [], rows: 0)
    }
    let header = try String(contentsOf: file, encoding: .utf8).prefix { $0 != "\n" }
    let names = header.split(separator: ",").map(String.init)
    let table = try table(name)
    let columns = names.map { name in
      let values = table[name] ?? []
      return self.column(first.map { Array(values.prefix($0)) } ?? values)
    }
    let schema = Schema(
      zip(names, columns).map { name, column in
        if case .category(_, let categories) = column.values {
          return ColumnSchema(name, .category, categories: categories)
        }
        return ColumnSchema(name, .double)
      })
    return Batch(schema: schema, columns: columns, rows: columns.first?.count ?? 0)
  }

  static func column(_ values: [String?]) -> Column {
    let isNumber = values.allSatisfy { $0 == nil || Double($0 ?? "") != nil }
    guard isNumber else { return categories(values) }
    let validity = values.contains(nil) ? Bitmap(count: values.count) { values[$0] != nil } : nil
    return Column(
      .double(Buffer(values.map { $0.flatMap(Double.init) ?? 0 })), validity: validity)
  }

  static func categories(_ values: [String?]) -> Column {
    let names = Set(values.compactMap { $0 }).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let codes = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Int32($0)) })
    let validity = values.contains(nil) ? Bitmap(count: values.count) { values[$0] != nil } : nil
    return Column(
      .category(Buffer(values.map { $0.flatMap { codes[$0] } ?? 0 }), categories: names),
      validity: validity)
  }
}
