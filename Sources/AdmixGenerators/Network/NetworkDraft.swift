import AdmixModel
import Foundation

/// What is decided so far of a network while it is being learned: the state between passes.
///
/// It holds decisions and no counts, so that it stays the same while a few rows change.
struct NetworkDraft: Hashable, Sendable, Codable {
  static let format = "admix-network-draft-1"

  var format = NetworkDraft.format
  /// Of every column but keys, in the order of the schema.
  var codings: [LevelCoding]
  /// Columns by their place in `codings`, each after its parents.
  var order: [Int] = []
  /// By column; views of columns, see `levels`.
  var parents: [[Int]]
  /// By column, the views that may still become a parent.
  var candidates: [[Int]]
  /// The tables that the next pass counts.
  var scopes: [[Int]] = []

  init(_ codings: [LevelCoding]) {
    self.codings = codings
    parents = codings.map { _ in [] }
    candidates = parents
    order = Array(codings.indices)
    let related = codings.indices.filter { codings[$0].isRelated }
    for i in related {
      for j in related where j < i { scopes.append([j, i]) }
    }
  }

  /// How many levels each view has: the columns, then, in the same order, their groups of levels; 0 for
  /// a column without groups.
  var levels: [Int] { codings.map(\.count) + codings.map(\.groups) }

  /// The table of each column given its parents.
  var families: [[Int]] { parents.indices.map { parents[$0] + [$0] } }

  func encoded() throws -> Data { try CanonicalJSON.encode(self) }

  init(decoding data: Data?) throws {
    guard let data else { throw DamagedBytes() }
    self = try CanonicalJSON.decode(NetworkDraft.self, from: data)
    let count = codings.count
    guard format == Self.format, parents.count == count, candidates.count == count,
      codings.allSatisfy({ (1...65_535).contains($0.count) }),
      order.allSatisfy({ (0..<count).contains($0) }), Set(order).count == count,
      (parents + candidates + scopes).allSatisfy({
        $0.allSatisfy { (0..<2 * count).contains($0) && levels[$0] > 0 }
      }), codings.allSatisfy(\.hasSoundGroups),
      (scopes + families).allSatisfy({
        ContingencyTables.size($0, levels) <= ParentSearch.largestTable
      })
    else { throw DamagedBytes() }
  }
}
