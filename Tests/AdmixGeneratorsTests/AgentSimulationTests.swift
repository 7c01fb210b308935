import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// Simulations held against what is known of them: queueing theory, traffic flow, epidemics, auctions.
@Suite struct AgentSimulationTests {
  private typealias Laboratory = SimulationLaboratory

  // MARK: Queues

  /// The chance that all of c servers are busy, offered a Erlang of load: Erlang's second formula.
  private static func erlangC(_ c: Int, _ a: Double) -> Double {
    var term = 1.0
    var sum = 0.0
    for k in 0..<c {
      sum += term
      term *= a / Double(k + 1)
    }
    let all = term / (1 - a / Double(c))
    return all / (sum + all)
  }

  /// The share of arrivals that find no server: Erlang's first formula, by its recursion.
  private static func erlangB(_ c: Int, _ a: Double) -> Double {
    (1...c).reduce(1.0) { b, k in a * b / (Double(k) + a * b) }
  }

  private static func queue(
    servers: Int, stay: String, more: String = "", order: String = "first-come",
    attributes: String = "[]", states: String = "", until: Int = 6_000
  ) -> String {
    """
    clock: {until: \(until)}
    queues: {desk: {servers: \(servers), order: \(order)}}
    replications: 6
    agents:
      customer:
        arrivals: {exponential: {mean: 1}}
        attributes: \(attributes)
        states:
          - served: {queue: desk, stay: \(stay), next: leave\(more)}
    \(states)
    tables:
      - done: {of: customer, on: leave, columns: [id, state, waited, {rank: \(attributes == "[]" ? "0" : "rank")}, {total: time - arrival}]}
    """
  }

  /// Means over 36,000 customers; the margins are some four standard errors, of which waits, being
  /// alike one after the other, have the larger ones the busier the servers are.
  @Test(
    "makes those wait that Erlang, and Pollaczek and Khinchine, make wait",
    arguments: [
      (1, 0.5, "exponential: {mean: 0.5}", 0.5, 0.05),
      (2, 1.4, "exponential: {mean: 1.4}", 1.345, 0.13),
      (5, 4.0, "exponential: {mean: 4}", 2.2164, 0.30), (1, 0.5, "constant: 0.5", 0.25, 0.02),
      (1, 0.6, "uniform: {low: 0, high: 1.2}", 0.6, 0.06),
    ] as [(Int, Double, String, Double, Double)])
  func waits(servers: Int, load: Double, stay: String, expected: Double, margin: Double) throws {
    let done = try #require(
      try Laboratory.run(Self.queue(servers: servers, stay: "{\(stay)}"))["done"])
    if stay.hasPrefix("exponential") {
      // Mean wait of M/M/c: the chance to wait over how much faster they serve than others come.
      let theory = Self.erlangC(servers, load) / (Double(servers) / load - 1)
      #expect(abs(theory - expected) < 0.001)
    }
    let wait = try done.mean("waited")
    #expect(abs(wait - expected) < margin)
    #expect(abs(try done.mean("total") - expected - load) < margin + 0.02 * load)
  }

  @Test func turnsAwayWhomErlangTurnsAway() throws {
    let text = Self.queue(
      servers: 3, stay: "{exponential: {mean: 2.4}}", more: ", patience: 0, gives-up: lost",
      states: "      - lost: {next: leave}")
    let done = try #require(try Laboratory.run(text)["done"])
    #expect(abs(try done.share("state", "lost") - Self.erlangB(3, 2.4)) < 0.01)
  }

  /// Two classes at one server, the first of which is never interrupted (Cobham 1954): the time that is
  /// left of the service in progress is shared out to the classes by what stands before them.
  @Test func servesTheUrgentFirst() throws {
    let text = Self.queue(
      servers: 1, stay: "{exponential: {mean: 0.8}}", more: ", priority: rank", order: "priority",
      attributes: "[{rank: {choice: {0: 0.5, 1: 0.5}}}]", until: 20_000)
    let done = try #require(try Laboratory.run(text)["done"])
    let ranks = try done.known("rank")
    let waits = try done.known("waited")
    for (rank, expected, margin) in [(0.0, 0.64 / 0.6, 0.06), (1.0, 0.64 / (0.6 * 0.2), 0.8)] {
      let mine = zip(ranks, waits).filter { $0.0 == rank }.map(\.1)
      let mean = mine.reduce(0, +) / Double(mine.count)
      #expect(abs(mean - expected) < margin, "rank \(rank): \(mean)")
    }
  }

  /// A server that is kept through another queue is not given to anyone else meanwhile.
  @Test func keepsAServerWhileItWaitsForAnother() throws {
    let text = """
      clock: {until: 500}
      queues: {bed: {servers: 2}, doctor: {servers: 1}}
      agents:
        patient:
          arrivals: {exponential: {mean: 1}}
          states:
            - laid: {queue: bed, next: seen}
            - seen: {queue: doctor, keeps: bed, stay: {uniform: {low: 1, high: 2}}, next: rests}
            - rests: {keeps: bed, stay: 1, next: home}
            - home: {next: leave}
      tables:
        - log: {of: patient, on: change, columns: [time, id, state, bed.busy, doctor.busy, bed.waiting, {beds: count.patient.seen + count.patient.rests}]}
      """
    let log = try #require(try Laboratory.run(text)["log"])
    #expect(try log.known("bed.busy").max() == 2)
    #expect(try log.known("doctor.busy").max() == 1)
    // Whoever has been laid and not gone home has a bed.
    #expect(try log.known("beds").max() == 2)
    #expect(try log.share("state", "rests") > 0.2)
    #expect(try log.known("bed.waiting").max() ?? 0 > 10)
  }

  // MARK: Transitions

  /// Of competing risks each happens in the share of its rate; a Weibull delay has its mean.
  @Test func letsTheEarliestHappen() throws {
    let text = """
      clock: {until: 100000}
      agents:
        unit:
          count: 20000
          attributes: [{k: {choice: [1, 3]}}]
          states:
            - works:
                next:
                  - {to: worn, rate: k * 0.1}
                  - {to: broken, rate: 0.3}
                  - {to: never, after: {weibull: {shape: 2, scale: 3}}, when: k > 5}
            - worn: {stay: {weibull: {shape: 2, scale: 3}}, next: [{to: gone, chance: 0.25}, {to: kept, when: k == 3, chance: 0.5}, {to: other}]}
            - broken: {}
            - never: {}
            - gone: {next: leave}
            - kept: {}
            - other: {}
      tables:
        - log: {of: unit, on: change, columns: [time, id, k, from, state, {worked: time - since}]}
        - gone: {of: unit, on: leave, columns: [k, {total: since}]}
      """
    let log = try #require(try Laboratory.run(text)["log"])
    let (k, from, state, time) = (
      try log.known("k"), try log.texts("from"), try log.texts("state"), try log.known("time")
    )
    #expect(!state.contains("never"))
    var starts: [Double: Double] = [:]
    var stays: [Double] = []
    let id = try log.known("id")
    for row in state.indices {
      if state[row] == "worn" { starts[id[row]] = time[row] }
      if from[row] == "worn", let start = starts[id[row]] { stays.append(time[row] - start) }
    }
    // 3·Γ(1.5), with a spread of 1.39 over some 7,500.
    #expect(abs(stays.reduce(0, +) / Double(stays.count) - 2.6587) < 0.07)
    for (value, share) in [(1.0, 0.25), (3.0, 0.5)] {
      let left = state.indices.filter { from[$0] == "works" && k[$0] == value }
      let worn = left.count { state[$0] == "worn" }
      #expect(abs(Double(worn) / Double(left.count) - share) < 0.02)
      let routed = state.indices.filter { from[$0] == "worn" && k[$0] == value }
      let gone = Double(routed.count { state[$0] == "gone" }) / Double(routed.count)
      let kept = Double(routed.count { state[$0] == "kept" }) / Double(routed.count)
      #expect(abs(gone - 0.25) < 0.03)
      #expect(abs(kept - (value == 3 ? 0.5 : 0)) < 0.03)
    }
  }

  /// The final size of an epidemic solves z = 1 − s₀·exp(−R₀·z) (Kermack and McKendrick 1927).
  @Test func infectsAsManyAsAnEpidemicDoes() throws {
    let text = """
      clock: {tick: 0.1, until: 120}
      replications: 3
      agents:
        person:
          count: 4000
          attributes: [{first: id <= 40}]
          states:
            - susceptible:
                next:
                  - {to: infected, per-tick: 1, when: first}
                  - {to: infected, per-tick: "1 - exp(-0.1 * 1.0 * count.person.infected / count.person)"}
            - infected: {next: {to: recovered, per-tick: "1 - exp(-0.1 * 0.5)"}}
            - recovered: {}
      tables:
        - ends: {of: person, on: finish, columns: [id, state]}
        - curve: {of: person, on: tick, every: 10, when: id == 1, columns: [time, {s: count.person.susceptible}, {i: count.person.infected}, {r: count.person.recovered}]}
      """
    let run = try Laboratory.run(text)
    let ends = try #require(run["ends"])
    var z = 0.8
    for _ in 0..<200 { z = 1 - 0.99 * exp(-2 * z) }
    // Steps of a tenth of a unit raise R₀ by a hundredth or so.
    #expect(abs(1 - (try ends.share("state", "susceptible")) - z) < 0.025)
    let curve = try #require(run["curve"])
    let sums = zip(
      try curve.known("s"), zip(try curve.known("i"), try curve.known("r"))
    ).map { $0 + $1.0 + $1.1 }
    #expect(sums.allSatisfy { $0 == 4_000 })
  }

  // MARK: Roads

  private static func cells(_ cars: Int, p: Double, until: Int) -> String {
    """
    clock: {tick: 1, until: \(until)}
    roads: {ring: {of: car, length: 100, position: x}}
    agents:
      car:
        count: \(cars)
        attributes: [{x: id - 1}, {v: 0}]
        step:
          - dawdles: {bernoulli: \(p)}
          - wanted: min(v + 1, 5, gap - 1)
          - v: if(dawdles, max(wanted - 1, 0), wanted)
          - x: x + v
    tables:
      - cars: {of: car, on: tick, when: time > \(until / 2), columns: [time, id, x, v]}
    """
  }

  /// Without dawdling the flow is known to the last digit, from whatever jam they start
  /// (Nagel and Schreckenberg 1992, section 3).
  @Test("moves cars as cellular automata do", arguments: [5, 10, 16, 17, 20, 33, 50, 75, 90])
  func flows(cars: Int) throws {
    let table = try #require(try Laboratory.run(Self.cells(cars, p: 0, until: 600))["cars"])
    let density = Double(cars) / 100
    #expect(abs(try table.mean("v") * density - min(density * 5, 1 - density)) < 1e-12)
    // Never two in a cell.
    let (time, x) = (try table.known("time"), try table.known("x"))
    #expect(Set(zip(time, x).map { "\($0) \($1)" }).count == time.count)
    #expect(x.allSatisfy { (0..<100).contains($0) })
  }

  /// With dawdling a free car goes p slower than it could, and traffic is slower than without.
  @Test func dawdlesWithTheGivenChance() throws {
    let free = try #require(try Laboratory.run(Self.cells(1, p: 0.3, until: 8_000))["cars"])
    #expect(abs(try free.mean("v") - 4.7) < 0.03)
    let dense = try #require(try Laboratory.run(Self.cells(30, p: 0.3, until: 2_000))["cars"])
    #expect(try dense.mean("v") * 0.3 < 0.45)
    #expect(try dense.mean("v") * 0.3 > 0.25)
  }

  /// Equal drivers come to the speed at which their distance is the one the model wants
  /// (Treiber, Hennecke and Helbing 2000, equation 7).
  @Test(arguments: [15.0, 25, 60]) func followsAsIntelligentDriversDo(spacing: Double) throws {
    let text = """
      clock: {tick: 0.25, until: 400}
      roads: {ring: {of: car, length: \(20 * spacing), position: x}}
      agents:
        car:
          count: 20
          attributes: [{x: (id - 1) * \(spacing)}, {v: 5.0}]
          step:
            - wish: 2 + max(0, v * 1.5 + v * (v - ahead.v) / (2 * sqrt(2)))
            - v: max(0, v + 0.25 * (1 - (v / 30) ** 4 - (wish / (gap - 5)) ** 2))
            - x: x + 0.25 * v
      tables:
        - cars: {of: car, on: finish, columns: [id, v, {distance: gap - 5}]}
      """
    let cars = try #require(try Laboratory.run(text)["cars"])
    for (v, distance) in zip(try cars.known("v"), try cars.known("distance")) {
      let wanted = (2 + 1.5 * v) / (1 - pow(v / 30, 4)).squareRoot()
      #expect(abs(wanted - distance) < 0.02 * distance)
    }
  }

  /// On a line cars come, follow and leave at the end, after ten steps, the first when they come; nobody is
  /// lost.
  @Test func leavesALineAtItsEnd() throws {
    let text = """
      clock: {tick: 1, until: 400}
      roads: {street: {of: car, length: 50, position: x, shape: line}}
      agents:
        car:
          arrivals: 4
          attributes: [{x: 0.0}]
          step: [{x: "x + min(5, coalesce(gap, 100))"}]
      tables:
        - left: {of: car, on: leave, columns: [id, {took: time - arrival}]}
        - there: {of: car, on: finish, columns: [id, x]}
        - came: {of: car, on: start, columns: [id]}
      """
    let run = try Laboratory.run(text)
    #expect(run["came"]?.batch.rows == 100)
    #expect((run["left"]?.batch.rows ?? 0) + (run["there"]?.batch.rows ?? 0) == 100)
    let left = try #require(run["left"])
    #expect(try left.known("took").allSatisfy { $0 == 9 })
  }

  // MARK: Grids

  /// Conway's game of life, where every cell is an agent, beside one written out.
  @Test(arguments: [true, false]) func livesAsConwaySays(isTorus: Bool) throws {
    let (width, height) = (12, 9)
    let text = """
      clock: {tick: 1, until: 12}
      grids: {world: {of: cell, width: \(width), height: \(height), x: x, y: y, shape: \(isTorus ? "torus" : "bounded")}}
      agents:
        cell:
          count: \(width * height)
          attributes: [{x: (id - 1) % \(width)}, {y: (id - 1) // \(width)}, {first: {bernoulli: 0.4}}]
          states:
            - dead:
                next:
                  - {to: alive, per-tick: 1, when: time == 1 and first}
                  - {to: alive, per-tick: 1, when: time > 1 and near.alive == 3}
            - alive: {next: {to: dead, per-tick: 1, when: near.alive < 2 or near.alive > 3}}
      tables:
        - log: {of: cell, on: tick, columns: [time, id, x, y, near, {lives: state == 'alive'}]}
      """
    let log = try #require(try Laboratory.run(text)["log"])
    let lives = try log.known("lives").map { $0 == 1 }
    #expect(try isTorus ? log.known("near").allSatisfy { $0 == 8 } : log.known("near").min() == 3)
    let size = width * height
    var world = Array(lives[0..<size])
    for tick in 1..<12 {
      world = world.indices.map { cell in
        var count = 0
        for dy in -1...1 {
          for dx in -1...1 where dx != 0 || dy != 0 {
            var (x, y) = (cell % width + dx, cell / width + dy)
            if isTorus { (x, y) = ((x + width) % width, (y + height) % height) }
            guard (0..<width).contains(x), (0..<height).contains(y) else { continue }
            if world[y * width + x] { count += 1 }
          }
        }
        return world[cell] ? count == 2 || count == 3 : count == 3
      }
      #expect(Array(lives[tick * size..<(tick + 1) * size]) == world, "tick \(tick)")
    }
    #expect(lives.prefix(size).contains(true))
  }

  /// Walkers keep apart, however crowded it is, and of two who want a cell the first gets it.
  @Test func leavesACellToOneAgent() throws {
    func text(_ count: Int, _ x: String, _ dx: String, _ until: Int) -> String {
      """
      clock: {tick: 1, until: \(until)}
      grids: {square: {of: walker, width: 8, height: 8, x: x, y: y, shape: bounded}}
      agents:
        walker:
          count: \(count)
          attributes: [{x: \(x)}, {y: (id - 1) // 8}]
          step:
            - dx: \(dx)
            - x: x + dx
      tables:
        - log: {of: walker, on: tick, columns: [time, id, x, y]}
      """
    }
    let log = try #require(
      try Laboratory.run(text(30, "(id - 1) % 8", "{choice: [-1, 0, 1]}", 200))["log"])
    let places = zip(try log.known("time"), zip(try log.known("x"), try log.known("y")))
      .map { "\($0) \($1.0) \($1.1)" }
    #expect(Set(places).count == places.count && places.count == 6_000)
    #expect(try log.known("x").allSatisfy { (0..<8).contains($0) })
    // At 0 and 2, both to 1; the first goes there, and then neither can move.
    let two = try #require(
      try Laboratory.run(text(2, "(id - 1) * 2", "if(id == 1, 1, -1)", 3))["log"])
    #expect(try two.known("x") == [1, 2, 1, 2, 1, 2])
  }

  // MARK: What rows depend on

  private static let ward = """
    clock: {until: 300, start: '2024-02-28 22:00', unit: hours}
    queues: {bed: {servers: 3}}
    replications: 5
    agents:
      patient:
        count: 4
        arrivals: {gamma: {shape: 2, scale: 2}}
        attributes: [{age: {normal: {mean: 50, sd: 10}}}, {kind: {choice: [a, b]}}]
        states:
          - waits: {queue: bed, stay: {lognormal: {mean: 1, sd: 1}}, next: home}
          - home: {set: [kind: "if(age > 50, 'c', kind)"], next: leave}
    tables:
      - log: {of: patient, on: [change, leave], columns: [time, moment, id, state, age, kind]}
      - end: {of: patient, on: finish, columns: [id, {old: age > 60}]}
    """

  @Test func rowsDoNotDependOnWhoRunsWhichReplication() throws {
    let whole = try Laboratory.run(Self.ward)
    for cut in 1..<5 {
      let first = try Laboratory.run(Self.ward, replications: 0..<cut)
      let second = try Laboratory.run(Self.ward, replications: cut..<5)
      for (name, table) in whole {
        let schema = table.batch.schema
        let parts = [first, second].compactMap { $0[name]?.batch }
        #expect(Batch.concatenating(parts, schema: schema).difference(from: table.batch) == nil)
      }
    }
    let other = try Laboratory.run(Self.ward, seed: 6)
    let log = try #require(whole["log"]).batch
    #expect(other["log"]?.batch.difference(from: log) != nil)
  }

  /// Agents draw their own numbers, so others who come do not change them.
  @Test func anAgentMoreChangesNoOther() throws {
    func text(_ count: Int, _ more: String = "") -> String {
      """
      clock: {tick: 1, until: 40}
      agents:
        walker:
          count: \(count)
          attributes: [{x: {normal: {}}}]
          step: [{x: "x + 1"}, {jump: {normal: {}}}, {x: x + jump}]
          states:
            - slow: {next: [{to: fast, rate: 0.1}, {to: slow, per-tick: 0.2}]}
            - fast: {stay: {exponential: {mean: 3}}, next: slow}
      \(more)
      tables:
        - log: {of: walker, on: [tick, change], columns: [time, id, x, state]}
      """
    }
    func rows(_ text: String) throws -> [String] {
      let log = try #require(try Laboratory.run(text)["log"])
      let id = try log.known("id")
      let time = try log.known("time")
      let x = try log.known("x")
      let state = try log.texts("state")
      return id.indices.filter { id[$0] <= 5 }.map {
        "\(time[$0]) \(id[$0]) \(x[$0]) \(state[$0])"
      }
    }
    let few = try rows(text(5))
    #expect(few.count > 200)
    #expect(try rows(text(9)) == few)
    let birds = "  bird: {count: 3, states: [flies: {stay: {exponential: {mean: 1}}, next: flies}]}"
    #expect(try rows(text(5, birds)) == few)
  }

  /// A table of more rows than a partition holds, with agents that come and go through the same slots.
  @Test func cutsTablesAtPartitions() throws {
    let simulation = try Laboratory.simulation(
      """
      clock: {until: 40000}
      agents:
        a: {arrivals: 1, states: [here: {stay: 1.5, next: leave}]}
      tables:
        - log: {of: a, on: [start, change, leave], columns: [time, id, count.a]}
      """)
    var sizes: [Int] = []
    var ids: [Int64] = []
    try simulation.simulate(
      0..<1, SamplingRequest(model: nil, rows: nil, seed: 1, salt: ""), isCancelled: {}
    ) { _, batch in
      sizes.append(batch.rows)
      if case .int(let values) = batch.columns[1].values {
        ids += (0..<batch.rows).map { values[$0] }
      }
    }
    // The last two are still there at the end.
    #expect(sizes == [65_536, 3 * 40_000 - 2 - 65_536])
    #expect(Set(ids).count == 40_000)
    #expect(throws: CancellationError.self) {
      try simulation.simulate(
        0..<1, SamplingRequest(model: nil, rows: nil, seed: 1, salt: ""),
        isCancelled: { throw CancellationError() }
      ) { _, _ in }
    }
  }
}
