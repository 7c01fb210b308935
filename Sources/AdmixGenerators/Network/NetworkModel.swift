import AdmixModel
import Foundation

/// A learned Bayesian network: levels of columns, the parents of each, and how often each level comes
/// with each combination of the parents' levels.
///
/// It holds counts and values of the training data, the smallest and the largest included, unless it
/// was learned privately.
struct NetworkModel: Sendable {
  static let format = "admix-bayesian-network-1"

  /// How many rows it learned from.
  var rows: Int
  /// In the order of the training data, without those left out.
  var columns: [NetworkColumn]
  /// Names of columns that were not learned.
  var leftOut: [String]
  /// Variables are columns with levels; `variables[v]` is the column of variable v.
  private(set) var variables: [Int]
  /// Variables, each after its parents.
  var order: [Int]
  /// By variable: views of variables, see `levels`.
  var parents: [[Int]]
  /// By variable: counts over its parents, in order, and itself, which varies fastest.
  var tables: [[UInt32]]
  /// What it cost, where it was learned privately.
  var privacy: PrivacySpent?

  var schema: Schema { Schema(columns.map(\.schema)) }
  /// How many levels each view has: the variables, then, in the same order, their groups of levels.
  var levels: [Int] {
    variables.map { columns[$0].coding?.count ?? 1 }
      + variables.map { columns[$0].coding?.groups ?? 0 }
  }

  /// The variable that a view is of, and the view's level for each of the variable's.
  func view(_ view: Int) -> (variable: Int, levels: [Int]) {
    let variable = view % variables.count
    let coding = coding(variable)
    return (variable, view < variables.count ? Array(0..<coding.count) : coding.groupOfLevel)
  }

  init(
    rows: Int, columns: [NetworkColumn], leftOut: [String], order: [Int], parents: [[Int]],
    tables: [[UInt32]]
  ) {
    self.rows = rows
    self.columns = columns
    self.leftOut = leftOut
    self.order = order
    self.parents = parents
    self.tables = tables
    variables = columns.indices.filter { columns[$0].coding != nil }
  }

  func coding(_ variable: Int) -> LevelCoding {
    columns[variables[variable]].coding ?? LevelCoding(columns[variables[variable]].schema)
  }

  func name(_ view: Int) -> String { columns[variables[view % variables.count]].schema.name }

  /// What is small, as JSON before the counts.
  private struct Header: Codable {
    struct Column: Codable {
      var schema: ColumnSchema
      var treatment: ColumnTreatment
      var coding: LevelCoding?
      var texts: [String]
      var decimals: Int?
    }
    var rows: Int
    var columns: [Column]
    var leftOut: [String]
    var order: [Int]
    var parents: [[Int]]
    var privacy: PrivacySpent?
  }

  func encoded() throws -> Data {
    let header = Header(
      rows: rows,
      columns: columns.map {
        .init(
          schema: $0.schema, treatment: $0.treatment, coding: $0.coding, texts: $0.texts,
          decimals: $0.decimals)
      }, leftOut: leftOut, order: order, parents: parents, privacy: privacy)
    var writer = ByteWriter()
    writer.write(Self.format)
    writer.write(String(decoding: try CanonicalJSON.encode(header), as: UTF8.self))
    for column in columns {
      writer.write(column.step)
      writer.write(column.origin)
      writer.write(column.lows)
      writer.write(column.highs)
      writer.write(column.counts)
      writer.write(column.starts.map { Int64($0) })
    }
    ContingencyTables.write(tables, to: &writer)
    return writer.data
  }

  /// Reads a model and checks what the sampler relies on.
  init(decoding data: Data) throws {
    var reader = ByteReader(data)
    guard let format = try? reader.text(), format == Self.format else {
      throw DamagedNetworkModel()
    }
    let header = try CanonicalJSON.decode(Header.self, from: Data(try reader.text().utf8))
    var columns: [NetworkColumn] = []
    for entry in header.columns {
      var column = NetworkColumn(entry.schema, entry.treatment)
      column.coding = entry.coding
      column.texts = entry.texts
      column.decimals = entry.decimals
      column.step = try reader.double()
      column.origin = try reader.double()
      column.lows = try reader.doubles()
      column.highs = try reader.doubles()
      column.counts = try reader.int64s()
      column.starts = try reader.int64s().map { Int($0) }
      columns.append(column)
    }
    self.init(
      rows: header.rows, columns: columns, leftOut: header.leftOut, order: header.order,
      parents: header.parents, tables: [])
    privacy = header.privacy
    let levels = levels
    guard columns.allSatisfy(\.isSound), Set(schema.names).count == columns.count,
      parents.count == variables.count, Set(order) == Set(variables.indices),
      order.count == variables.count,
      levels.prefix(variables.count).allSatisfy({ (1...65_535).contains($0) }),
      parents.allSatisfy({ $0.allSatisfy { levels.indices.contains($0) && levels[$0] > 0 } }),
      columns.allSatisfy({ $0.coding?.hasSoundGroups ?? true })
    else { throw DamagedNetworkModel() }
    var isPlaced = [Bool](repeating: false, count: variables.count)
    for variable in order {
      let before = parents[variable].map { $0 % variables.count }
      guard before.allSatisfy({ isPlaced[$0] }), Set(before).count == before.count else {
        throw DamagedNetworkModel()
      }
      isPlaced[variable] = true
    }
    let families = variables.indices.map { parents[$0] + [$0] }
    guard
      families.allSatisfy({ ContingencyTables.size($0, levels) <= ParentSearch.largestTable })
    else { throw DamagedNetworkModel() }
    var counted = ContingencyTables(families, levels: levels)
    try counted.add(&reader)
    tables = counted.cells
    guard tables.allSatisfy({ $0.contains { $0 > 0 } }) else { throw DamagedNetworkModel() }
  }
}

/// Bytes that are no model of this generator, or one from another version.
struct DamagedNetworkModel: Error, CustomStringConvertible {
  var description: String { "the model is not one that this version of bayesian-network wrote" }
}
