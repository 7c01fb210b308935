import AdmixData
import AdmixModel

/// A declared table: its columns, and how its rows stand to those of others.
struct RuleTable: Sendable {
  /// Each row has one row of another table, drawn by chance.
  struct Link: Sendable {
    /// How expressions call it.
    var name: String
    var table: Int
    /// How many rows the other table has.
    var rows: Int
    /// The other table's column of weights; all rows alike without.
    var weight: String?
    var span: SourceSpan
  }

  /// What a name of expressions stands for, up to its dot.
  enum Seen: Sendable {
    case ancestor(Int)
    case link(Int)
  }

  var name: String
  var span: SourceSpan
  /// In the order they can be made in.
  var columns: [RuleColumn]
  /// The columns in the order of the table.
  var schema: Schema
  /// The table whose rows these belong to.
  var parent: Int?
  /// How many rows belong to a row of the parent.
  var count: RuleColumn?
  var links: [Link] = []
  var seen: [String: Seen] = [:]
  /// How many rows there are; nil where the request or the parent's rows say it.
  var rows: Int?
}
