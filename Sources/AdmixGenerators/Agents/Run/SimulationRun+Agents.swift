import AdmixModel

extension SimulationRun {
  /// A new agent with its attributes.
  func create(_ kind: Int) throws -> Int {
    let population = populations[kind]
    let slot = population.add()
    if population.living > Self.mostAgents {
      throw Diagnostic.error(
        "AX0677", at: model.kinds[kind].span,
        "there are more than \(Self.mostAgents) agents of '\(population.name)' at once",
        cause: "at time \(time); they come faster than they leave",
        hint: "let a state end with 'next: leave', or let fewer arrive")
    }
    population[OwnColumn.arrival, slot] = time
    population[OwnColumn.since, slot] = time
    population[OwnColumn.waited, slot] = 0
    for book in model.books.indices {
      population[OwnColumn.position(book), slot] = 0
      population[OwnColumn.cash(book), slot] = 0
    }
    evaluator.globals[model.globals.counts[kind]] = Double(population.living)
    for assignment in model.kinds[kind].initial {
      population[assignment.column, slot] = evaluator.value(assignment.program, population, slot)
    }
    return slot
  }

  func start(_ kind: Int, _ slot: Int) throws {
    try log(.start, kind, slot)
    if !model.kinds[kind].states.isEmpty { try enter(0, kind, slot) }
  }

  func go(to target: SimulationModel.Target, _ kind: Int, _ slot: Int) throws {
    switch target {
    case .state(let index): try enter(index, kind, slot)
    case .leave: try leave(kind, slot)
    }
  }

  func leave(_ kind: Int, _ slot: Int) throws {
    try log(.leave, kind, slot)
    let population = populations[kind]
    population.epoch[slot] &+= 1
    stopWaiting(kind, slot)
    try release(all: ~0, kind, slot)
    for book in model.books.indices { try cancel(book, kind, slot) }
    let state = Int(population.state[slot])
    if state >= 0 { changeCount(kind, state, by: -1) }
    population.remove(slot)
    evaluator.globals[model.globals.counts[kind]] = Double(population.living)
  }

  func changeCount(_ kind: Int, _ state: Int, by change: Double) {
    evaluator.globals[model.globals.counts[kind] + 1 + state] += change
  }

  func enter(_ index: Int, _ kind: Int, _ slot: Int) throws {
    let population = populations[kind]
    let running = states[kind][index]
    population.epoch[slot] &+= 1
    let before = Int(population.state[slot])
    if before >= 0 {
      changeCount(kind, before, by: -1)
      population[OwnColumn.from, slot] = population[OwnColumn.state, slot]
    }
    changeCount(kind, index, by: 1)
    population.state[slot] = Int32(index)
    population[OwnColumn.state, slot] = running.state.code
    population[OwnColumn.since, slot] = time
    stopWaiting(kind, slot)
    let own = running.own
    if population.held[slot] != 0 { try release(all: ~(running.state.keeps | own), kind, slot) }
    for assignment in running.state.set {
      population[assignment.column, slot] = evaluator.value(assignment.program, population, slot)
    }
    try log(.change, kind, slot)
    if let book = running.state.cancels { try cancel(book, kind, slot) }
    if let order = running.state.order { try submit(order, kind, slot) }
    guard let queue = running.state.queue, population.held[slot] & own == 0 else {
      return try stay(running, kind, slot)
    }
    if busy[queue] < model.queues[queue].servers {
      busy[queue] += 1
      noteQueue(queue)
      population.held[slot] |= own
      population[OwnColumn.waited, slot] = 0
      return try stay(running, kind, slot)
    }
    try wait(queue, running.state, kind, slot)
  }
}
