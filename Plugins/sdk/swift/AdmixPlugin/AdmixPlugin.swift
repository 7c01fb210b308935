// SPDX-License-Identifier: Apache-2.0

public import Foundation
import Synchronization

/// The Swift side of admix's plugin protocol, version 1; tables go as JSON lines, so that it needs
/// nothing but Foundation.
///
/// A plugin is a value that learns and samples, and a line that runs it:
///
///     struct Means: Generator { … }
///     Plugin(Means()).run()
public protocol Generator: Sendable {
  /// Learns a model from a table; a plugin that learns nothing is not asked.
  func fit(_ table: Table, _ request: Request) throws -> Data
  /// Makes the rows with these numbers; row r is to be the same however rows are asked for.
  func sample(_ model: Data?, rows: Range<Int>, _ request: Request) throws -> Table
}

/// A value of a cell.
public enum Value: Hashable, Sendable, Codable {
  case missing
  case bool(Bool)
  case int(Int)
  case double(Double)
  /// Texts and categories; dates as `2024-05-01`, times as `2024-05-01T12:30:00`.
  case text(String)

  /// As JSON has it, without the name of the case.
  public init(from decoder: any Decoder) throws {
    let cell = try decoder.singleValueContainer()
    if cell.decodeNil() {
      self = .missing
    } else if let flag = try? cell.decode(Bool.self) {
      self = .bool(flag)
    } else if let whole = try? cell.decode(Int.self) {
      self = .int(whole)
    } else if let number = try? cell.decode(Double.self) {
      self = .double(number)
    } else {
      self = .text(try cell.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var cell = encoder.singleValueContainer()
    switch self {
    case .missing: try cell.encodeNil()
    case .bool(let flag): try cell.encode(flag)
    case .int(let whole): try cell.encode(whole)
    case .double(let number): try cell.encode(number)
    case .text(let text): try cell.encode(text)
    }
  }
}

/// What is known of a column.
public struct Column: Sendable, Codable {
  public var name: String
  /// `bool`, `int`, `double`, `text`, `category`, `date` or `datetime`.
  public var type: String
  public var roles: [String]
  public var categories: [String]?
  public var decimals: Int?
  /// Whether the values of a datetime are instants.
  public var utc: Bool?
}

/// Rows, column by column.
public struct Table: Sendable {
  public var columns: [Column]
  /// By column, each as long as the table.
  public var values: [String: [Value]]
  public var rows: Int

  public init(_ columns: [Column], rows: Int, values: [String: [Value]]) {
    self.columns = columns
    self.rows = rows
    self.values = values
  }
}

/// Something people can do something about; no value of the data belongs into its text.
public struct PluginError: Error {
  /// UNSUPPORTED, PARAMETER, SCHEMA, DATA, RESOURCES, NOT_CONVERGED or INFEASIBLE.
  public var code: String
  public var message: String
  public var columns: [String]

  public init(_ code: String, _ message: String, columns: [String] = []) {
    self.code = code
    self.message = message
    self.columns = columns
  }
}

/// Nobody waits for the result any longer.
public struct Cancelled: Error {}

/// What is asked, and how to tell how far one is.
public struct Request: Sendable {
  public var columns: [Column]
  public var seed: UInt64
  public var threads: Int
  let parameters: Data
  let session: Session

  init(columns: [Column], request: [String: Any], session: Session) throws {
    self.columns = columns
    self.session = session
    seed = (request["seed"] as? NSNumber)?.uint64Value ?? 0
    threads = request["threads"] as? Int ?? 1
    parameters = try JSONSerialization.data(withJSONObject: request["parameters"] ?? [:])
  }

  /// The options, as the type that has them.
  public func options<Options: Decodable>(_ type: Options.Type) throws -> Options {
    try JSONDecoder().decode(type, from: parameters)
  }

  /// Tells how far the work is; throws where it is to stop.
  ///
  /// Call it at least every few seconds.
  public func progress(_ phase: String, _ done: Double, of total: Double? = nil) throws {
    if session.isCancelled { throw Cancelled() }
    session.say(["type": "progress", "phase": phase, "done": done, "total": total ?? NSNull()])
  }

  /// Something people should know although the work goes on.
  public func warning(_ message: String, columns: [String] = []) {
    session.say(["type": "warning", "message": message, "columns": columns])
  }
}

/// Random numbers addressed by row and column, for rows that follow from their numbers.
public struct RowRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64, row: Int, column: Int) {
    state = Self.mixed(Self.mixed(seed ^ UInt64(row)) ^ (UInt64(column) << 32 | 0x9E37))
  }

  /// SplitMix64 (Steele, Lea and Flood, 2014).
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mixed(state)
  }

  private static func mixed(_ word: UInt64) -> UInt64 {
    var z = word &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Answers what admix asks until it asks no more.
public struct Plugin: Sendable {
  typealias Verb = @Sendable (_ request: [String: Any], Session) throws -> [String: Any]
  private let verbs: Set<String>
  private let answer: Verb

  /// - Parameter answer: gives what a result has beside its type.
  init(verbs: Set<String>, answer: @escaping Verb) {
    self.verbs = verbs
    self.answer = answer
  }

  public init(_ generator: some Generator) {
    self.init(verbs: ["fit", "sample"]) { request, session in
      let columns = try Self.columns(of: request)
      let asked = try Request(columns: columns, request: request, session: session)
      if request["type"] as? String == "fit" {
        let table = try JSONLines.read(Self.path("table", of: request), columns)
        try generator.fit(table, asked).write(to: Self.path("model", of: request))
        return [:]
      }
      let start = request["start"] as? Int ?? 0
      let model =
        request["model"] == nil ? nil : try Data(contentsOf: Self.path("model", of: request))
      let made = try generator.sample(
        model, rows: start..<start + (request["count"] as? Int ?? 0), asked)
      try JSONLines.write(made, columns, to: Self.path("rows", of: request))
      return [:]
    }
  }

  public func run() {
    guard
      let number = ProcessInfo.processInfo.environment["ADMIX_CONTROL_FD"].flatMap({ Int32($0) })
    else {
      FileHandle.standardError.write(Data("This is a plugin for admix, which starts it.\n".utf8))
      exit(1)
    }
    let session = Session(answers: number)
    while let line = session.next() {
      guard let request = try? JSONSerialization.jsonObject(with: line) as? [String: Any] else {
        continue
      }
      session.id.store(request["id"] as? Int ?? 0, ordering: .relaxed)
      do {
        guard request["protocol"] as? Int == 1 else {
          throw PluginError("PROTOCOL", "this plugin speaks version 1 of the protocol")
        }
        guard verbs.contains(request["type"] as? String ?? "") else {
          throw PluginError("UNSUPPORTED", "this plugin has no such verb")
        }
        session.say(try answer(request, session).merging(["type": "result"]) { $1 })
      } catch is Cancelled {
        session.say(["type": "error", "code": "CANCELLED", "message": ""])
        return
      } catch let error as PluginError {
        session.say([
          "type": "error", "code": error.code, "message": error.message, "columns": error.columns,
        ])
      } catch {
        // Its text may hold a value of the data; the log is for the user's eyes alone.
        FileHandle.standardError.write(Data("\(error)\n".utf8))
        session.say(["type": "error", "code": "INTERNAL", "message": "\(type(of: error))"])
      }
    }
  }

  static func path(_ key: String, of request: Any) throws -> URL {
    guard let path = (request as? [String: Any])?[key] as? String else {
      throw PluginError("PROTOCOL", "no '\(key)'")
    }
    return URL(fileURLWithPath: path)
  }

  static func columns(of request: Any) throws -> [Column] {
    try JSONDecoder().decode(Schema.self, from: Data(contentsOf: path("schema", of: request)))
      .columns
  }
}

struct Schema: Codable { var columns: [Column] }

/// The conversation: requests are read beside the work, so that a cancellation is seen while it goes on.
final class Session: Sendable {
  let id = Atomic<Int>(0)
  private let cancelled = Atomic<Bool>(false)
  private let answers: Int32
  private let lock = Mutex<[Data]>([])
  private let news = DispatchSemaphore(value: 0)

  var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  init(answers: Int32) {
    self.answers = answers
    Thread.detachNewThread {
      while let line = readLine() {
        if line.contains("\"cancel\""),
          let json = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
          json["type"] as? String == "cancel"
        {
          self.cancelled.store(true, ordering: .relaxed)
        } else {
          self.lock.withLock { $0.append(Data(line.utf8)) }
          self.news.signal()
        }
      }
      self.news.signal()
    }
  }

  /// The next request; nil when there are no more.
  func next() -> Data? {
    news.wait()
    return lock.withLock { $0.isEmpty ? nil : $0.removeFirst() }
  }

  func say(_ message: [String: Any]) {
    var message = message
    message["protocol"] = 1
    message["id"] = id.load(ordering: .relaxed)
    guard var line = try? JSONSerialization.data(withJSONObject: message) else { return }
    line.append(0x0a)
    lock.withLock { _ in
      line.withUnsafeBytes { bytes in _ = write(answers, bytes.baseAddress, bytes.count) }
    }
  }
}

/// Tables as a JSON object on each line.
enum JSONLines {
  static func read(_ file: URL, _ columns: [Column]) throws -> Table {
    var table = Table(columns, rows: 0, values: [:])
    for column in columns { table.values[column.name] = [] }
    for line in try Data(contentsOf: file).split(separator: 0x0a) {
      let cells = try JSONDecoder().decode([String: Value].self, from: Data(line))
      for column in columns {
        var value = cells[column.name] ?? .missing
        if column.type == "double", case .int(let whole) = value { value = .double(Double(whole)) }
        table.values[column.name, default: []].append(value)
      }
      table.rows += 1
    }
    return table
  }

  static func write(_ table: Table, _ columns: [Column], to file: URL) throws {
    var text = Data()
    let encoder = JSONEncoder()
    let keys = try columns.map { try encoder.encode($0.name) }
    for row in 0..<table.rows {
      for (column, key) in zip(columns, keys) {
        text.append(text.last == 0x0a || text.isEmpty ? 0x7b : 0x2c)
        text += key + [0x3a]
        guard let values = table.values[column.name], row < values.count else {
          throw PluginError("SCHEMA", "the plugin made no such column", columns: [column.name])
        }
        text += try encoder.encode(values[row])
      }
      text += Data("}\n".utf8)
    }
    // Under another name until it is whole.
    try text.write(to: file, options: .atomic)
  }
}
