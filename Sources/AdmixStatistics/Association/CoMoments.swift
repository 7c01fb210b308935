/// Counts, means and centred products of pairs of numbers, for Pearson's correlation.
///
/// Rows in which one of the two is missing (NaN) are left out. Blocks of 4,096 rows are summed and
/// merged in order with the update of Chan, Golub and LeVeque (1979), so any cut gives the same bits
/// as long as blocks are merged in the same order.
package struct CoMoments: Sendable, Equatable {
  package var count = 0
  package var meanX = 0.0
  package var meanY = 0.0
  package var xx = 0.0
  package var yy = 0.0
  package var xy = 0.0

  package init() {}

  package init(_ x: [Double], _ y: [Double]) {
    self.init()
    let rows = min(x.count, y.count)
    for start in stride(from: 0, to: rows, by: 4096) {
      merge(CoMoments(block: x, y, start..<min(rows, start + 4096)))
    }
  }

  private init(block x: [Double], _ y: [Double], _ range: Range<Int>) {
    var n = 0
    var sumX = 0.0
    var sumY = 0.0
    for row in range where !x[row].isNaN && !y[row].isNaN {
      n += 1
      sumX += x[row]
      sumY += y[row]
    }
    guard n > 0 else { return }
    count = n
    meanX = sumX / Double(n)
    meanY = sumY / Double(n)
    for row in range where !x[row].isNaN && !y[row].isNaN {
      let dx = x[row] - meanX
      let dy = y[row] - meanY
      xx += dx * dx
      yy += dy * dy
      xy += dx * dy
    }
  }

  package mutating func merge(_ other: CoMoments) {
    guard other.count > 0 else { return }
    guard count > 0 else {
      self = other
      return
    }
    let total = Double(count + other.count)
    let dx = other.meanX - meanX
    let dy = other.meanY - meanY
    let weight = Double(count) * Double(other.count) / total
    xx += other.xx + dx * dx * weight
    yy += other.yy + dy * dy * weight
    xy += other.xy + dx * dy * weight
    meanX += dx * Double(other.count) / total
    meanY += dy * Double(other.count) / total
    count += other.count
  }

  /// Pearson's r; nil where a column does not vary or fewer than two rows have both values.
  package var correlation: Double? {
    guard count >= 2, xx > 0, yy > 0 else { return nil }
    return max(-1, min(1, xy / (xx.squareRoot() * yy.squareRoot())))
  }

  package func write(to out: inout PackedWriter) {
    out.append(count)
    out.append([meanX, meanY, xx, yy, xy])
  }

  package init(from reader: inout PackedReader) throws {
    count = try reader.int()
    let sums = try reader.doubles()
    guard sums.count == 5 else { throw PackedReader.damaged }
    (meanX, meanY, xx, yy, xy) = (sums[0], sums[1], sums[2], sums[3], sums[4])
  }
}
