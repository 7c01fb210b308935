import AdmixData
import AdmixModel
import Foundation

/// For each class its beginnings, and the neighbours of each.
struct SmoteFacts: Sendable {
  struct Group: Sendable {
    var name: String
    /// How many training rows the class has.
    var members: Int
    /// Training rows that new ones begin at.
    var bases: [Int64]
    /// Equally many for each base, the nearest first.
    var neighbours: [Int64]

    var perBase: Int { bases.isEmpty ? 0 : neighbours.count / bases.count }
  }

  private(set) var groups: [Group] = []

  init() {}
  mutating func add(_ group: Group) { groups.append(group) }

  var encoded: Data {
    var writer = ByteWriter()
    writer.write(groups.count)
    for group in groups {
      writer.write(group.name)
      writer.write(group.members)
      writer.write(group.bases)
      writer.write(group.neighbours)
    }
    return writer.data
  }

  init(_ data: Data, rows: Int) throws {
    var reader = ByteReader(data)
    for _ in 0..<(try reader.count()) {
      let group = Group(
        name: try reader.text(), members: try reader.int(), bases: try reader.int64s(),
        neighbours: try reader.int64s())
      guard !group.bases.isEmpty, !group.neighbours.isEmpty,
        group.neighbours.count % group.bases.count == 0,
        (group.bases + group.neighbours).allSatisfy({ (0..<Int64(rows)).contains($0) })
      else { throw DamagedBytes() }
      groups.append(group)
    }
    if groups.isEmpty { throw DamagedBytes() }
  }
}

/// A row between a base and one of its neighbours.
struct SmotePicker: DonorPicker {
  private let table: DonorTable
  private let facts: SmoteFacts
  /// The column of the class, which is the base's.
  private let target: Int

  init(_ table: DonorTable, _ facts: SmoteFacts, _ target: Int) {
    self.table = table
    self.facts = facts
    self.target = target
  }

  func row(_ number: Int, _ random: RandomSource, into values: inout [DonorValue]) {
    let row = UInt64(max(0, number))
    func below(_ count: Int, _ draw: UInt32) -> Int {
      min(count - 1, Int(random.uniform(row: row, tag: 0, draw: draw) * Double(count)))
    }
    let group = facts.groups[below(facts.groups.count, 0)]
    let chosen = below(group.bases.count, 1)
    let base = Int(group.bases[chosen])
    let near = group.neighbours[(chosen * group.perBase)..<((chosen + 1) * group.perBase)]
    let other = Int(near[near.startIndex + below(near.count, 2)])
    // One for all columns: the row lies on the line, not in the box.
    let share = random.uniform(row: row, tag: 0, draw: 3)
    for (index, column) in table.columns.enumerated() {
      if !column.isNominal, index != target {
        let (from, to) = (column.numbers[base], column.numbers[other])
        values[index] =
          from.isNaN ? .missing : .number(to.isNaN ? from : from + share * (to - from))
      } else if index == target {
        values[index] =
          column.isNominal ? .level(column.codes[base]) : .number(column.numbers[base])
      } else {
        let code = Self.majority(near.map { column.codes[Int($0)] })
        values[index] = code < 0 ? .missing : .level(code)
      }
    }
  }

  /// The most frequent; of equals the first level, and missing after all levels.
  private static func majority(_ codes: [Int32]) -> Int32 {
    func place(_ code: Int32) -> Int32 { code < 0 ? .max : code }
    var best: (code: Int32, count: Int) = (-1, 0)
    for code in codes {
      let count = codes.count { $0 == code }
      if count > best.count || count == best.count && place(code) < place(best.code) {
        best = (code, count)
      }
    }
    return best.code
  }
}
