import AdmixModel
import AdmixSpec

extension SimulationReader {
  mutating func readState(_ index: Int, _ kind: Int, _ node: Node, _ scope: NameScope) {
    var state = model.kinds[kind].states[index]
    let queues = model.queues.map(\.name)
    state.queue = self.index(node["queue"], in: queues, "queue")
    for name in (node["keeps"].map { $0.text == nil ? $0.items : [$0] }) ?? [] {
      if let queue = self.index(name, in: queues, "queue") { state.keeps |= 1 << UInt64(queue) }
    }
    for key in ["priority", "patience", "gives-up"] where node[key] != nil && node["queue"] == nil {
      report.append(
        .error(
          "AX0671", at: node[key]?.span ?? node.span,
          "'\(key)' without a 'queue'", cause: "state '\(state.name)' waits for nothing",
          hint: queues.first.map { "queue: \($0)" }))
    }
    if let priority = node["priority"], let queue = state.queue,
      model.queues[queue].order != .priority
    {
      report.append(
        .error(
          "AX0671", at: priority.span,
          "queue '\(model.queues[queue].name)' does not go by priority",
          cause: "its order is \(model.queues[queue].order.rawValue)", hint: "order: priority"))
    }
    state.priority = number(node["priority"], "priority", scope)
    state.patience = number(node["patience"], "patience", scope)
    state.givesUp = target(node["gives-up"], kind)
    if (node["patience"] == nil) != (node["gives-up"] == nil) {
      report.append(
        .error(
          "AX0671", at: (node["patience"] ?? node["gives-up"])?.span ?? node.span,
          "'patience' and 'gives-up' belong together",
          cause: "one says how long an agent waits, the other where it goes then"))
    }
    for member in node["set"]?.items.flatMap(\.members) ?? [] {
      if let made = assignment(member, kind, scope) { state.set.append(made) }
    }
    if let order = node["order"] { state.order = readOrder(order, kind, scope) }
    state.cancels = self.index(node["cancel"], in: model.books.map(\.name), "book")
    state.stay = number(node["stay"], "stay", scope)
    if let stay = node["stay"], let length = stay.double, length < 0 {
      report.append(.error("AX0671", at: stay.span, "'stay' is a length of time, 0 or more"))
    }
    let problems = report.items.count
    let next = node["next"].map { $0.items.isEmpty ? [$0] : $0.items } ?? []
    for item in next {
      if let transition = readTransition(item, kind, scope) { state.next.append(transition) }
    }
    model.kinds[kind].states[index] = state
    // What could not be read would look as if it always happened.
    if report.items.count == problems { checkTransitions(state, next, node) }
  }

  private mutating func target(_ node: Node?, _ kind: Int) -> SimulationModel.Target? {
    guard let node else { return nil }
    if node.text == "leave" { return .leave }
    let names = model.kinds[kind].states.map(\.name)
    return index(node, in: names, "state").map { .state($0) }
  }

  private mutating func readTransition(_ node: Node, _ kind: Int, _ scope: NameScope)
    -> SimulationModel.Transition?
  {
    guard let to = target(node.text == nil ? node["to"] : node, kind) else { return nil }
    let triggers = ["after", "rate", "per-tick", "chance"].filter { node[$0] != nil }
    if triggers.count > 1 {
      report.append(
        .error(
          "AX0671", at: node[triggers[1]]?.span ?? node.span,
          "a transition has both '\(triggers[0])' and '\(triggers[1])'",
          cause: "each says in its own way when it happens", hint: "keep one of them"))
      return nil
    }
    var made = SimulationModel.Transition(
      to: to, span: node.span, when: condition(node["when"], scope), trigger: .route, value: nil,
      isRate: false)
    guard let key = triggers.first, let value = node[key] else { return made }
    made.value = number(value, key, scope)
    made.isRate = key == "rate"
    made.trigger = key == "chance" ? .route : key == "per-tick" ? .tick : .timed
    if key == "per-tick", model.clock.tick == nil {
      report.append(noTick("'per-tick'", value.span))
    }
    if key == "per-tick" || key == "chance", let chance = value.double, !(0...1).contains(chance) {
      report.append(.error("AX0671", at: value.span, "'\(key)' is a probability from 0 to 1"))
    }
    if key == "rate" || key == "after", let number = value.double, number < 0 {
      report.append(.error("AX0671", at: value.span, "'\(key)' is 0 or more"))
    }
    return made
  }

  /// What cannot be meant.
  private mutating func checkTransitions(
    _ state: SimulationModel.State, _ nodes: [Node], _ node: Node
  ) {
    if let timed = state.timed.first, !state.routed.isEmpty || state.stay != nil {
      report.append(
        .error(
          "AX0671", at: state.next[timed].span,
          "state '\(state.name)' ends in two ways",
          cause:
            "a transition with 'after' or 'rate' ends the stay by itself; it goes with neither 'stay' nor transitions that follow a stay",
          hint: "give each transition an 'after' or 'rate', or none"))
    }
    if state.stay != nil, state.routed.isEmpty, state.timed.isEmpty {
      report.append(
        .error(
          "AX0671", at: node["stay"]?.span ?? state.span,
          "nothing follows the stay in state '\(state.name)'", hint: "next: leave"))
    }
    if !state.ticked.isEmpty, !state.routed.isEmpty, state.stay == nil {
      report.append(
        .error(
          "AX0671", at: state.next[state.ticked[0]].span,
          "state '\(state.name)' is left at once, before any tick",
          cause: "it has a transition without 'per-tick' and no 'stay'"))
    }
    var isOver = false
    var sum = 0.0
    var isWritten = true
    for index in state.routed {
      let transition = state.next[index]
      if isOver {
        report.append(
          .error(
            "AX0671", at: transition.span, "this transition of state '\(state.name)' never happens",
            cause: "one before it always does", hint: "give that one a 'chance' or 'when'"))
        return
      }
      isOver = transition.when == nil && transition.value == nil
      if let chance = nodes[index]["chance"]?.double {
        sum += chance
      } else if !isOver {
        isWritten = false
      }
      if transition.when != nil { isWritten = false }
    }
    if isWritten, sum > 1 + 1e-9 || !isOver && !state.routed.isEmpty && sum < 1 - 1e-9 {
      report.append(
        .error(
          "AX0671", at: node["next"]?.span ?? state.span,
          "the chances of state '\(state.name)' add up to \(Self.short(sum))",
          cause: sum > 1
            ? "they are more than 1" : "they are less than 1, and nothing takes the rest",
          hint: "leave out the 'chance' of the last one"))
    }
  }

  private static func short(_ value: Double) -> String {
    "\((value * 1e6).rounded() / 1e6)"
  }

  private mutating func readOrder(_ node: Node, _ kind: Int, _ scope: NameScope)
    -> SimulationModel.Order?
  {
    guard let book = index(node["book"], in: model.books.map(\.name), "book"),
      let side = node["side"]
    else { return nil }
    var order = SimulationModel.Order(book: book, side: .buy, span: node.span)
    if side.text == "sell" {
      order.side = .sell
    } else if side.text != "buy" {
      guard let (program, schema) = source(side, "side", scope) else { return nil }
      guard schema.type == .category, Set(schema.categories).isSubset(of: ["buy", "sell"]) else {
        report.append(
          .error(
            "AX0672", at: side.span, "'side' is buy or sell", hint: "side: {choice: [buy, sell]}"))
        return nil
      }
      order.side = .computed(isBuy(program))
    }
    order.price = number(node["price"], "price", scope)
    order.quantity = number(node["quantity"], "quantity", scope)
    order.filled = target(node["filled"], kind)
    return order
  }

  /// 1 where the program gives the text `buy`.
  private func isBuy(_ program: Program) -> Program {
    var program = program
    let text = program.registers
    program.code.append(.init(op: .constant, out: text, constant: numbers.code("buy")))
    program.code.append(.init(op: .equal, out: text + 1, a: program.result, b: text))
    program.registers += 2
    program.result = text + 1
    return program
  }

  // MARK: Ways through the states

  /// States nobody comes to, agents that go round without time passing, and servers kept for good.
  mutating func checkFlow(_ kind: SimulationModel.Kind) {
    func targets(_ state: SimulationModel.State) -> [SimulationModel.Target] {
      state.next.map(\.to) + [state.givesUp, state.order?.filled].compactMap { $0 }
    }
    func states(_ targets: [SimulationModel.Target]) -> [Int] {
      targets.compactMap { if case .state(let index) = $0 { index } else { nil } }
    }
    guard !kind.states.isEmpty else { return }
    var reached: Set<Int> = [0]
    var open = [0]
    while let index = open.popLast() {
      for next in states(targets(kind.states[index])) where reached.insert(next).inserted {
        open.append(next)
      }
    }
    for (index, state) in kind.states.enumerated() where !reached.contains(index) {
      report.append(
        .error(
          "AX0671", at: state.span, "no way leads to state '\(state.name)'",
          cause: "agents of '\(kind.name)' begin in '\(kind.states[0].name)', the first state"))
    }
    for state in kind.states {
      guard let queue = state.queue, targets(state).isEmpty else { continue }
      report.append(
        .error(
          "AX0671", at: state.span,
          "state '\(state.name)' keeps a server of '\(model.queues[queue].name)' for good",
          cause: "nothing follows it", hint: "stay: {exponential: {mean: 10}} and next: leave"))
    }
    for start in kind.states.indices where isEndless(start, kind) {
      report.append(
        .error(
          "AX0678", at: kind.states[start].span,
          "an agent in state '\(kind.states[start].name)' goes round without time passing",
          cause: "every state on its way is left at once, for one next state",
          hint: "give one of them a 'stay'"))
      return
    }
  }

  /// Whether the only way from a state leads back to it at once.
  private func isEndless(_ start: Int, _ kind: SimulationModel.Kind) -> Bool {
    var index = start
    for _ in kind.states.indices {
      let state = kind.states[index]
      guard state.stay == nil, state.queue == nil, let first = state.routed.first,
        state.next[first].when == nil, state.next[first].value == nil,
        case .state(let next) = state.next[first].to
      else { return false }
      if next == start { return true }
      index = next
    }
    return false
  }
}
