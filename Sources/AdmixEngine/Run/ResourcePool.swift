import Synchronization

/// What a machine has for tasks, handed out so that no more is in use than there is.
///
/// What most rests on is served first, and of equals who asked first. What the first in the queue lacks is
/// kept for it; others may go ahead of it with the rest, so that nothing large waits for ever and nothing
/// lies idle for it.
final class ResourcePool: Sendable {
  private struct Waiting {
    var demand: Resources
    var rank: Int
    var continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var free: Resources
    var queue: [Waiting] = []
  }

  private let capacity: Resources
  private let state: Mutex<State>

  init(_ capacity: Resources) {
    self.capacity = capacity
    state = Mutex(State(free: capacity))
  }

  /// Waits until there is enough; more than there is at all counts as all there is.
  ///
  /// - Parameter rank: how long the longest row of stages is that waits for this one.
  func take(_ wanted: Resources, rank: Int) async {
    let demand = wanted.clamped(to: capacity)
    await withCheckedContinuation { continuation in
      let isServed = state.withLock { state in
        guard state.queue.isEmpty, demand.fits(state.free) else {
          let place = state.queue.firstIndex { $0.rank < rank } ?? state.queue.endIndex
          state.queue.insert(
            Waiting(demand: demand, rank: rank, continuation: continuation), at: place)
          return false
        }
        state.free.take(demand)
        return true
      }
      if isServed { continuation.resume() } else { serve(giving: nil) }
    }
  }

  func give(_ wanted: Resources) { serve(giving: wanted.clamped(to: capacity)) }

  private func serve(giving back: Resources?) {
    let served = state.withLock { state in
      if let back { state.free.give(back) }
      var open = state.free
      var served: [CheckedContinuation<Void, Never>] = []
      state.queue.removeAll { waiting in
        guard waiting.demand.fits(open) else {
          open.withhold(whatLacksFor: waiting.demand)
          return false
        }
        open.take(waiting.demand)
        state.free.take(waiting.demand)
        served.append(waiting.continuation)
        return true
      }
      return served
    }
    for continuation in served { continuation.resume() }
  }
}
