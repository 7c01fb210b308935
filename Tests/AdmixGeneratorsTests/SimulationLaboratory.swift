import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import Foundation
import Testing

/// Runs declared simulations from the text of their options.
enum SimulationLaboratory {
  /// Rows of a table, by column.
  struct Table {
    var batch: Batch

    /// Numbers, truth as 1 and 0; nil where they are missing.
    func numbers(_ name: String) throws -> [Double?] {
      let column = try #require(batch[name], "no column \(name)")
      return (0..<column.count).map { row in
        if column.isMissing(row) { return nil }
        switch column.values {
        case .bool(let bits): return bits[row] ? 1 : 0
        case .int(let values), .datetime(let values): return Double(values[row])
        case .double(let values): return values[row]
        default: return nil
        }
      }
    }

    func known(_ name: String) throws -> [Double] { try numbers(name).compactMap { $0 } }

    func mean(_ name: String) throws -> Double {
      let values = try known(name)
      return values.reduce(0, +) / Double(values.count)
    }

    func texts(_ name: String) throws -> [String] {
      let column = try #require(batch[name], "no column \(name)")
      guard case .category(let codes, let categories) = column.values else { return [] }
      return (0..<column.count).map { column.isMissing($0) ? "" : categories[Int(codes[$0])] }
    }

    func share(_ name: String, _ text: String) throws -> Double {
      let texts = try texts(name)
      return Double(texts.count { $0 == text }) / Double(texts.count)
    }
  }

  static func simulation(_ options: String) throws -> AgentSimulation {
    let lines = options.split(separator: "\n").map { "          " + $0 }.joined(separator: "\n")
    let text = """
      admix: 1
      name: test
      stages:
        made:
          generate:
            with:
              agents:
      \(lines)
      """
    let kind = KindDescription(
      name: "generate", revision: 1, summary: "Rows.",
      fields: [.optional("with", .variant(BuiltinGenerators.variants), "A generator.")],
      outputs: nil, example: "")
    let spec = try SpecCompiler(kinds: [kind]).compile(text: text)
    let node = try #require(spec.stages.first?.options["with"]?["agents"])
    var report = Diagnostics()
    let simulation = AgentSimulation(node, report: &report)
    try report.check()
    return simulation
  }

  /// - Parameter replications: all of them unless given.
  static func run(_ options: String, seed: UInt64 = 5, replications: Range<Int>? = nil) throws
    -> [String: Table]
  {
    let simulation = try simulation(options)
    var report = Diagnostics()
    let schemas = simulation.schemas(learned: nil, report: &report)
    var parts: [String: [Batch]] = [:]
    try simulation.simulate(
      replications ?? 0..<simulation.replications,
      SamplingRequest(model: nil, rows: nil, seed: seed, salt: "test"), isCancelled: {}
    ) { parts[simulation.tables[$0], default: []].append($1) }
    return try Dictionary(
      uniqueKeysWithValues: simulation.tables.map { name in
        let schema = try #require(schemas[name])
        return (name, Table(batch: Batch.concatenating(parts[name] ?? [], schema: schema)))
      })
  }
}
