package import AdmixData
import AdmixModel

/// Rows of numbers and categories on one scale, so that a distance is a sum of |x − y| capped at 1.
///
/// Gower's distance (Biometrics 27, 1971): numbers over the reference's range, categories equal or
/// not. A missing value is at distance 0 from another missing one and 1 from everything else.
package struct MixedRows: Sendable {
  /// Column by column.
  package var columns: [[Double]]
  package var rows: Int

  /// Stands for a missing value: far from everything, even from itself only by 0.
  private static let missing = 1e300

  /// Brings tables onto the scale of one of them.
  ///
  /// - Parameters:
  ///   - columns: those that every table has; free text is left out.
  ///   - reference: the position of the table whose ranges count.
  package static func encode(_ tables: [Batch], columns: [ComparedColumn], reference: Int)
    -> [MixedRows]
  {
    var out = tables.map { MixedRows(columns: [], rows: $0.rows) }
    for column in columns {
      let found = tables.compactMap { $0[column.name] }
      guard found.count == tables.count, !found.contains(where: { $0.type == .text }) else {
        continue
      }
      let coded = column.isNumber ? scaled(found, reference) : codes(found)
      for index in out.indices { out[index].columns.append(coded[index]) }
    }
    return out
  }

  private static func scaled(_ columns: [Column], _ reference: Int) -> [[Double]] {
    let numbers = columns.map(\.numbers)
    var low = Double.infinity
    var high = -Double.infinity
    for value in numbers[reference] where !value.isNaN {
      low = min(low, value)
      high = max(high, value)
    }
    let range = high - low
    return numbers.map { values in
      values.map { value in
        if value.isNaN { return missing }
        // Without a range a value is either the one that occurs or another.
        return range > 0 ? value / range : value == low ? 0 : 2
      }
    }
  }

  private static func codes(_ columns: [Column]) -> [[Double]] {
    var known: [ExactText: Double] = [:]
    func code(_ text: String) -> Double {
      // Two apart, so that any difference is capped at 1.
      if let code = known[ExactText(text)] { return code }
      let code = Double(known.count) * 2
      known[ExactText(text)] = code
      return code
    }
    return columns.map { column in
      let places: [Double]
      let at: (Int) -> Int
      switch column.values {
      case .category(let codes, let categories):
        places = categories.map(code)
        at = { Int(codes[$0]) }
      case .bool(let bits):
        places = [code("false"), code("true")]
        at = { bits[$0] ? 1 : 0 }
      default:
        places = []
        at = { _ in 0 }
      }
      return (0..<column.count).map {
        column.isMissing($0) || places.isEmpty ? missing : places[at($0)]
      }
    }
  }

  /// The distance of each of our rows to the nearest row of the other table, exactly, as a mean over
  /// the columns; infinite where the other table is empty.
  package func nearest(in other: MixedRows, of range: Range<Int>) -> [Double] {
    let block = 1024
    let width = Double(max(1, columns.count))
    var sums = [Double](repeating: 0, count: block)
    return range.map { row in
      var best = Double.infinity
      for start in stride(from: 0, to: other.rows, by: block) {
        let count = min(block, other.rows - start)
        sums.withUnsafeMutableBufferPointer { sums in
          for index in 0..<count { sums[index] = 0 }
          for column in columns.indices {
            let value = columns[column][row]
            other.columns[column].withUnsafeBufferPointer { candidates in
              // `start + count` is at most the number of rows, as many as each column has.
              for index in 0..<count {
                let distance = abs(candidates[start &+ index] - value)
                sums[index] += distance < 1 ? distance : 1
              }
            }
          }
          for index in 0..<count where sums[index] < best { best = sums[index] }
        }
      }
      return best / width
    }
  }
}

/// Whether synthetic rows lie closer to what was learned from than to rows nobody learned from.
package struct ClosestRecords: Sendable, Equatable {
  package var toTraining: [Double]
  package var toHoldout: [Double]

  package init(toTraining: [Double], toHoldout: [Double]) {
    self.toTraining = toTraining
    self.toHoldout = toHoldout
  }

  /// The share of rows that are closer to the training rows, a tie counting half; 0.5 where nothing
  /// was memorised and both tables have equally many rows.
  package var closerShare: Double? {
    guard !toTraining.isEmpty else { return nil }
    var twice = 0
    for (train, other) in zip(toTraining, toHoldout) {
      twice += train < other ? 2 : train == other ? 1 : 0
    }
    return Double(twice) / Double(2 * toTraining.count)
  }

  package var ties: Int { zip(toTraining, toHoldout).count { $0 == $1 } }

  /// By linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996).
  package static func quantile(_ values: [Double], _ share: Double) -> Double? {
    let sorted = values.sorted()
    guard let last = sorted.last else { return nil }
    let place = share * Double(sorted.count - 1)
    let index = Int(place)
    guard index + 1 < sorted.count else { return last }
    return sorted[index] + (place - Double(index)) * (sorted[index + 1] - sorted[index])
  }
}
