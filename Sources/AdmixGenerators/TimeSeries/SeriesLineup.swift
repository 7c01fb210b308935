import AdmixData
import AdmixModel
import Synchronization

/// Which series follows which: how long each is, and whose kind and start it has.
final class SeriesLineup: Sendable {
  private let random: RandomSource
  private let lengths: [Int]
  /// Whether there is but one series, which goes on.
  private let isEndless: Bool
  /// The kinds that may come, and up to each how many series of the training data are of one.
  private let kinds: [Int]
  private let counts: [Int]
  /// The first row of every 1,024th series, as far as they were looked at.
  private let firsts = Mutex<[Int]>([0])

  private static let stride = 1024

  init(_ model: SeriesModel, _ request: SamplingRequest) throws {
    random = request.random("lineup")
    lengths = model.lengths
    isEndless = model.entity == nil
    let allowed = try SeriesConditions(model, request.conditions).kinds
    kinds = allowed
    var total = 0
    counts = allowed.map { index in
      total += model.kinds[index].count
      return total
    }
  }

  /// Whose kind and whose start and length a series has.
  func descent(of series: Int) -> (kind: Int, donor: Int) {
    let (first, second) = random.uniforms(row: UInt64(series), tag: 0)
    let place = Int(first * Double(counts.last ?? 0))
    var (low, high) = (0, counts.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if counts[middle] > place { high = middle } else { low = middle + 1 }
    }
    return (kinds[low], min(lengths.count - 1, Int(second * Double(lengths.count))))
  }

  private func length(of series: Int) -> Int { lengths[descent(of: series).donor] }

  /// The series of a row, and how many steps after its first.
  func place(of row: Int) -> (series: Int, step: Int) {
    if isEndless { return (0, row) }
    return firsts.withLock { firsts in
      while let last = firsts.last, last <= row {
        firsts.append(last + length(ofRun: firsts.count - 1))
      }
      var (low, high) = (0, firsts.count - 1)
      while low + 1 < high {
        let middle = (low + high) / 2
        if firsts[middle] <= row { low = middle } else { high = middle }
      }
      var series = low * Self.stride
      var first = firsts[low]
      while true {
        let length = length(of: series)
        if row < first + length { return (series, row - first) }
        first += length
        series += 1
      }
    }
  }

  private func length(ofRun run: Int) -> Int {
    ((run * Self.stride)..<((run + 1) * Self.stride)).reduce(0) { $0 + length(of: $1) }
  }

  /// How many rows so many series have together.
  func rows(of series: Int) -> Int {
    isEndless ? series : (0..<series).reduce(0) { $0 + length(of: $1) }
  }
}
