package import AdmixData
package import AdmixModel
package import AdmixSpec

/// Rows from a simulation of agents that is declared, not programmed.
///
/// Agents of some kinds come, go from state to state, wait for servers, trade on books and follow each
/// other on roads; what happens is noted in tables. Time moves from event to event; where the clock has
/// ticks, all agents also take a step at each.
package struct AgentSimulation: Simulation {
  package static let description = GeneratorDescription(
    name: "agents", revision: 1,
    summary:
      "Agents that go from state to state, wait in queues, trade on order books or drive on roads; what happens becomes tables.",
    fields: AgentOptions.fields, needsLearning: false, conditionsExactly: false,
    cost:
      "About half a microsecond for an event, and 20 to 100 nanoseconds for an agent's step at a tick, by how much it computes. A replication runs on one core, replications side by side. Memory follows the agents that are there at once, not the rows.",
    limits:
      "The clock and the agents decide how many rows there are, so `rows`, `where` and `keep` are refused; a `transform` behind it filters. Agents have numbers, truth values and categories. Neighbours are those on a road. An agent has at most one order resting on a book. What a simulation shows is as true as its declaration: hold its tables against real ones.",
    sources:
      "Discrete events in a total order: A. M. Law, Simulation Modeling and Analysis, 5th edition, McGraw-Hill 2015, chapter 1. Steps that read the state before: K. Nagel and M. Schreckenberg, Journal de Physique I 2 (1992) 2221. Random numbers by agent: J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011."
  )

  let model: SimulationModel?
  private let json: JSONValue

  package init(_ options: Node, report: inout Diagnostics) {
    model = SimulationReader.read(options, report: &report)
    json = options.json
  }

  /// A replication does not depend on how many there are, but for the column that numbers them.
  package var samplingParameters: JSONValue {
    var members = json.object ?? [:]
    members["replications"] = .bool(replications > 1)
    return .object(members)
  }
  package var tables: [String] { model?.tables.map(\.name) ?? ["data"] }
  package var replications: Int { model?.replications ?? 1 }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    Dictionary(model?.tables.map { ($0.name, $0.schema) } ?? []) { first, _ in first }
  }

  package func simulate(
    _ replications: Range<Int>, _ request: SamplingRequest, isCancelled: () throws -> Void,
    emit: (Int, Batch) throws -> Void
  ) throws {
    guard let model else { return }
    try withoutActuallyEscaping(isCancelled) { isCancelled in
      try withoutActuallyEscaping(emit) { emit in
        for replication in replications {
          let run = SimulationRun(
            model, replication: replication, request: request, isCancelled: isCancelled, emit: emit)
          try run.run()
        }
      }
    }
  }
}

extension AgentSimulation: ColumnTracing {
  /// No column comes from data.
  package func dependencies(of table: String, schema: Schema, learned: Schema?) -> TableDependencies
  {
    TableDependencies(columns: Dictionary(schema.names.map { ($0, []) }) { first, _ in first })
  }
}
