import AdmixData
import AdmixModel

/// The agents of a kind that are in the simulation: a column for each attribute, a slot for each agent.
///
/// A slot is taken again when its agent has left, so memory follows how many agents there are at once. The
/// columns are raw memory that this object allocates, grows and frees; slots come from `add`, columns
/// from the model, so every access is inside.
final class Population {
  let name: String
  /// Tells the random numbers of kinds apart.
  let tag: UInt32
  private let columns: Int
  private let shared: [Int]
  private(set) var capacity: Int
  private var values: UnsafeMutablePointer<Double>
  /// Shared columns as they were when the tick began.
  private var before: UnsafeMutablePointer<Double>
  private let sharedPlace: [Int]
  /// How many random numbers each agent has drawn.
  private(set) var draws: UnsafeMutablePointer<UInt32>
  /// Slots of the neighbours on the road, or -1.
  private(set) var ahead: UnsafeMutablePointer<Int32>
  private(set) var behind: UnsafeMutablePointer<Int32>

  private(set) var isAlive: [Bool] = []
  /// Raised whenever what was planned for an agent no longer holds.
  var epoch: [UInt32] = []
  var state: [Int32] = []
  /// A bit for each queue that the agent has a server of.
  var held: [UInt64] = []
  /// The queue the agent waits in, or -1.
  var waiting: [Int32] = []
  /// The number of the agent's order in each book, or 0.
  var orders: [[Int]] = []
  private let books: Int
  private var free: [Int] = []
  private(set) var living = 0
  private(set) var made = 0
  /// Slots of the living in the order of their ids.
  private(set) var roster: [Int32] = []
  private var rosterIDs: [Double] = []

  /// - Parameter stream: what its random numbers are told apart by; its name unless given.
  init(name: String, stream: String? = nil, columns: Int, shared: [Int], books: Int = 0) {
    self.name = name
    self.columns = columns
    self.shared = shared
    self.books = books
    tag = RandomSource.tag(stream ?? name)
    capacity = 64
    var place = [Int](repeating: 0, count: columns)
    for (index, column) in shared.enumerated() { place[column] = index }
    sharedPlace = place
    values = .allocate(capacity: columns * capacity)
    values.initialize(repeating: .nan, count: columns * capacity)
    before = .allocate(capacity: max(1, shared.count) * capacity)
    before.initialize(repeating: .nan, count: max(1, shared.count) * capacity)
    draws = .allocate(capacity: capacity)
    draws.initialize(repeating: 0, count: capacity)
    ahead = .allocate(capacity: capacity)
    ahead.initialize(repeating: -1, count: capacity)
    behind = .allocate(capacity: capacity)
    behind.initialize(repeating: -1, count: capacity)
  }

  deinit {
    values.deallocate()
    before.deallocate()
    draws.deallocate()
    ahead.deallocate()
    behind.deallocate()
  }

  /// Slots in use or used before.
  var slots: Int { isAlive.count }

  func column(_ index: Int) -> UnsafeMutablePointer<Double> { values + index * capacity }
  func snapshot(_ index: Int) -> UnsafeMutablePointer<Double> {
    before + sharedPlace[index] * capacity
  }

  subscript(column: Int, slot: Int) -> Double {
    get { values[column * capacity + slot] }
    set { values[column * capacity + slot] = newValue }
  }

  /// A slot for a new agent, whose columns are missing but for its number.
  func add() -> Int {
    let slot: Int
    if let last = free.popLast() {
      slot = last
      isAlive[slot] = true
    } else {
      slot = isAlive.count
      if slot == capacity { grow() }
      isAlive.append(true)
      epoch.append(0)
      state.append(-1)
      held.append(0)
      waiting.append(-1)
      if books > 0 { orders.append([Int](repeating: 0, count: books)) }
    }
    for column in 0..<columns { values[column * capacity + slot] = .nan }
    made += 1
    living += 1
    self[OwnColumn.id, slot] = Double(made)
    draws[slot] = 0
    ahead[slot] = -1
    behind[slot] = -1
    state[slot] = -1
    held[slot] = 0
    waiting[slot] = -1
    roster.append(Int32(slot))
    rosterIDs.append(Double(made))
    return slot
  }

  func remove(_ slot: Int) {
    isAlive[slot] = false
    epoch[slot] &+= 1
    living -= 1
    free.append(slot)
    // Those who left are taken off the roster when they are most of it, or at a tick.
    if roster.count > 2 * living + 1_024 { compactRoster() }
  }

  func compactRoster() {
    guard roster.count != living else { return }
    var kept = 0
    for index in roster.indices {
      let slot = Int(roster[index])
      guard isAlive[slot], self[OwnColumn.id, slot] == rosterIDs[index] else { continue }
      roster[kept] = roster[index]
      rosterIDs[kept] = rosterIDs[index]
      kept += 1
    }
    roster.removeLast(roster.count - kept)
    rosterIDs.removeLast(rosterIDs.count - kept)
  }

  /// Notes the columns that neighbours read.
  func takeSnapshot() {
    for column in shared {
      snapshot(column).update(from: self.column(column), count: slots)
    }
  }

  private func grow() {
    let wider = 2 * capacity
    func moved<Element>(
      _ old: UnsafeMutablePointer<Element>, _ rows: Int, _ filler: Element
    ) -> UnsafeMutablePointer<Element> {
      let new = UnsafeMutablePointer<Element>.allocate(capacity: rows * wider)
      new.initialize(repeating: filler, count: rows * wider)
      for row in 0..<rows {
        (new + row * wider).update(from: old + row * capacity, count: capacity)
      }
      old.deallocate()
      return new
    }
    values = moved(values, columns, .nan)
    before = moved(before, max(1, shared.count), .nan)
    draws = moved(draws, 1, 0)
    ahead = moved(ahead, 1, -1)
    behind = moved(behind, 1, -1)
    capacity = wider
  }
}
