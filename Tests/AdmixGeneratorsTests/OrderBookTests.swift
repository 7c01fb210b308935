import AdmixData
import AdmixModel
import AdmixTestSupport
import Testing

@testable import AdmixGenerators

@Suite struct OrderBookTests {
  /// A book that looks at every order each time.
  private struct PlainBook {
    var resting: [OrderBook.Order] = []

    mutating func submit(_ order: OrderBook.Order) -> [[Int]] {
      var open = order.quantity
      var trades: [[Int]] = []
      while open > 0 {
        let others = resting.indices.filter { place in
          guard resting[place].isBuy != order.isBuy, let price = resting[place].price else {
            return false
          }
          guard let limit = order.price else { return true }
          return order.isBuy ? price <= limit : price >= limit
        }
        // The best price, then the oldest.
        let best = others.min { a, b in
          let (x, y) = (resting[a], resting[b])
          let (p, q) = (x.price ?? 0, y.price ?? 0)
          return p != q ? (order.isBuy ? p < q : p > q) : x.number < y.number
        }
        guard let best else { break }
        let quantity = min(open, resting[best].quantity)
        open -= quantity
        trades.append([resting[best].price ?? 0, quantity, resting[best].number])
        resting[best].quantity -= quantity
        if resting[best].quantity == 0 { resting.remove(at: best) }
      }
      if open > 0, order.price != nil {
        var rest = order
        rest.quantity = open
        resting.append(rest)
      }
      return trades
    }

    func quote(isBuy: Bool) -> OrderBook.Quote {
      let mine = resting.filter { $0.isBuy == isBuy }
      let price = isBuy ? mine.compactMap(\.price).max() : mine.compactMap(\.price).min()
      return .init(
        price: price, size: mine.filter { $0.price == price }.reduce(0) { $0 + $1.quantity })
    }
  }

  /// Best price first, then the oldest; nothing comes from nowhere, and the book never crosses.
  @Test func tradesAsAPlainBookDoes() {
    forEverySeed { random in
      var book = OrderBook()
      var plain = PlainBook()
      var isRight = true
      var bought = 0
      var sold = 0
      for number in 1...300 {
        if Int.random(in: 0..<4, using: &random) == 0 {
          let gone = Int.random(in: 1...number, using: &random)
          let left = plain.resting.first { $0.number == gone }?.quantity
          plain.resting.removeAll { $0.number == gone }
          isRight = isRight && book.cancel(gone) == left
          continue
        }
        let isMarket = Int.random(in: 0..<8, using: &random) == 0
        let order = OrderBook.Order(
          number: number, isBuy: Bool.random(using: &random),
          price: isMarket ? nil : Int.random(in: -5...5, using: &random),
          quantity: Int.random(in: 1...9, using: &random), kind: 0, slot: 0, agent: 1)
        let made = book.submit(order)
        let trades = made.trades.map { [$0.price, $0.quantity, $0.resting.number] }
        isRight = isRight && trades == plain.submit(order)
        let traded = trades.reduce(0) { $0 + $1[1] }
        if order.isBuy { bought += traded } else { sold += traded }
        isRight = isRight && made.rests == (isMarket ? 0 : order.quantity - traded)
        let bid = book.quote(isBuy: true)
        let ask = book.quote(isBuy: false)
        isRight = isRight && bid == plain.quote(isBuy: true) && ask == plain.quote(isBuy: false)
        if let low = bid.price, let high = ask.price { isRight = isRight && low < high }
      }
      return isRight && bought + sold > 0 && book.restingOrders == plain.resting.count
    }
  }

  /// Zero-intelligence traders who make no loss find nearly all gains there are (Gode and Sunder 1993),
  /// and what one pays the other gets.
  @Test func leavesLittleOfTheGainsFromTrade() throws {
    let text = """
      clock: {until: 400}
      replications: 8
      books: {asset: {tick: 0.01}}
      agents:
        buyer:
          count: 50
          attributes: [{worth: {uniform: {low: 50, high: 150}}}]
          states:
            - thinks: {stay: {exponential: {mean: 4}}, next: offers}
            - offers: {order: {book: asset, side: buy, price: {uniform: {low: 1, high: worth}}, filled: done}, next: thinks}
            - done: {}
        seller:
          count: 50
          attributes: [{cost: {uniform: {low: 50, high: 150}}}]
          states:
            - thinks: {stay: {exponential: {mean: 4}}, next: offers}
            - offers: {order: {book: asset, side: sell, price: {uniform: {low: cost, high: 200}}, filled: done}, next: thinks}
            - done: {}
      tables:
        - trades: {of: asset, on: trade}
        - orders: {of: asset, on: order}
        - quotes: {of: asset, on: quote}
        - buyers: {of: buyer, on: finish, columns: [id, worth, asset.position, asset.cash]}
        - sellers: {of: seller, on: finish, columns: [id, cost, asset.position, asset.cash]}
      """
    let run = try SimulationLaboratory.run(text)
    let buyers = try #require(run["buyers"])
    let sellers = try #require(run["sellers"])
    let trades = try #require(run["trades"])
    let quotes = try #require(run["quotes"])
    var gained = 0.0
    var possible = 0.0
    let (worth, cost) = (try buyers.known("worth"), try sellers.known("cost"))
    let (paid, got) = (try buyers.known("asset.cash"), try sellers.known("asset.cash"))
    let sold = try sellers.known("asset.position")
    let held = try buyers.known("asset.position")
    for period in 0..<8 {
      let mine = period * 50..<(period + 1) * 50
      let best = zip(worth[mine].sorted(by: >), cost[mine].sorted())
      possible += best.reduce(0) { $0 + max(0, $1.0 - $1.1) }
      for agent in mine {
        let buys = held[agent] == 1
        #expect(!buys || worth[agent] >= -paid[agent])
        gained += (buys ? worth[agent] : 0) + paid[agent] + got[agent]
        gained -= sold[agent] == -1 ? cost[agent] : 0
      }
    }
    #expect(gained / possible > 0.93)
    #expect(gained <= possible)
    #expect(abs(paid.reduce(0, +) + got.reduce(0, +)) < 1e-6)
    #expect(Int(held.reduce(0, +)) == trades.batch.rows)
    #expect(abs(try trades.mean("price") - 100) < 5)
    let crossed = zip(try quotes.numbers("bid"), try quotes.numbers("ask")).contains { bid, ask in
      if let bid, let ask { bid >= ask } else { false }
    }
    #expect(!crossed && quotes.batch.rows > 100)
    // What was traded at once, as orders tell it, is what was traded.
    let orders = try #require(run["orders"])
    #expect(try orders.known("traded").reduce(0, +) == Double(trades.batch.rows))
  }
}
