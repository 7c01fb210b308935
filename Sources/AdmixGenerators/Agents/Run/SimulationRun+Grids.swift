import AdmixModel

extension SimulationRun {
  /// The cell of an agent, from its column and row; nil where it is beyond the edge.
  private func cell(_ grid: SimulationModel.Grid, _ x: Double, _ y: Double, _ slot: Int) throws
    -> Int?
  {
    guard let column = Int(exactly: x.rounded(.down)), let row = Int(exactly: y.rounded(.down))
    else {
      throw Diagnostic.error(
        "AX0676", at: model.kinds[grid.kind].span,
        "a cell of grid '\(grid.name)' is missing or too large",
        cause:
          "of agent \(Int(populations[grid.kind][OwnColumn.id, slot])) of '\(model.kinds[grid.kind].name)' at time \(time)",
        hint: "coalesce(…) gives a number in its place")
    }
    if grid.isTorus {
      return Self.turned(row, grid.height) * grid.width + Self.turned(column, grid.width)
    }
    guard (0..<grid.width).contains(column), (0..<grid.height).contains(row) else { return nil }
    return row * grid.width + column
  }

  private static func turned(_ value: Int, _ size: Int) -> Int {
    let rest = value % size
    return rest < 0 ? rest + size : rest
  }

  /// Notes who is where, and counts neighbours in all, and by state.
  func survey(_ index: Int) throws {
    let grid = model.grids[index]
    let population = populations[grid.kind]
    let states = model.kinds[grid.kind].states.count
    for cell in cells[index].indices { cells[index][cell] = -1 }
    var next = [Int32](repeating: -1, count: population.slots)
    for place in population.roster {
      let slot = Int(place)
      guard let cell = try cell(grid, population[grid.x, slot], population[grid.y, slot], slot)
      else {
        throw Diagnostic.error(
          "AX0676", at: model.kinds[grid.kind].span, "an agent is outside grid '\(grid.name)'",
          cause:
            "agent \(Int(population[OwnColumn.id, slot])) of '\(population.name)' at time \(time)",
          hint: "cells are counted from 0 to width - 1 and height - 1")
      }
      next[slot] = cells[index][cell]
      cells[index][cell] = place
    }
    for place in population.roster {
      let slot = Int(place)
      for column in 0...states { population[grid.near + column, slot] = 0 }
      let (x, y) = (population[grid.x, slot], population[grid.y, slot])
      for (dx, dy) in Self.around {
        guard let cell = try cell(grid, x + dx, y + dy, slot) else { continue }
        var other = cells[index][cell]
        while other >= 0 {
          population[grid.near, slot] += 1
          let state = Int(population.state[Int(other)])
          if state >= 0 { population[grid.near + 1 + state, slot] += 1 }
          other = next[Int(other)]
        }
      }
    }
  }

  private static let around: [(Double, Double)] = [
    (-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1),
  ]

  /// Lets agents go where they want, lowest number first, if nobody is there or was there.
  func move(inGrid index: Int) throws {
    let grid = model.grids[index]
    let population = populations[grid.kind]
    for place in population.roster {
      let slot = Int(place)
      let (oldX, oldY) = (population.snapshot(grid.x)[slot], population.snapshot(grid.y)[slot])
      let old = try cell(grid, oldX, oldY, slot)
      let new = try cell(grid, population[grid.x, slot], population[grid.y, slot], slot)
      if let new, new == old || cells[index][new] < 0 {
        if new != old { cells[index][new] = place }
        population[grid.x, slot] = Double(new % grid.width)
        population[grid.y, slot] = Double(new / grid.width)
      } else {
        population[grid.x, slot] = oldX
        population[grid.y, slot] = oldY
      }
    }
  }
}
