package import AdmixData
package import AdmixModel
import Foundation

/// Has a plugin make rows, and holds them against rules.
///
/// What is asked for is a stream of candidates: row r of it is asked for by its number, and in the next
/// attempt by the same number with another seed. Those that satisfy the rules are taken in order. So with a
/// plugin whose rows follow from seed and number, the rows of a partition depend on nothing but the model,
/// the seed and the rules, and fewer rows are the beginning of more.
package struct PluginSampling {
  private let plugin: Plugin
  private let manifest: PluginManifest
  private let place: PluginPlace
  private let schema: Schema
  private let model: String?
  private let parameters: JSONValue
  private let seed: String
  private let rules: [KeepRule]

  package typealias Acceptance = ConstrainedSampler.Acceptance

  /// - Parameters:
  ///   - schema: what rows have to have.
  ///   - seed: a text that all randomness follows from.
  package init(
    _ plugin: Plugin, _ manifest: PluginManifest, _ place: PluginPlace, schema: Schema,
    model: String?, parameters: JSONValue, seed: String, rules: [KeepRule] = []
  ) throws {
    self.plugin = plugin
    self.manifest = manifest
    self.place = place
    self.schema = schema
    self.model = model
    self.parameters = parameters
    self.seed = seed
    self.rules = rules
    try Data(PluginTable.json(schema).text.utf8).write(
      to: URL(fileURLWithPath: schemaFile))
  }

  private var schemaFile: String { "\(place.given)/schema.json" }
  private var table: String { "\(place.work)/\(PluginTable.fileName("rows", manifest.exchange))" }

  /// 53 bits, a whole number in every language's JSON.
  package static func seed(_ text: String, _ purpose: String) -> Int {
    let bytes = Digest(of: "\(text) \(purpose)").bytes
    return Int(bytes.prefix(7).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 3)
  }

  /// The rows with these numbers, from one process.
  package func rows(_ range: Range<Int>, _ session: PluginSession) throws -> (
    batch: Batch, acceptance: Acceptance
  ) {
    var candidates = Candidates(range: range)
    var acceptance = Acceptance(
      drawn: 0, accepted: 0, byRule: [Int](repeating: 0, count: rules.count))
    var parts: [Batch] = []
    var found = 0
    let masks = rules
    _ = try session.converse(first: request(candidates.next(range.count))) { _ in
      let asked = candidates.asked
      try PluginFile.check(table, "its rows", place, session)
      let batch: Batch
      do {
        batch = try PluginTable.read(
          table, manifest.exchange, schema: schema, rows: asked.count)
      } catch let flaw as PluginTable.Flaw { throw session.flawed(flaw) }
      unlink(table)
      let kept = try Self.kept(batch, masks, &acceptance)
      let wanted = Array(kept.prefix(range.count - found))
      parts.append(wanted.count == batch.rows ? batch : batch.taking(wanted))
      found += wanted.count
      acceptance.accepted += kept.count
      if found == range.count { return nil }
      if acceptance.drawn >= 10_000, acceptance.share < ConstrainedSampler.leastAcceptance {
        throw ConstrainedSampler.infeasible(rules, acceptance)
      }
      let expected = Double(range.count - found) / max(acceptance.share, 0.001)
      return request(candidates.next(Int(min(expected * 1.1 + 16, 1e6))))
    }
    return (
      parts.count == 1 ? parts[0] : Batch.concatenating(parts, schema: schema), acceptance
    )
  }

  private func request(_ asked: Candidates.Asked) -> JSONValue {
    var members: [String: JSONValue] = [
      "type": "sample", "schema": .string(schemaFile), "parameters": parameters,
      "seed": JSONValue(Self.seed(seed, "sample \(asked.attempt)")),
      "start": JSONValue(asked.start), "count": JSONValue(asked.count), "rows": .string(table),
    ]
    if let model { members["model"] = .string(model) }
    return .object(members)
  }

  private static func kept(_ batch: Batch, _ rules: [KeepRule], _ acceptance: inout Acceptance)
    throws -> [Int]
  {
    var isKept = [Bool](repeating: true, count: batch.rows)
    for (index, rule) in rules.enumerated() {
      let mask = try rule.mask(batch)
      for row in 0..<batch.rows {
        if mask[row] { acceptance.byRule[index] += 1 } else { isKept[row] = false }
      }
    }
    acceptance.drawn += batch.rows
    return isKept.indices.filter { isKept[$0] }
  }

  /// Which candidates have been asked for.
  private struct Candidates {
    struct Asked {
      var attempt: Int
      var start: Int
      var count: Int
    }

    let range: Range<Int>
    private var position = 0
    private(set) var asked = Asked(attempt: 0, start: 0, count: 0)

    init(range: Range<Int>) { self.range = range }

    /// So many more, or fewer where the attempt's numbers end.
    ///
    /// Each attempt has the numbers of a whole partition, however few of its rows are wanted.
    mutating func next(_ count: Int) -> Asked {
      let size = Partitioning.rowsPerPartition
      let (attempt, offset) = position.quotientAndRemainder(dividingBy: size)
      asked = Asked(
        attempt: attempt, start: range.lowerBound + offset, count: min(count, size - offset))
      position += asked.count
      return asked
    }
  }
}
