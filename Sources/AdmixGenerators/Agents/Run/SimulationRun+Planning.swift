import AdmixModel
import Foundation

extension SimulationRun {
  func plan(
    _ what: SimulationEvent.What, at moment: Double, rank: Int32, kind: Int, slot: Int = 0,
    id: Int = 0
  ) {
    // What comes after the end needs no place.
    guard moment <= model.clock.until else { return }
    sequence += 1
    if planned.count >= crowd { clearPlans() }
    planned.push(
      SimulationEvent(
        time: moment, rank: rank, slot: Int32(slot), id: id, sequence: sequence,
        epoch: what.isOfAgent ? populations[kind].epoch[slot] : 0, what: what))
  }

  func plan(_ what: SimulationEvent.What, after delay: Double, _ kind: Int, _ slot: Int) {
    plan(
      what, at: time + delay, rank: ranks[kind], kind: kind, slot: slot,
      id: Int(populations[kind][OwnColumn.id, slot]))
  }

  /// Leaves out what agents have thought better of, so that memory follows the agents.
  func clearPlans() {
    let (populations, kinds) = (populations, kindsByRank)
    planned.filter { event in
      guard event.what.isOfAgent, event.rank != .max else { return true }
      return populations[kinds[Int(event.rank)]].epoch[Int(event.slot)] == event.epoch
    }
    crowd = max(65_536, 2 * planned.count)
  }

  func nextSequence() -> Int {
    sequence += 1
    return sequence
  }

  /// A length of time for an agent; throws where it is none.
  func duration(_ program: Program, _ kind: Int, _ slot: Int, isRate: Bool = false) throws -> Double
  {
    var value = evaluator.value(program, populations[kind], slot)
    if isRate {
      guard value >= 0 else { throw notATime(program, "a rate", kind, slot) }
      if value == 0 { return .infinity }
      value = -log1p(-evaluator.uniform(populations[kind], slot)) / value
    }
    guard value >= 0 else {
      try evaluator.check()
      throw notATime(program, "a length of time", kind, slot)
    }
    return value
  }

  func notATime(_ program: Program, _ noun: String, _ kind: Int, _ slot: Int) -> Diagnostic {
    .error(
      "AX0676", at: program.span, "\(noun) is negative or missing",
      cause:
        "for agent \(Int(populations[kind][OwnColumn.id, slot])) of '\(model.kinds[kind].name)' at time \(time)",
      hint: "keep it at 0 or above with max(…, 0), bounds or coalesce(…)")
  }

  func planArrival(_ kind: Int) throws {
    guard let program = model.kinds[kind].arrivals else { return }
    // The kind's own numbers, so that no agent's draws decide when others come.
    let gap = evaluator.value(program, arrivers[kind], 0)
    guard gap >= 0 else {
      try evaluator.check()
      throw Diagnostic.error(
        "AX0676", at: program.span, "the time to the next arrival is negative or missing",
        cause: "of '\(model.kinds[kind].name)' at time \(time)",
        hint: "keep it at 0 or above with bounds")
    }
    plan(
      .arrival, at: time + gap, rank: ranks[kind], kind: kind, id: populations[kind].made + 1)
  }
}

extension SimulationEvent.What {
  /// Whether it is void when the agent does something else first.
  var isOfAgent: Bool {
    switch self {
    case .arrival, .tick, .sent: false
    default: true
    }
  }
}
