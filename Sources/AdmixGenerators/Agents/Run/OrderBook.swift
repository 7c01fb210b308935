/// A limit order book: the best price trades first, at one price the oldest order.
///
/// Prices are whole numbers of ticks. An order that does not trade at once, or not wholly, rests; it
/// trades at its own price with whoever comes. Adding and taking cost O(log orders).
struct OrderBook {
  struct Order {
    var number: Int
    var isBuy: Bool
    /// Nil takes any price, and what is left is dropped.
    var price: Int?
    var quantity: Int
    var kind: Int32
    var slot: Int32
    var agent: Int
    /// Where the agent goes when all of it is traded.
    var filled: SimulationModel.Target?
  }

  struct Trade {
    var price: Int
    var quantity: Int
    var resting: Order
    var isRestingFilled: Bool
  }

  struct Quote: Equatable {
    var price: Int?
    var size: Int
  }

  private struct Place: QueueOrdered {
    var price: Int
    var number: Int
    var isBuy: Bool

    static func precedes(_ a: Self, _ b: Self) -> Bool {
      if a.price != b.price { return a.isBuy ? a.price > b.price : a.price < b.price }
      return a.number < b.number
    }
  }

  private var resting: [Int: Order] = [:]
  private var bids = Heap<Place>()
  private var asks = Heap<Place>()
  private var bidVolume: [Int: Int] = [:]
  private var askVolume: [Int: Int] = [:]
  private(set) var lastPrice: Int?

  var restingOrders: Int { resting.count }

  /// The best price and what is offered at it.
  mutating func quote(isBuy: Bool) -> Quote {
    settle(isBuy: isBuy)
    let price = (isBuy ? bids.first : asks.first)?.price
    return Quote(price: price, size: price.flatMap { (isBuy ? bidVolume : askVolume)[$0] } ?? 0)
  }

  /// Places whose order is gone are passed over, and cleared away when they are most of the heap.
  private mutating func settle(isBuy: Bool) {
    if isBuy {
      while let first = bids.first, resting[first.number] == nil { _ = bids.pop() }
      if bids.count > 2 * resting.count + 64 { bids.filter { resting[$0.number] != nil } }
    } else {
      while let first = asks.first, resting[first.number] == nil { _ = asks.pop() }
      if asks.count > 2 * resting.count + 64 { asks.filter { resting[$0.number] != nil } }
    }
  }

  private mutating func change(_ order: Order, by quantity: Int) {
    guard let price = order.price else { return }
    let left = ((order.isBuy ? bidVolume : askVolume)[price] ?? 0) + quantity
    if order.isBuy {
      bidVolume[price] = left > 0 ? left : nil
    } else {
      askVolume[price] = left > 0 ? left : nil
    }
  }

  /// Trades what can be traded and lets the rest of a limit order rest.
  ///
  /// - Parameter quantity: at least 1.
  /// - Returns: the trades, and how much rests.
  mutating func submit(_ order: Order) -> (trades: [Trade], rests: Int) {
    var open = order.quantity
    var trades: [Trade] = []
    while open > 0 {
      settle(isBuy: !order.isBuy)
      guard let best = order.isBuy ? asks.first : bids.first,
        var other = resting[best.number]
      else { break }
      if let limit = order.price, order.isBuy ? best.price > limit : best.price < limit { break }
      let quantity = min(open, other.quantity)
      open -= quantity
      change(other, by: -quantity)
      other.quantity -= quantity
      resting[other.number] = other.quantity > 0 ? other : nil
      lastPrice = best.price
      trades.append(
        Trade(
          price: best.price, quantity: quantity, resting: other,
          isRestingFilled: other.quantity == 0))
    }
    guard open > 0, let price = order.price else { return (trades, 0) }
    var rest = order
    rest.quantity = open
    resting[order.number] = rest
    change(rest, by: open)
    let place = Place(price: price, number: order.number, isBuy: order.isBuy)
    if order.isBuy { bids.push(place) } else { asks.push(place) }
    return (trades, open)
  }

  /// What was left of the order; nil where it rests no more.
  @discardableResult mutating func cancel(_ number: Int) -> Int? {
    guard let order = resting.removeValue(forKey: number) else { return nil }
    change(order, by: -order.quantity)
    return order.quantity
  }
}
