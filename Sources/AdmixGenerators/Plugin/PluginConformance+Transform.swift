import AdmixData
import AdmixModel
import Foundation

/// What a transform is held against, by running the example that it names.
extension PluginConformance {
  /// - Returns: whether there is more to look at.
  mutating func transforms() -> Bool {
    let tables = Self.tables(manifest)
    var first: Batch?
    attempt("its example") { check in
      let made = try check.transformed(tables)
      first = made
      return "\(made.rows) rows of \(made.columns.count) columns, as its schema says"
    }
    guard let first else { return false }
    if manifest.determinism != .none {
      attempt("transform is deterministic") { check in
        let again = try check.transformed(tables)
        if let difference = again.difference(from: first) { throw Failed(text: difference) }
        guard again.schema == first.schema else { throw Failed(text: "another schema") }
        return "the same table from the same inputs, options and seed"
      }
    }
    attempt("inputs without rows are no crash") { check in
      do {
        let made = try check.transformed(tables.mapValues { $0.slice(0..<0) })
        return "it made \(made.rows) rows of none"
      } catch let failure as PluginFailure where Self.isAnswer(failure) {
        return "they are answered with an error"
      }
    }
    for name in tables.keys.sorted() {
      attempt("a missing input is refused") { check in
        var others = tables
        others[name] = nil
        do { _ = try check.transformed(others) } catch let failure as PluginFailure
          where Self.isAnswer(failure)
        {
          return "it is answered with an error where '\(name)' is not there"
        }
        throw Failed(text: "it made a table without '\(name)'")
      }
    }
    return true
  }

  private static func isAnswer(_ failure: PluginFailure) -> Bool {
    ["AX0884", "AX0897"].contains(failure.diagnostic.code)
  }

  static func tables(_ manifest: PluginManifest) -> [String: Batch] {
    Dictionary(
      manifest.example.inputs.map { ($0, table(manifest, salt: " \($0)")) },
      uniquingKeysWith: { first, _ in first })
  }

  private mutating func transformed(_ tables: [String: Batch]) throws -> Batch {
    let place = try place("transform")
    return try transform(tables, at: place, PluginSession(plugin, manifest, place))
  }

  func transform(_ tables: [String: Batch], at place: PluginPlace, _ session: PluginSession)
    throws -> Batch
  {
    var transforming = PluginTransforming(plugin, manifest, place)
    for (name, table) in tables.sorted(by: { $0.key < $1.key }) {
      var rest: Batch? = table
      try transforming.write(name, table.schema) {
        defer { rest = nil }
        return rest
      }
    }
    var parts: [Batch] = []
    let made = try transforming.transform(session, parameters: parameters, seed: 7) {
      parts.append($0)
    }
    return Batch.concatenating(parts, schema: made.schema)
  }
}
