import AdmixModel

extension SimulationRun {
  /// All agents look at how things were, then all change.
  func tick() throws {
    for kind in kindsByRank {
      populations[kind].compactRoster()
      try count(populations[kind].living)
      if let road = model.kinds[kind].road {
        arrange(model.roads[road])
        populations[kind].takeSnapshot()
      }
      if let grid = model.kinds[kind].grid {
        try survey(grid)
        populations[kind].takeSnapshot()
      }
    }
    for kind in kindsByRank { try step(kind) }
    for kind in kindsByRank { try testTransitions(kind) }
    for kind in kindsByRank { try logTick(kind) }
  }

  private func step(_ kind: Int) throws {
    let assignments = model.kinds[kind].step
    if assignments.isEmpty { return }
    let population = populations[kind]
    var start = 0
    while start < population.slots {
      let n = min(Evaluator.lanes, population.slots - start)
      for assignment in assignments {
        let values = evaluator.run(assignment.program, population, from: start, count: n)
        (population.column(assignment.column) + start).update(from: values, count: n)
      }
      start += n
    }
    try evaluator.check()
    if let road = model.kinds[kind].road { try move(model.roads[road], kind) }
    if let grid = model.kinds[kind].grid { try move(inGrid: grid) }
  }

  /// The transitions that are tested at every tick, all before the first of them happens.
  private func testTransitions(_ kind: Int) throws {
    let states = states[kind]
    guard states.contains(where: { !$0.ticked.isEmpty }) else { return }
    let population = populations[kind]
    var happening: [(slot: Int, epoch: UInt32, to: SimulationModel.Target)] = []
    for place in population.roster {
      let slot = Int(place)
      let state = Int(population.state[slot])
      guard state >= 0, population.waiting[slot] < 0 else { continue }
      for index in states[state].ticked {
        let transition = states[state].state.next[index]
        guard evaluator.holds(transition.when, population, slot) else { continue }
        if let chance = transition.value {
          guard evaluator.uniform(population, slot) < evaluator.value(chance, population, slot)
          else { continue }
        }
        happening.append((slot, population.epoch[slot], transition.to))
        break
      }
    }
    try evaluator.check()
    for change in happening where population.epoch[change.slot] == change.epoch {
      try go(to: change.to, kind, change.slot)
    }
  }

  // MARK: Roads

  /// Finds who is ahead of whom; agents at the same place are in the order of their numbers.
  private func arrange(_ road: SimulationModel.Road) {
    let population = populations[road.kind]
    let position = population.column(road.position)
    // Nearly in order from the tick before, so insertion is quick where a general sort is not.
    var order = orders(of: road)
    var moves = 0
    for index in order.indices.dropFirst() {
      let slot = order[index]
      var at = index
      while at > 0 {
        let other = order[at - 1]
        let (a, b) = (position[Int(slot)], position[Int(other)])
        let isBefore =
          a != b
          ? a < b
          : population[OwnColumn.id, Int(slot)] < population[OwnColumn.id, Int(other)]
        guard isBefore else { break }
        order[at] = other
        at -= 1
        moves += 1
      }
      order[at] = slot
      if moves > 16 * order.count + 4_096 { break }
    }
    // Where they are all over the place, a general sort is quicker after all.
    if moves > 16 * order.count + 4_096 {
      order.sort {
        let (a, b) = (position[Int($0)], position[Int($1)])
        return a != b
          ? a < b : population[OwnColumn.id, Int($0)] < population[OwnColumn.id, Int($1)]
      }
    }
    roadOrders[road.name] = order
    let n = order.count
    for (index, slot) in order.enumerated() {
      let next = index + 1 < n ? order[index + 1] : road.isRing ? order[0] : -1
      let last = index > 0 ? order[index - 1] : road.isRing ? order[n - 1] : -1
      population.ahead[Int(slot)] = next
      population.behind[Int(slot)] = last
      var gap = Double.nan
      if next >= 0 {
        gap = position[Int(next)] - position[Int(slot)]
        // Round the ring; an agent alone has itself ahead.
        if index + 1 == n { gap += road.length }
      }
      population[OwnColumn.gap, Int(slot)] = gap
    }
  }

  /// Last tick's order without those who left, and with those who came at the end.
  private func orders(of road: SimulationModel.Road) -> [Int32] {
    let population = populations[road.kind]
    let known = roadOrders[road.name] ?? []
    if known.count == population.living, population.made == roadMade[road.name] { return known }
    roadMade[road.name] = population.made
    let position = population.column(road.position)
    return population.roster.sorted { position[Int($0)] < position[Int($1)] }
  }

  /// Brings those who went round the ring back to its beginning, and lets others leave at the end.
  private func move(_ road: SimulationModel.Road, _ kind: Int) throws {
    let population = populations[kind]
    let position = population.column(road.position)
    var leaving: [Int] = []
    for place in population.roster {
      let slot = Int(place)
      let x = position[slot]
      if road.isRing {
        if x < 0 || x >= road.length {
          let turned = x - (x / road.length).rounded(.down) * road.length
          position[slot] = turned < road.length ? turned : 0
        }
      } else if x >= road.length {
        leaving.append(slot)
      }
      if !x.isFinite {
        throw Diagnostic.error(
          "AX0676", at: model.kinds[kind].span,
          "a position on road '\(road.name)' is missing or too large",
          cause:
            "of agent \(Int(population[OwnColumn.id, slot])) of '\(population.name)' at time \(time)",
          hint: "coalesce(…) gives a number in its place")
      }
    }
    for slot in leaving { try leave(kind, slot) }
  }
}
