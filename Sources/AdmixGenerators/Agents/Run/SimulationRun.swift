import AdmixData
import AdmixModel

/// One replication: what there is, what is planned, and what happens next.
///
/// Everything happens in the order of `SimulationEvent.precedes`, on one thread.
final class SimulationRun {
  let model: SimulationModel
  let evaluator: Evaluator
  let random: RandomSource
  let populations: [Population]
  /// By kind, one that draws when agents come.
  let arrivers: [Population]
  /// By kind, its states.
  let states: [[SimulationModel.RunningState]]
  /// The tables that note an agent, by kind and `SimulationModel.Table.Trigger.number`.
  var notedBy: [[[Int]]]
  /// By road, the slots of its agents in the order of their positions, and how many had come by then.
  var roadOrders: [String: [Int32]] = [:]
  var roadMade: [String: Int] = [:]
  /// By grid, the first agent in each cell, or -1, when the tick began.
  var cells: [[Int32]] = []
  var logs: [TableLog]
  private(set) var time = 0.0
  var planned = Heap<SimulationEvent>()
  var sequence = 0
  /// As many plans as this are looked through for those that no longer hold.
  var crowd = 65_536
  /// Agent-steps and events so far.
  var work = 0
  /// Events since time last moved.
  private var instants = 0
  /// By kind: how it comes among kinds.
  let ranks: [Int32]
  var ticks = 0

  /// By queue.
  var waiting: [Heap<WaitingAgent>]
  var waitingCount: [Int]
  var busy: [Int]
  var books: [OrderBook]
  var nextOrder = 1
  var nextTrade = 1

  let emit: (Int, Batch) throws -> Void
  private let isCancelled: () throws -> Void

  /// More agents at once than this are taken for a mistake.
  static let mostAgents = 5_000_000
  /// Events at one moment, beside a thousand for each agent.
  static let mostInstants = 1_000_000

  init(
    _ model: SimulationModel, replication: Int, request: SamplingRequest,
    isCancelled: @escaping () throws -> Void, emit: @escaping (Int, Batch) throws -> Void
  ) {
    self.model = model
    self.isCancelled = isCancelled
    self.emit = emit
    random = request.random("agents\u{0}\(replication)")
    let programs = model.programs
    evaluator = Evaluator(
      random: random, registers: programs.map { Int($0.registers) }.max() ?? 1,
      globals: model.globals.count,
      draws: 1 + (programs.flatMap(\.draws).map(\.number).max() ?? 0))
    let own = OwnColumn.firstOther + 2 * model.books.count
    populations = model.kinds.map {
      Population(
        name: $0.name,
        columns: own + $0.attributes.count + ($0.grid == nil ? 0 : 1 + $0.states.count),
        shared: $0.shared,
        books: model.books.count)
    }
    arrivers = model.kinds.map {
      let source = Population(
        name: $0.name, stream: $0.name + "\u{0}arrivals", columns: own, shared: [])
      _ = source.add()
      return source
    }
    logs = model.tables.enumerated().map { index, table in
      TableLog(
        table, index: index, replication: model.replications > 1 ? replication : nil,
        texts: model.texts)
    }
    let order = model.kinds.indices.sorted {
      (model.kinds[$0].priority, $0) < (model.kinds[$1].priority, $1)
    }
    var ranks = [Int32](repeating: 0, count: model.kinds.count)
    for (rank, kind) in order.enumerated() { ranks[kind] = Int32(rank) }
    self.ranks = ranks
    kindsByRank = order
    states = model.kinds.map { $0.states.map(SimulationModel.RunningState.init) }
    notedBy = model.kinds.indices.map { kind in
      [SimulationModel.Table.Trigger.start, .change, .leave, .finish].map { trigger in
        model.tables.indices.filter {
          model.tables[$0].of == kind && model.tables[$0].triggers.contains(trigger)
        }
      }
    }
    waiting = model.queues.map { _ in Heap<WaitingAgent>() }
    waitingCount = [Int](repeating: 0, count: model.queues.count)
    busy = waitingCount
    cells = model.grids.map { [Int32](repeating: -1, count: $0.width * $0.height) }
    books = model.books.map { _ in OrderBook() }
  }

  let kindsByRank: [Int]

  /// Runs to the end of the clock and gives all rows away.
  func run() throws {
    moveTime(to: 0)
    for book in books.indices { noteQuotes(book) }
    // All agents are there before the first of them does anything, so that counts are whole.
    var first: [(kind: Int, slot: Int)] = []
    for kind in kindsByRank {
      for _ in 0..<model.kinds[kind].count { first.append((kind, try create(kind))) }
    }
    for (kind, slot) in first { try start(kind, slot) }
    for kind in kindsByRank where model.kinds[kind].arrivals != nil { try planArrival(kind) }
    if let tick = model.clock.tick { plan(.tick, at: tick, rank: .max, kind: 0) }
    while let event = planned.pop() {
      if event.time > model.clock.until { break }
      if event.time > time {
        moveTime(to: event.time)
        instants = 0
      }
      try count(1)
      instants += 1
      if instants > Self.mostInstants {
        let living = populations.reduce(0) { $0 + $1.living }
        if instants > 1_000 * living + Self.mostInstants { throw endless() }
      }
      try happen(event)
      if evaluator.failure != nil { try evaluator.check() }
    }
    moveTime(to: model.clock.until)
    for kind in kindsByRank {
      populations[kind].compactRoster()
      for slot in populations[kind].roster {
        try log(.finish, kind, Int(slot))
      }
    }
    try evaluator.check()
    for index in logs.indices { try logs[index].flush(emit) }
  }

  private func moveTime(to moment: Double) {
    time = moment
    evaluator.globals[GlobalLayout.time] = moment
    evaluator.globals[GlobalLayout.moment] = model.clock.start + moment * model.clock.unit
  }

  /// Counts work, so that a simulation that never ends does.
  func count(_ steps: Int) throws {
    let before = work
    work += steps
    if work > model.limit {
      throw Diagnostic.error(
        "AX0677", at: model.span,
        "the simulation does more than \(model.limit) agent-steps and events",
        cause: "it stands at time \(time) of \(model.clock.until)",
        hint: "shorten the clock, or raise 'limit'")
    }
    if before >> 16 != work >> 16 { try isCancelled() }
  }

  private func endless() -> Diagnostic {
    .error(
      "AX0678", at: model.span, "time stands still at \(time)",
      cause: "\(instants) events happened at this moment, and each planned another",
      hint: "give one of the states a 'stay', or a transition an 'after'")
  }

  func happen(_ event: SimulationEvent) throws {
    switch event.what {
    case .tick:
      try tick()
      ticks += 1
      // By multiplication, so that a thousand ticks of 0.1 end at 100.
      if let length = model.clock.tick {
        plan(.tick, at: Double(ticks + 1) * length, rank: .max, kind: 0)
      }
    case .arrival:
      let kind = kindsByRank[Int(event.rank)]
      let slot = try create(kind)
      try start(kind, slot)
      try planArrival(kind)
    default:
      let kind = kindsByRank[Int(event.rank)]
      let slot = Int(event.slot)
      if case .sent(let target) = event.what {
        // A trade is a fact, whatever the agent has planned in the meantime.
        let population = populations[kind]
        guard population.isAlive[slot], Int(population[OwnColumn.id, slot]) == event.id else {
          return
        }
        return try go(to: target < 0 ? .leave : .state(Int(target)), kind, slot)
      }
      guard populations[kind].epoch[slot] == event.epoch else { return }
      let running = states[kind][Int(populations[kind].state[slot])]
      switch event.what {
      case .stayed: try route(kind, slot, running)
      case .go(let index): try go(to: running.state.next[Int(index)].to, kind, slot)
      case .giveUp:
        stopWaiting(kind, slot)
        populations[kind][OwnColumn.waited, slot] = time - populations[kind][OwnColumn.since, slot]
        if let target = running.state.givesUp { try go(to: target, kind, slot) }
      default: break
      }
    }
  }
}
