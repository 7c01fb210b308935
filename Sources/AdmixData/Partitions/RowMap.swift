package import AdmixModel
package import Foundation

/// For each row of a partition, in order, the row that it was made of: which of some partitions, and
/// which row there.
///
/// Kept beside the data and not in it, so that the bytes of a partition do not depend on where its rows
/// stood before, and nothing that reads the data has to look past it. As bytes: a version, the number
/// of rows, the partitions as runs or in a fixed width, then the rows, either in a fixed width or as the
/// differences from "the one after the last row taken from the same partition", where that holds in runs;
/// whichever is shorter. Numbers are LEB128 or little-endian.
package struct RowMap: Hashable, Sendable {
  /// By row, an index into the partitions that the map is about; empty where there is but one.
  package private(set) var inputs: [UInt32]
  /// By row, the row in that partition.
  package private(set) var rows: [UInt32]

  package var count: Int { rows.count }

  /// - Parameters:
  ///   - rows: each from 0 to 2^32 - 1.
  ///   - inputs: as many as there are rows; nil where all come from one partition.
  package init(rows: [Int], inputs: [Int]? = nil) {
    precondition(inputs.map { $0.count == rows.count } ?? true, "a map with a half of its rows")
    self.rows = rows.map { UInt32(truncatingIfNeeded: $0) }
    self.inputs = inputs.map { $0.map { UInt32(truncatingIfNeeded: $0) } } ?? []
    if self.inputs.allSatisfy({ $0 == 0 }) { self.inputs = [] }
  }

  /// Whether the rows are those of the partition from the first on, in their order.
  package var keepsOrder: Bool {
    inputs.isEmpty && rows.indices.allSatisfy { Int(rows[$0]) == $0 }
  }

  package func input(_ row: Int) -> Int { inputs.isEmpty ? 0 : Int(inputs[row]) }

  // MARK: Bytes

  private enum Form: UInt8 { case one = 0, runs, steps, width1, width2, width4 }

  package var data: Data {
    var out: [UInt8] = [1]
    Self.append(UInt64(count), &out)
    if inputs.isEmpty {
      out.append(Form.one.rawValue)
    } else {
      Self.append(inputs, orShorter: (.runs, Self.runs(inputs)), &out)
    }
    Self.append(rows, orShorter: (.steps, steps), &out)
    return Data(out)
  }

  private static func append(_ number: UInt64, _ out: inout [UInt8]) {
    var rest = number
    while rest >= 0x80 {
      out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    out.append(UInt8(rest))
  }

  private static func append(
    _ values: [UInt32], orShorter other: (form: Form, bytes: [UInt8]), _ out: inout [UInt8]
  ) {
    let most = values.max() ?? 0
    let width = most < 1 << 8 ? 1 : most < 1 << 16 ? 2 : 4
    if other.bytes.count <= width * values.count {
      out.append(other.form.rawValue)
      out += other.bytes
      return
    }
    out.append((width == 1 ? Form.width1 : width == 2 ? .width2 : .width4).rawValue)
    for value in values {
      for byte in 0..<width { out.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))) }
    }
  }

  /// Pairs of a value and how often it comes.
  private static func runs(_ values: [UInt32]) -> [UInt8] {
    var out: [UInt8] = []
    var from = 0
    while from < values.count {
      var to = from + 1
      while to < values.count, values[to] == values[from] { to += 1 }
      append(UInt64(values[from]), &out)
      append(UInt64(to - from), &out)
      from = to
    }
    return out
  }

  /// Pairs of a difference from the row that was expected and how many rows after it are as expected.
  private var steps: [UInt8] {
    var out: [UInt8] = []
    var next: [UInt32: Int64] = [:]
    var isOne = inputs.isEmpty
    var expected: Int64 = 0
    if inputs.allSatisfy({ $0 == 0 }) { isOne = true }
    func advance(_ at: Int) -> Int64 {
      let guess = isOne ? expected : next[inputs[at], default: 0]
      if isOne { expected = Int64(rows[at]) + 1 } else { next[inputs[at]] = Int64(rows[at]) + 1 }
      return Int64(rows[at]) - guess
    }
    var at = 0
    var difference = rows.isEmpty ? 0 : advance(0)
    while at < rows.count {
      var followers: UInt64 = 0
      let first = difference
      at += 1
      while at < rows.count {
        difference = advance(at)
        if difference != 0 { break }
        followers += 1
        at += 1
      }
      Self.append(UInt64(bitPattern: first << 1 ^ first >> 63), &out)
      Self.append(followers, &out)
    }
    return out
  }

  package static let damaged = Diagnostic.error(
    "AX0954", "stored statistics cannot be read", cause: "the artifact is damaged",
    hint: "admix verify")

  /// Reads what `data` gave, and believes none of it.
  ///
  /// - Parameter count: how many rows the partition has.
  package init(_ data: Data, count: Int) throws {
    var reader = Reader(bytes: [UInt8](data))
    guard try reader.byte() == 1, try reader.number() == UInt64(count) else { throw Self.damaged }
    inputs = []
    rows = []
    let form = try reader.form()
    if form != .one {
      inputs.reserveCapacity(count)
      if form == .runs {
        while inputs.count < count {
          let value = try reader.small()
          let length = try reader.number()
          guard length > 0, length <= UInt64(count - inputs.count) else { throw Self.damaged }
          inputs.append(contentsOf: repeatElement(value, count: Int(length)))
        }
      } else {
        try reader.fixed(form, count, &inputs)
      }
    }
    let second = try reader.form()
    guard second == .steps else {
      try reader.fixed(second, count, &rows)
      guard reader.isAtEnd else { throw Self.damaged }
      return
    }
    rows.reserveCapacity(count)
    var next: [UInt32: Int64] = [:]
    var expected: Int64 = 0
    while rows.count < count {
      let zigzag = try reader.number()
      let difference = Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1)
      let length = try reader.number()
      guard length < UInt64(count - rows.count), difference.magnitude <= UInt64(UInt32.max) else {
        throw Self.damaged
      }
      for step in 0...Int(length) {
        let input = inputs.isEmpty ? 0 : inputs[rows.count]
        let guess = inputs.isEmpty ? expected : next[input, default: 0]
        guard let row = UInt32(exactly: guess + (step == 0 ? difference : 0)) else {
          throw Self.damaged
        }
        rows.append(row)
        if inputs.isEmpty { expected = Int64(row) + 1 } else { next[input] = Int64(row) + 1 }
      }
    }
    guard reader.isAtEnd else { throw Self.damaged }
  }

  private struct Reader {
    let bytes: [UInt8]
    var at = 0

    var isAtEnd: Bool { at == bytes.count }

    mutating func byte() throws -> UInt8 {
      guard at < bytes.count else { throw RowMap.damaged }
      defer { at += 1 }
      return bytes[at]
    }

    mutating func form() throws -> Form {
      guard let form = Form(rawValue: try byte()) else { throw RowMap.damaged }
      return form
    }

    mutating func number() throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        let byte = try byte()
        value |= UInt64(byte & 0x7f) << shift
        if byte & 0x80 == 0 { return value }
      }
      throw RowMap.damaged
    }

    mutating func small() throws -> UInt32 {
      guard let value = UInt32(exactly: try number()) else { throw RowMap.damaged }
      return value
    }

    mutating func fixed(_ form: Form, _ count: Int, _ out: inout [UInt32]) throws {
      let width: Int
      switch form {
      case .width1: width = 1
      case .width2: width = 2
      case .width4: width = 4
      case .one, .runs, .steps: throw RowMap.damaged
      }
      guard count <= (bytes.count - at) / width else { throw RowMap.damaged }
      out.reserveCapacity(count)
      for _ in 0..<count {
        var value: UInt32 = 0
        for byte in 0..<width { value |= UInt32(bytes[at + byte]) << UInt32(8 * byte) }
        at += width
        out.append(value)
      }
    }
  }
}

extension ArtifactAccess {
  /// Keeps a map; nil where the rows are the first of one partition in their order, and as many as it has.
  ///
  /// - Parameter whole: how many rows that partition has; nil where it is kept in any case.
  package func publish(_ map: RowMap, whole: Int?) throws -> Artifact? {
    if map.count == whole, map.keepsOrder { return nil }
    return try publish(map.data, kind: .statistics, rows: nil)
  }

  package func rowMap(_ artifact: Artifact, count: Int) throws -> RowMap {
    try RowMap(read(artifact), count: count)
  }
}
