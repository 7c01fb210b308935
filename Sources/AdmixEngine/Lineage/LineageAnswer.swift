package import AdmixModel
package import Foundation

/// What came from what, seen from one thing: nodes and the edges between them, in the order they were
/// come upon.
package struct LineageAnswer: Hashable, Sendable {
  package enum Direction: String, Sendable, CaseIterable { case up, down }

  package enum Node: Hashable, Sendable {
    /// A stage, seen through one of its outputs.
    case stage(Stage)
    /// A column of a stage's output.
    case column(stage: String, output: String, name: String, type: ColumnType?)
    /// An output as a whole: a table with all its columns, or a report or model, which has none.
    case whole(stage: String, output: String, isTable: Bool)
    /// A column of the files that a stage reads.
    case fileColumn(stage: String, files: [String], name: String)
    case file(name: String?, digest: Digest)
    /// A file that was put beside the project.
    case delivery(path: String, digest: Digest?)
    /// Something the store holds, or held, with the stage that made it where that is known.
    case artifact(Artifact, Maker?)
    /// A digest that was used and that nothing on record made.
    case unknown(Digest)
  }

  package struct Stage: Hashable, Sendable {
    package var name: String
    package var kind: String
    /// Nil where the stage as such is meant.
    package var output: String?
    package var artifact: Artifact?
    /// What doing its tasks twice has shown; nil where nobody checked.
    package var determinism: Determinism?
  }

  /// The stage, or task, of an artifact, as the store remembers it.
  package struct Maker: Hashable, Sendable {
    package var pipeline: String?
    /// Nil where the run never ended.
    package var stage: String?
    package var kind: String
    package var output: String
    package var isTask: Bool
    package var run: String
    package var made: Date
    /// How many runs had it, made or found; nil where nobody counted.
    package var runs: Int? = nil
    /// What doing its tasks twice has shown; nil where nobody checked.
    package var determinism: Determinism?
  }

  package struct Edge: Hashable, Sendable {
    /// Positions in `nodes`, in the direction that data flows.
    package var from: Int
    package var to: Int
    package var role: String
    package var use: ColumnLineage.Use?
    /// It carries no data: an order, or columns that decide rather than give values.
    package var isIndirect = false
  }

  package var direction: Direction
  package private(set) var nodes: [Node] = []
  package private(set) var edges: [Edge] = []
  /// How many tasks of each kind took the artifact that was asked for, by position.
  package var tasks: [Int: [String: Int]] = [:]
  /// Why nothing more is known of a node, by position.
  package var untold: [Int: String] = [:]
  private var index: [Node: Int] = [:]
  private var seen: Set<Edge> = []

  /// Begins at one thing, the node at 0.
  package init(_ direction: Direction, from root: Node) {
    self.direction = direction
    _ = add(root)
  }

  package mutating func add(_ node: Node) -> (position: Int, isNew: Bool) {
    if let known = index[node] { return (known, false) }
    index[node] = nodes.count
    nodes.append(node)
    return (nodes.count - 1, true)
  }

  package func contains(_ node: Node) -> Bool { index[node] != nil }

  package mutating func connect(
    _ from: Int, _ to: Int, _ role: String, use: ColumnLineage.Use? = nil, isIndirect: Bool = false
  ) {
    let edge = Edge(from: from, to: to, role: role, use: use, isIndirect: isIndirect)
    if seen.insert(edge).inserted { edges.append(edge) }
  }
}
