import AdmixModel

extension SimulationRun {
  func noteQueue(_ queue: Int?) {
    guard let queue else { return }
    let place = model.globals.queues[queue]
    evaluator.globals[place] = Double(waitingCount[queue])
    evaluator.globals[place + 1] = Double(busy[queue])
  }

  func wait(_ queue: Int, _ state: SimulationModel.State, _ kind: Int, _ slot: Int) throws {
    let population = populations[kind]
    let number = nextSequence()
    let key: Double
    switch model.queues[queue].order {
    case .firstCome: key = 0
    case .lastCome: key = -Double(number)
    case .priority:
      key = state.priority.map { evaluator.value($0, population, slot) } ?? 0
      guard !key.isNaN else {
        throw Diagnostic.error(
          "AX0676", at: state.priority?.span ?? state.span, "a priority is missing",
          cause:
            "for agent \(Int(population[OwnColumn.id, slot])) of '\(population.name)' at time \(time)",
          hint: "coalesce(…) gives a number in its place")
      }
    }
    population.waiting[slot] = Int32(queue)
    waitingCount[queue] += 1
    noteQueue(queue)
    waiting[queue].push(
      WaitingAgent(
        key: key, sequence: number, kind: Int32(kind), slot: Int32(slot),
        epoch: population.epoch[slot]))
    // Those who gave up are passed over when a server is free; where they are most, they are cleared away.
    if waiting[queue].count > 2 * waitingCount[queue] + 1_024 {
      let populations = populations
      waiting[queue].filter { populations[Int($0.kind)].epoch[Int($0.slot)] == $0.epoch }
    }
    if let patience = state.patience {
      plan(.giveUp, after: try duration(patience, kind, slot), kind, slot)
    }
  }

  /// Takes an agent out of the queue it waits in; its place in the heap is passed over later.
  func stopWaiting(_ kind: Int, _ slot: Int) {
    let queue = populations[kind].waiting[slot]
    guard queue >= 0 else { return }
    waitingCount[Int(queue)] -= 1
    populations[kind].waiting[slot] = -1
    noteQueue(Int(queue))
  }

  /// Gives back the servers of the queues with these bits, each to whoever waits for it.
  func release(all bits: UInt64, _ kind: Int, _ slot: Int) throws {
    var given = populations[kind].held[slot] & bits
    populations[kind].held[slot] &= ~bits
    while given != 0 {
      let queue = given.trailingZeroBitCount
      given &= given - 1
      busy[queue] -= 1
      try serve(queue)
      noteQueue(queue)
    }
  }

  /// Gives a free server to the first who still waits.
  private func serve(_ queue: Int) throws {
    while let next = waiting[queue].pop() {
      let population = populations[Int(next.kind)]
      let slot = Int(next.slot)
      guard population.epoch[slot] == next.epoch, population.waiting[slot] == Int32(queue) else {
        continue
      }
      // From here on patience means nothing.
      population.epoch[slot] &+= 1
      population.waiting[slot] = -1
      waitingCount[queue] -= 1
      busy[queue] += 1
      population.held[slot] |= 1 << UInt64(queue)
      population[OwnColumn.waited, slot] = time - population[OwnColumn.since, slot]
      let kind = Int(next.kind)
      try stay(states[kind][Int(population.state[slot])], kind, slot)
      return
    }
  }
}
