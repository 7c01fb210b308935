import AdmixData
import AdmixModel
import Foundation

/// Learned sequential trees: how each column is distributed, and a tree for each from those before it.
///
/// It holds codes of training rows by leaf and, for columns with few distinct values, the values
/// themselves. It is not private.
struct TreesModel: Sendable {
  static let format = "admix-sequential-trees-1"

  struct Header: Sendable, Codable {
    var format = TreesModel.format
    /// Rows of the training data, and how many of them the trees were grown from.
    var rows: Int
    var learned: Int
    var minimumLeaf: Int
    /// In the order of the training data, without those left out.
    var marginals: [Marginal]
    /// Positions in `marginals` of the columns with trees, in the order they are visited.
    var order: [Int]
    var leftOut: [String]
    /// Rows of combinations that occur too often to belong to anyone, of those learned from.
    var common: Int
  }

  var header: Header
  /// By position in the visit order.
  var trees: [DonorTree]
  /// Hashes of the rare rows that are not to come out again; sorted.
  var guarded: [UInt64]

  var schema: Schema { Schema(header.marginals.map(\.column)) }

  func encoded() throws -> Data {
    var writer = ByteWriter()
    writer.write(String(decoding: try CanonicalJSON.encode(header), as: UTF8.self))
    for tree in trees {
      writer.write(varint: UInt64(tree.nodes.count))
      for node in tree.nodes {
        for word in [node.feature &+ 1, node.cut, node.left, node.right] {
          // Small numbers of either sign stay small: 0, −1, 1, −2, …
          writer.write(varint: UInt64(UInt32(bitPattern: (word << 1) ^ (word >> 31))))
        }
      }
      writer.write(varint: UInt64(tree.sets.count))
      for word in tree.sets { writer.write(varint: word) }
      writer.write(varint: UInt64(tree.donors.count))
      for code in tree.donors { writer.write(varint: UInt64(UInt32(bitPattern: code))) }
    }
    writer.write(guarded.map { Int64(bitPattern: $0) })
    return writer.data
  }

  init(header: Header, trees: [DonorTree], guarded: [UInt64]) {
    self.header = header
    self.trees = trees
    self.guarded = guarded
  }

  /// Reads a model and checks what the sampler relies on.
  init(decoding data: Data) throws {
    do {
      var reader = ByteReader(data)
      let text = try reader.text()
      guard text.contains(Self.format) else { throw DamagedBytes() }
      let header = try CanonicalJSON.decode(Header.self, from: Data(text.utf8))
      guard header.format == Self.format, header.marginals.allSatisfy(\.isSound),
        Set(header.marginals.map(\.column.name)).count == header.marginals.count,
        Set(header.order).count == header.order.count,
        header.order.allSatisfy({ header.marginals.indices.contains($0) })
      else { throw DamagedBytes() }
      var trees: [DonorTree] = []
      for (position, index) in header.order.enumerated() {
        let tree = try Self.tree(&reader, most: data.count)
        guard
          tree.isSound(position: position, codes: TreeColumn(header.marginals[index]).codeCount)
        else { throw DamagedBytes() }
        trees.append(tree)
      }
      self.init(
        header: header, trees: trees,
        guarded: try reader.int64s().map { UInt64(bitPattern: $0) })
    } catch {
      throw DamagedTreesModel()
    }
  }

  private static func tree(_ reader: inout ByteReader, most: Int) throws -> DonorTree {
    func count() throws -> Int {
      // Everything that is counted takes a byte at least.
      let count = try reader.varint()
      guard count <= UInt64(most) else { throw DamagedBytes() }
      return Int(count)
    }
    func word() throws -> Int32 {
      let zigzag = UInt32(truncatingIfNeeded: try reader.varint())
      return Int32(bitPattern: zigzag >> 1) ^ -Int32(bitPattern: zigzag & 1)
    }
    var tree = DonorTree(nodes: [], sets: [], donors: [])
    for _ in 0..<(try count()) {
      let feature = try word() &- 1
      tree.nodes.append(
        .init(feature: feature, cut: try word(), left: try word(), right: try word()))
    }
    for _ in 0..<(try count()) { tree.sets.append(try reader.varint()) }
    let donors = try count()
    tree.donors.reserveCapacity(donors)
    for _ in 0..<donors {
      tree.donors.append(Int32(bitPattern: UInt32(truncatingIfNeeded: try reader.varint())))
    }
    return tree
  }
}

/// Bytes that are no model of this generator, or one from another version.
struct DamagedTreesModel: Error, CustomStringConvertible {
  var description: String { "the model is not one that this version of sequential-trees wrote" }
}
