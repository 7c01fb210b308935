import Synchronization

/// Items from many threads for one reader, who gets all that have gathered since the last time.
final class Portions<Item: Sendable>: Sendable {
  private let items = Mutex<[Item]>([])
  private let signal: AsyncStream<Void>
  private let wake: AsyncStream<Void>.Continuation

  init() { (signal, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  func put(_ item: Item) {
    items.withLock { $0.append(item) }
    wake.yield()
  }

  /// No more will come.
  func close() { wake.finish() }

  /// Waits for at least one; nil when there are none and none will come.
  func next() async -> [Item]? {
    while true {
      let some = items.withLock { items in
        defer { items = [] }
        return items
      }
      if !some.isEmpty { return some }
      var iterator = signal.makeAsyncIterator()
      guard await iterator.next() != nil else {
        // Something may have come between the look and the end.
        let last = items.withLock { items in
          defer { items = [] }
          return items
        }
        return last.isEmpty ? nil : last
      }
    }
  }
}
