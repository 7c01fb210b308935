import AdmixModel

/// What has a place in a queue: a total order.
protocol QueueOrdered {
  static func precedes(_ a: Self, _ b: Self) -> Bool
}

/// A binary heap; the least comes first.
struct Heap<Element: QueueOrdered> {
  private(set) var elements: [Element] = []

  var first: Element? { elements.first }
  var count: Int { elements.count }

  mutating func push(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard Element.precedes(element, elements[parent]) else { break }
      elements[child] = elements[parent]
      child = parent
    }
    elements[child] = element
  }

  mutating func pop() -> Element? {
    guard let least = elements.first, let last = elements.popLast() else { return nil }
    let count = elements.count
    if count == 0 { return least }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < count else { break }
      if child + 1 < count, Element.precedes(elements[child + 1], elements[child]) { child += 1 }
      guard Element.precedes(elements[child], last) else { break }
      elements[parent] = elements[child]
      parent = child
    }
    elements[parent] = last
    return least
  }

  /// Leaves out what is not wanted any more.
  mutating func filter(_ isWanted: (Element) -> Bool) {
    let kept = elements.filter(isWanted)
    elements = []
    for element in kept { push(element) }
  }
}

/// Something planned.
struct SimulationEvent: QueueOrdered {
  enum What {
    case arrival
    /// The stay is over.
    case stayed
    /// A timed transition of the state the agent is in, by its index.
    case go(Int32)
    /// To the state of the kind with this index, or out where it is negative.
    case sent(Int32)
    case giveUp
    case tick
  }

  var time: Double
  /// By priority, then by kind.
  var rank: Int32
  var slot: Int32
  /// Of the agent; numbers begin at 1.
  var id: Int
  /// In the order of planning.
  var sequence: Int
  var epoch: UInt32
  var what: What

  /// The one order in which things happen: time, priority, kind, agent, and what was planned first.
  static func precedes(_ a: Self, _ b: Self) -> Bool {
    if a.time != b.time { return a.time < b.time }
    if a.rank != b.rank { return a.rank < b.rank }
    if a.id != b.id { return a.id < b.id }
    return a.sequence < b.sequence
  }
}

/// An agent that waits for a server.
struct WaitingAgent: QueueOrdered {
  /// Lower ones are served first; then those that came first.
  var key: Double
  var sequence: Int
  var kind: Int32
  var slot: Int32
  var epoch: UInt32

  static func precedes(_ a: Self, _ b: Self) -> Bool {
    a.key != b.key ? a.key < b.key : a.sequence < b.sequence
  }
}
