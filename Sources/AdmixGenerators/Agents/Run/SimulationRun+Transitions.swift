import AdmixModel

extension SimulationRun {
  /// What an agent does in a state once it has all that it needs.
  func stay(_ running: SimulationModel.RunningState, _ kind: Int, _ slot: Int) throws {
    if let program = running.state.stay {
      plan(.stayed, after: try duration(program, kind, slot), kind, slot)
      return
    }
    if !running.timed.isEmpty { return try race(running, kind, slot) }
    if !running.routed.isEmpty { plan(.stayed, after: 0, kind, slot) }
  }

  /// The earliest of the timed transitions that may happen wins; the first of them at the same time.
  func race(_ running: SimulationModel.RunningState, _ kind: Int, _ slot: Int) throws {
    var best: (delay: Double, index: Int)?
    for index in running.timed {
      let transition = running.state.next[index]
      guard evaluator.holds(transition.when, populations[kind], slot),
        let program = transition.value
      else { continue }
      let delay = try duration(program, kind, slot, isRate: transition.isRate)
      if best.map({ delay < $0.delay }) ?? true { best = (delay, index) }
    }
    if let best, best.delay.isFinite { plan(.go(Int32(best.index)), after: best.delay, kind, slot) }
  }

  /// Chooses where to go from here.
  func route(_ kind: Int, _ slot: Int, _ running: SimulationModel.RunningState) throws {
    let population = populations[kind]
    var uniform: Double?
    var sum = 0.0
    for index in running.routed {
      let transition = running.state.next[index]
      guard evaluator.holds(transition.when, population, slot) else { continue }
      guard let chance = transition.value else { return try go(to: transition.to, kind, slot) }
      let drawn = uniform ?? evaluator.uniform(population, slot)
      uniform = drawn
      sum += evaluator.value(chance, population, slot)
      if drawn < sum { return try go(to: transition.to, kind, slot) }
    }
    try evaluator.check()
    // Rounding may leave a gap below 1 where the chances are written out to add up to it.
    if let last = running.routed.last, abs(sum - 1) < 1e-9 {
      return try go(to: running.state.next[last].to, kind, slot)
    }
    let state = running.state
    throw Diagnostic.error(
      "AX0676", at: state.span, "no transition of state '\(state.name)' applies",
      cause:
        "for agent \(Int(population[OwnColumn.id, slot])) of '\(model.kinds[kind].name)' at time \(time)",
      hint: "end the list with one that has neither 'when' nor 'chance'")
  }
}
