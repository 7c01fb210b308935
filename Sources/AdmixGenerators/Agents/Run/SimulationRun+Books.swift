import AdmixModel

extension SimulationRun {
  /// Notes the best prices, for expressions; whether they changed.
  @discardableResult func noteQuotes(_ book: Int) -> Bool {
    let place = model.globals.books[book]
    let tick = model.books[book].tick
    let bid = books[book].quote(isBuy: true)
    let ask = books[book].quote(isBuy: false)
    let now = [
      price(bid.price, tick), price(ask.price, tick), Double(bid.size), Double(ask.size),
      price(books[book].lastPrice, tick),
    ]
    var isOther = false
    for (index, value) in now.enumerated() {
      let old = evaluator.globals[place + index]
      if index < 4, old != value, !(old.isNaN && value.isNaN) { isOther = true }
      evaluator.globals[place + index] = value
    }
    return isOther
  }

  /// A price from its ticks; a decimal tick divides by its inverse, so that 0.01 gives cents exactly.
  private func price(_ ticks: Int?, _ tick: Double) -> Double {
    guard let ticks else { return .nan }
    let inverse = (1 / tick).rounded()
    return tick < 1 && abs(inverse * tick - 1) < 1e-12
      ? Double(ticks) / inverse : Double(ticks) * tick
  }

  private func logQuotes(_ book: Int) throws {
    guard noteQuotes(book) else { return }
    let place = model.globals.books[book]
    let values = evaluator.globals
    try log(.quote, book: book) { column in
      switch column {
      case 0: values[GlobalLayout.time]
      case 1: values[GlobalLayout.moment]
      default: values[place + column - 2]
      }
    }
  }

  /// Takes an agent's order off a book, if one rests there.
  func cancel(_ book: Int, _ kind: Int, _ slot: Int) throws {
    let number = populations[kind].orders[slot][book]
    guard number != 0 else { return }
    populations[kind].orders[slot][book] = 0
    if books[book].cancel(number) != nil { try logQuotes(book) }
  }

  /// Sends an order to a book; one of the agent's that rests there is replaced.
  func submit(_ order: SimulationModel.Order, _ kind: Int, _ slot: Int) throws {
    let population = populations[kind]
    let tick = model.books[order.book].tick
    let isBuy: Bool
    switch order.side {
    case .buy: isBuy = true
    case .sell: isBuy = false
    case .computed(let program): isBuy = evaluator.value(program, population, slot) == 1
    }
    let quantity = order.quantity.map { evaluator.value($0, population, slot) } ?? 1
    let limit = order.price.map { evaluator.value($0, population, slot) }
    try evaluator.check()
    func invalid(_ fact: String, _ program: Program?) -> Diagnostic {
      .error(
        "AX0676", at: program?.span ?? order.span, fact,
        cause:
          "for agent \(Int(population[OwnColumn.id, slot])) of '\(population.name)' at time \(time)",
        hint: "keep it in range with max(…), min(…) or coalesce(…)")
    }
    guard quantity >= 1, quantity <= 1e12 else {
      throw invalid("a quantity is less than 1, missing or too large", order.quantity)
    }
    var ticks: Int?
    if let limit {
      guard let whole = Int(exactly: (limit / tick).rounded()), abs(limit / tick) < 1e15 else {
        throw invalid("a price is missing or too large", order.price)
      }
      ticks = whole
    }
    try cancel(order.book, kind, slot)
    let number = nextOrder
    nextOrder += 1
    let units = Int(quantity.rounded(.down))
    let made = books[order.book].submit(
      .init(
        number: number, isBuy: isBuy, price: ticks, quantity: units, kind: Int32(kind),
        slot: Int32(slot), agent: Int(population[OwnColumn.id, slot]), filled: order.filled))
    let traded = made.trades.reduce(0) { $0 + $1.quantity }
    let values = evaluator.globals
    try log(.order, book: order.book) { column in
      switch column {
      case 0: values[GlobalLayout.time]
      case 1: values[GlobalLayout.moment]
      case 2: Double(number)
      case 3: model.kindCodes[kind]
      case 4: population[OwnColumn.id, slot]
      case 5: isBuy ? model.buyCode : model.sellCode
      case 6: price(ticks, tick)
      case 7: Double(units)
      default: Double(traded)
      }
    }
    if made.rests > 0 { population.orders[slot][order.book] = number }
    for trade in made.trades {
      try settle(trade, order.book, isBuy: isBuy, number, kind, slot)
    }
    try logQuotes(order.book)
    if traded == units { sent(order.filled, kind, slot) }
  }

  /// Moves units and money, and notes the trade.
  private func settle(
    _ trade: OrderBook.Trade, _ book: Int, isBuy: Bool, _ number: Int, _ kind: Int, _ slot: Int
  ) throws {
    let other = populations[Int(trade.resting.kind)]
    let otherSlot = Int(trade.resting.slot)
    let mine = populations[kind]
    let paid = price(trade.price, model.books[book].tick)
    let units = Double(trade.quantity) * (isBuy ? 1 : -1)
    mine[OwnColumn.position(book), slot] += units
    mine[OwnColumn.cash(book), slot] -= units * paid
    other[OwnColumn.position(book), otherSlot] -= units
    other[OwnColumn.cash(book), otherSlot] += units * paid
    let tradeNumber = nextTrade
    nextTrade += 1
    let values = evaluator.globals
    let myID = mine[OwnColumn.id, slot]
    let otherID = Double(trade.resting.agent)
    let (otherKind, otherNumber) = (Int(trade.resting.kind), trade.resting.number)
    try log(.trade, book: book) { column in
      switch column {
      case 0: values[GlobalLayout.time]
      case 1: values[GlobalLayout.moment]
      case 2: Double(tradeNumber)
      case 3: paid
      case 4: Double(trade.quantity)
      case 5: isBuy ? model.buyCode : model.sellCode
      case 6: model.kindCodes[isBuy ? kind : otherKind]
      case 7: isBuy ? myID : otherID
      case 8: Double(isBuy ? number : otherNumber)
      case 9: model.kindCodes[isBuy ? otherKind : kind]
      case 10: isBuy ? otherID : myID
      default: Double(isBuy ? otherNumber : number)
      }
    }
    if trade.isRestingFilled {
      other.orders[otherSlot][book] = 0
      sent(trade.resting.filled, otherKind, otherSlot)
    }
  }

  private func sent(_ target: SimulationModel.Target?, _ kind: Int, _ slot: Int) {
    guard let target else { return }
    let index: Int32 = if case .state(let state) = target { Int32(state) } else { -1 }
    plan(.sent(index), after: 0, kind, slot)
  }
}
