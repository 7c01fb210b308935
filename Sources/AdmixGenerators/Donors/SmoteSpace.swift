import AdmixModel
import Foundation

/// Where rows lie for each other: numbers as coordinates, and what is added for each level that differs.
///
/// SMOTE-NC's distance: the square is the sum of squared differences of numbers and, for each nominal column
/// that differs, the square of the median of the numbers' standard deviations in the class (Chawla et al.
/// 2002, section 6.1). A missing number lies at the class's mean; missing is a level like others.
struct SmoteSpace {
  private let numbers: [[Double]]
  private let codes: [[Int32]]

  /// - Parameter target: the class does not count for distances within it.
  init(_ table: DonorTable, except target: String) {
    let columns = table.columns.filter { $0.name != target }
    numbers = columns.filter { !$0.isNominal }.map(\.numbers)
    codes = columns.filter(\.isNominal).map(\.codes)
  }

  func group(
    _ name: String, _ members: [Int], _ table: DonorTable, _ count: Int, _ kind: SmoteKind,
    _ isScaled: Bool
  ) -> SmoteFacts.Group {
    let scaled = Scaled(self, members, isScaled)
    var bases = members
    if kind == .borderline {
      let belongs = Set(members)
      let reach = min(10, table.rows - 1)
      let around = scaled.nearest(of: members, among: Array(0..<table.rows), count: reach)
      let danger = members.indices.filter { place in
        let others = around[(place * reach)..<((place + 1) * reach)].count {
          !belongs.contains(Int($0))
        }
        return 2 * others >= reach && others < reach
      }
      // Where no row is in danger, the class is as well apart as it can be, and any row will do.
      if !danger.isEmpty { bases = danger.map { members[$0] } }
    }
    return SmoteFacts.Group(
      name: name, members: members.count, bases: bases.map { Int64($0) },
      neighbours: scaled.nearest(of: bases, among: members, count: count))
  }

  /// All rows with the scale that a class gives them.
  private struct Scaled {
    /// Row after row.
    let points: [Double]
    let levels: [Int32]
    let width: Int
    let nominals: Int
    let penalty: Double

    init(_ space: SmoteSpace, _ members: [Int], _ isScaled: Bool) {
      width = space.numbers.count
      nominals = space.codes.count
      let rows = space.numbers.first?.count ?? space.codes.first?.count ?? 0
      var centers: [Double] = []
      var spreads: [Double] = []
      for column in space.numbers {
        var moments = (count: 0.0, mean: 0.0, squares: 0.0)
        for row in members where !column[row].isNaN {
          moments.count += 1
          let change = column[row] - moments.mean
          moments.mean += change / moments.count
          moments.squares += change * (column[row] - moments.mean)
        }
        centers.append(moments.mean)
        spreads.append(moments.count == 0 ? 0 : (moments.squares / moments.count).squareRoot())
      }
      let scales = spreads.map { isScaled && $0 > 0 ? 1 / $0 : 1 }
      let sorted = zip(spreads, scales).map { $0 * $1 }.sorted()
      let middle =
        sorted.isEmpty
        ? 1 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
      penalty = middle * middle
      // The widest first: it tells soonest that a row is too far.
      let order = (0..<space.numbers.count).sorted {
        (spreads[$0] * scales[$0], $1) > (spreads[$1] * scales[$1], $0)
      }
      var points = [Double](repeating: 0, count: rows * max(1, order.count))
      for (place, index) in order.enumerated() {
        let column = space.numbers[index]
        for row in 0..<rows {
          let value = column[row].isNaN ? centers[index] : column[row]
          points[row * order.count + place] = value * scales[index]
        }
      }
      var levels = [Int32](repeating: 0, count: rows * space.codes.count)
      for (place, column) in space.codes.enumerated() {
        for row in 0..<rows { levels[row * space.codes.count + place] = column[row] }
      }
      self.points = points
      self.levels = levels
    }

    /// The nearest of some rows to each of others, themselves left out: by distance, equals by row.
    ///
    /// Exact. Rows are gone through from the one nearest in the first coordinate outwards, until that
    /// coordinate alone is farther than all that were found.
    func nearest(of bases: [Int], among rows: [Int], count: Int) -> [Int64] {
      let order =
        width == 0
        ? rows
        : rows.sorted {
          (points[$0 * width], $0) < (points[$1 * width], $1)
        }
      let firsts = width == 0 ? [] : order.map { points[$0 * width] }
      let found = Shared([Int64](repeating: 0, count: bases.count * count))
      let portion = 64
      DispatchQueue.concurrentPerform(iterations: (bases.count + portion - 1) / portion) { turn in
        var best: [(distance: Double, row: Int)] = []
        var mine: [Int64] = []
        let range = (turn * portion)..<min(bases.count, (turn + 1) * portion)
        for base in bases[range] {
          best.removeAll(keepingCapacity: true)
          search(base, order, firsts, count, &best)
          mine += best.map { Int64($0.row) }
        }
        found.set(mine, at: range.lowerBound * count)
      }
      return found.values
    }

    private func search(
      _ base: Int, _ order: [Int], _ firsts: [Double], _ count: Int,
      _ best: inout [(distance: Double, row: Int)]
    ) {
      points.withUnsafeBufferPointer { points in
        levels.withUnsafeBufferPointer { levels in
          var worst = Double.infinity
          func look(_ row: Int) {
            if row == base { return }
            var distance = 0.0
            for place in 0..<width {
              let apart = points[base * width + place] - points[row * width + place]
              distance += apart * apart
              if distance > worst { return }
            }
            for place in 0..<nominals
            where levels[base * nominals + place] != levels[row * nominals + place] {
              distance += penalty
              if distance > worst { return }
            }
            if best.count == count, let last = best.last,
              (last.distance, last.row) < (distance, row)
            {
              return
            }
            let at = best.firstIndex { (distance, row) < ($0.distance, $0.row) } ?? best.count
            best.insert((distance, row), at: at)
            if best.count > count { best.removeLast() }
            if best.count == count { worst = best[count - 1].distance }
          }
          guard width > 0 else {
            for row in order { look(row) }
            return
          }
          let own = points[base * width]
          var low = 0
          var high = firsts.count
          while low < high {
            let middle = (low + high) / 2
            if firsts[middle] < own { low = middle + 1 } else { high = middle }
          }
          var (left, right) = (low - 1, low)
          while left >= 0 || right < firsts.count {
            let toLeft = left >= 0 ? own - firsts[left] : .infinity
            let toRight = right < firsts.count ? firsts[right] - own : .infinity
            let least = min(toLeft, toRight)
            if least * least > worst { break }
            if toLeft <= toRight {
              look(order[left])
              left -= 1
            } else {
              look(order[right])
              right += 1
            }
          }
        }
      }
    }
  }
}

/// Parts of an array that several threads fill in.
private final class Shared: @unchecked Sendable {
  private let lock = NSLock()
  private(set) var values: [Int64]

  init(_ values: [Int64]) { self.values = values }

  func set(_ part: [Int64], at start: Int) {
    lock.lock()
    defer { lock.unlock() }
    for (offset, value) in part.enumerated() where start + offset < values.count {
      values[start + offset] = value
    }
  }
}
