import AdmixData
import AdmixModel
import Foundation

/// A model that is its training rows, with what a generator found out about them.
struct DonorModel: Sendable {
  struct Header: Hashable, Sendable, Codable {
    /// Whose model it is.
    var generator: String
    var schema: Schema
    /// Of the columns, those that are made fresh.
    var keys: [String]
    var leftOut: [String]
  }

  var header: Header
  var table: DonorTable
  /// What the generator found out, as it writes it.
  var facts: Data

  func encoded() throws -> Data {
    var writer = ByteWriter()
    writer.write(try CanonicalJSON.encode(header))
    writer.write(facts)
    table.write(to: &writer)
    return writer.data
  }

  init(header: Header, table: DonorTable, facts: Data) {
    self.header = header
    self.table = table
    self.facts = facts
  }

  /// - Parameter generator: whose model it has to be.
  init(decoding data: Data, of generator: String) throws {
    var reader = ByteReader(data)
    header = try CanonicalJSON.decode(Header.self, from: reader.data())
    facts = try reader.data()
    table = try DonorTable(from: &reader)
    guard header.generator == generator else { throw DamagedBytes() }
    let names = header.schema.names.filter { !header.keys.contains($0) }
    guard names == table.columns.map(\.name),
      zip(names, table.columns).allSatisfy({ name, column in
        column.isNominal == ![.int, .double, .date, .datetime].contains(header.schema[name]?.type)
      })
    else { throw DamagedBytes() }
  }
}

/// One value of a made row.
enum DonorValue {
  case missing
  case number(Double)
  /// Into the levels of the training rows.
  case level(Int32)
}

/// Says what is in each row; a pure function of its number.
protocol DonorPicker: Sendable {
  /// The values of a row, a value for every column of the table.
  ///
  /// - Parameter random: other numbers for another attempt.
  func row(_ number: Int, _ random: RandomSource, into values: inout [DonorValue])
}

/// Turns what a picker says into columns with the training columns' types.
struct DonorSampler: RowSampler {
  private let model: DonorModel
  private let picker: any DonorPicker
  private let request: SamplingRequest
  private let keys: [String: FreshKeys]
  /// By column of the table: what a level is in the schema.
  private let codes: [[Int32]]

  init(_ model: DonorModel, _ picker: any DonorPicker, _ request: SamplingRequest) {
    self.model = model
    self.picker = picker
    self.request = request
    keys = Dictionary(model.header.keys.map { ($0, FreshKeys($0, request)) }) { $1 }
    codes = model.table.columns.map { column in
      guard let schema = model.header.schema[column.name], schema.type == .category else {
        return []
      }
      let index = CategoryIndex(schema.categories)
      return column.levels.map { index.code(of: $0) ?? -1 }
    }
  }

  func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch {
    let random = request.random("rows\u{0}\(attempt)")
    let schema = model.header.schema
    var builders = schema.columns.map { ColumnBuilder($0, capacity: rows.count) }
    var places: [Int?] = []
    for name in schema.names {
      places.append(model.table.columns.firstIndex { $0.name == name })
    }
    var values = [DonorValue](repeating: .missing, count: model.table.columns.count)
    for number in rows {
      picker.row(number, random, into: &values)
      for index in schema.columns.indices {
        guard let place = places[index] else {
          keys[schema.columns[index].name]?.append(number, to: &builders[index])
          continue
        }
        append(values[place], place, schema.columns[index], to: &builders[index])
      }
    }
    return Batch(schema: schema, columns: builders.map { $0.finish() }, rows: rows.count)
  }

  private func append(
    _ value: DonorValue, _ place: Int, _ column: ColumnSchema, to builder: inout ColumnBuilder
  ) {
    switch value {
    case .missing: builder.appendMissing()
    case .level(let level):
      let levels = model.table.columns[place].levels
      guard level >= 0, Int(level) < levels.count else { return builder.appendMissing() }
      switch column.type {
      case .bool: builder.append(bool: levels[Int(level)] == "true")
      case .category:
        let code = codes[place][Int(level)]
        if code < 0 { builder.appendMissing() } else { builder.append(code: code) }
      default: builder.append(text: levels[Int(level)])
      }
    case .number(let number): builder.append(number: number)
    }
  }

  /// The least and the largest number of each column; from 0 to 0 where it has none.
  static func bounds(of table: DonorTable) -> [ClosedRange<Double>] {
    table.columns.map { column in
      let present = column.numbers.filter { !$0.isNaN }
      return (present.min() ?? 0)...(present.max() ?? 0)
    }
  }
}
