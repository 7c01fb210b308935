import AdmixModel

extension SimulationRun {
  /// A row for each table that notes this of the agent.
  func log(_ trigger: SimulationModel.Table.Trigger, _ kind: Int, _ slot: Int) throws {
    for index in notedBy[kind][trigger.number] {
      guard evaluator.holds(model.tables[index].when, populations[kind], slot) else { continue }
      try write(index, kind, slot)
    }
  }

  private func write(_ index: Int, _ kind: Int, _ slot: Int) throws {
    let population = populations[kind]
    let programs = logs[index].programs
    for number in programs.indices {
      let value =
        programs[number].column.map { population[$0, slot] }
        ?? evaluator.value(programs[number].program, population, slot)
      try logs[index].append(value, column: number)
    }
    try logs[index].finishRow(emit)
  }

  /// Rows of a tick, in the order of agents.
  func logTick(_ kind: Int) throws {
    for index in logs.indices {
      let table = logs[index].table
      guard table.of == kind else { continue }
      let isDue = table.triggers.contains {
        if case .tick(let every) = $0 { (ticks + 1).isMultiple(of: every) } else { false }
      }
      guard isDue else { continue }
      let population = populations[kind]
      if let when = table.when {
        // Most rows are not noted: the condition is tested for many agents at once.
        var holds = [Bool](repeating: false, count: population.slots)
        var start = 0
        while start < population.slots {
          let n = min(Evaluator.lanes, population.slots - start)
          let values = evaluator.run(when, population, from: start, count: n)
          for i in 0..<n { holds[start + i] = values[i] == 1 }
          start += n
        }
        for slot in population.roster where holds[Int(slot)] { try write(index, kind, Int(slot)) }
      } else {
        for slot in population.roster { try write(index, kind, Int(slot)) }
      }
    }
  }

  /// A row of a table of a book, by the numbers of `BookColumns`.
  func log(_ trigger: SimulationModel.Table.Trigger, book: Int, _ values: (Int) -> Double) throws {
    for index in logs.indices {
      let table = logs[index].table
      guard table.of == book, table.triggers.contains(trigger) else { continue }
      for (number, column) in table.columns.enumerated() {
        try logs[index].append(values(column.number), column: number)
      }
      try logs[index].finishRow(emit)
    }
  }
}

extension SimulationModel.Table.Trigger {
  /// Of what happens to agents outside ticks.
  fileprivate var number: Int {
    switch self {
    case .start: 0
    case .change: 1
    case .leave: 2
    default: 3
    }
  }
}
