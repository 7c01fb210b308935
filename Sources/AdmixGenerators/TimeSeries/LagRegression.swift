import AdmixStatistics

/// Least squares of a vector autoregression, over rows whose lags are all there.
///
/// Lütkepohl (2005), sections 3.2 and 3.3 (3.3.9 for the mean-adjusted process) and 4.3 for the order.
struct LagRegression {
  /// Row after row, with mean 0; NaN is missing.
  let values: [Double]
  let size: Int
  /// By row: how many rows in a row, up to this one and with it, have all values.
  let runs: [Int]

  /// How a criterion judged the orders from 0.
  struct Selection: Hashable, Sendable, Codable {
    var criterion: String
    /// By order, without the lags that are there in any case; lower is better.
    var values: [Double]
    /// How many rows all orders were compared over.
    var rows: Int

    /// The order with the lowest value; the first of equals.
    var taken: Int {
      values.indices.reduce(0) { values[$1] < values[$0] ? $1 : $0 }
    }
  }

  /// - Parameters:
  ///   - columns: with mean 0; NaN is missing.
  ///   - follows: by row: whether it is one step after the row before it in the same series.
  init(_ columns: [[Double]], follows: [Bool]) {
    size = columns.count
    var values = [Double](repeating: 0, count: columns.count * follows.count)
    var runs = [Int](repeating: 0, count: follows.count)
    for row in follows.indices {
      var isWhole = true
      for (index, column) in columns.enumerated() {
        values[row * columns.count + index] = column[row]
        if column[row].isNaN { isWhole = false }
      }
      runs[row] = isWhole ? (follows[row] && row > 0 ? runs[row - 1] : 0) + 1 : 0
    }
    self.values = values
    self.runs = runs
  }

  /// How many rows have so many rows before them.
  func count(reach: Int) -> Int { runs.count { $0 > reach } }

  /// Whether there are rows enough to estimate these lags: three for each coefficient of an equation.
  func suffices(_ lags: [Int]) -> Bool {
    count(reach: lags.max() ?? 0) >= 3 * size * lags.count + size + 1
  }

  /// Sums of products: of the lags, of lags and values, and of values.
  private struct Products {
    var lags: SquareMatrix
    /// By column of the values.
    var mixed: [[Double]]
    var values: SquareMatrix
    var rows: Int
  }

  private func products(_ lags: [Int]) -> Products {
    let steps = [0] + lags
    let reach = lags.max() ?? 0
    let width = size * steps.count
    // The value itself comes first, then its lags: one matrix of sums.
    var total = [Double](repeating: 0, count: width * width)
    var block = total
    var row = [Double](repeating: 0, count: width)
    var rows = 0
    values.withUnsafeBufferPointer { values in
      row.withUnsafeMutableBufferPointer { row in
        block.withUnsafeMutableBufferPointer { block in
          total.withUnsafeMutableBufferPointer { total in
            for at in runs.indices where runs[at] > reach {
              for (place, step) in steps.enumerated() {
                for k in 0..<size { row[place * size + k] = values[(at - step) * size + k] }
              }
              for i in 0..<width {
                let x = row[i]
                let place = i * width
                for j in 0...i { block[place + j] += x * row[j] }
              }
              rows += 1
              if rows % 4096 == 0 { Self.move(block, to: total) }
            }
            Self.move(block, to: total)
          }
        }
      }
    }
    var out = Products(
      lags: SquareMatrix(size: size * lags.count), mixed: [], values: SquareMatrix(size: size),
      rows: rows
    )
    for i in 0..<width {
      for j in 0...i where j >= size {
        out.lags[i - size, j - size] = total[i * width + j]
        out.lags[j - size, i - size] = total[i * width + j]
      }
    }
    for i in 0..<size {
      for j in 0...i {
        out.values[i, j] = total[i * width + j]
        out.values[j, i] = total[i * width + j]
      }
      out.mixed.append((size..<max(width, size)).map { total[$0 * width + i] })
    }
    return out
  }

  private static func move(
    _ block: UnsafeMutableBufferPointer<Double>, to total: UnsafeMutableBufferPointer<Double>
  ) {
    for place in block.indices {
      total[place] += block[place]
      block[place] = 0
    }
  }

  /// The autoregression with these lags, rising; all zeros where nothing is there to estimate from.
  func fit(_ lags: [Int]) -> Autoregression {
    let products = products(lags)
    let factor = SemidefiniteFactor(products.lags)
    let solutions = products.mixed.map(factor.solve)
    var out = Autoregression(
      size: size, lags: lags, coefficients: [], covariance: [], rows: products.rows)
    for place in lags.indices {
      for i in 0..<size {
        for j in 0..<size { out.coefficients.append(solutions[i][place * size + j]) }
      }
    }
    // As many rows as are left after the coefficients of an equation (Lütkepohl 3.2.19).
    let estimated = factor.isDetermined.count { !$0 }
    let freedom = Double(max(1, products.rows - estimated))
    for i in 0..<size {
      for j in 0..<size {
        var sum = products.values[i, j]
        for k in 0..<(size * lags.count) { sum -= solutions[i][k] * products.mixed[j][k] }
        out.covariance.append(sum / freedom)
      }
    }
    for i in 0..<size {
      for j in 0..<i {
        let middle = 0.5 * (out.covariance[i * size + j] + out.covariance[j * size + i])
        out.covariance[i * size + j] = middle
        out.covariance[j * size + i] = middle
      }
    }
    return out
  }

  /// What of each row with all lags a process does not tell from them: row after row, with mean 0.
  func residuals(of process: Autoregression) -> [Double] {
    var out: [Double] = []
    var sums = [Double](repeating: 0, count: size)
    var rows = 0
    for at in runs.indices where runs[at] > process.reach {
      rows += 1
      for i in 0..<size {
        var rest = values[at * size + i]
        for (place, lag) in process.lags.enumerated() {
          for j in 0..<size { rest -= process[place, i, j] * values[(at - lag) * size + j] }
        }
        sums[i] += rest
        out.append(rest)
      }
    }
    for place in out.indices { out[place] -= sums[place % size] / Double(max(1, rows)) }
    return out
  }

  /// Judges all orders up to one over the same rows: those that have all lags of the largest, and others that are
  /// there in any case.
  ///
  /// ln|Σ̃| + c·p·K²/T with the maximum likelihood covariance Σ̃; c is 2 for AIC and ln T for BIC (Lütkepohl 4.3.2
  /// and 4.3.9). Columns that others determine are left out of the determinant, the same ones in each order.
  func selection(
    upTo most: Int, also others: [Int], by criterion: SeriesOptions.Criterion
  ) -> Selection {
    // The others first: the factor of a matrix holds that of each of its beginnings.
    let products = products(others + Array(1..<(most + 1)))
    let factor = SemidefiniteFactor(products.lags)
    let z = products.mixed.map(factor.forward)
    let rows = Double(max(1, products.rows))
    var rest = products.values
    var kept: [Bool]?
    var values: [Double] = []
    var taken = 0
    for order in 0...most {
      let count = (others.count + order) * size
      for k in taken..<count {
        for i in 0..<size {
          for j in 0..<size { rest[i, j] -= z[i][k] * z[j][k] }
        }
      }
      taken = count
      var covariance = rest
      for place in covariance.values.indices { covariance.values[place] /= rows }
      let factor = SemidefiniteFactor(covariance)
      let those = kept ?? factor.isDetermined.map { !$0 }
      kept = those
      let weight = criterion == .aic ? 2 : PortableMath.log(rows)
      values.append(factor.logDeterminant(of: those) + weight * Double(count * size) / rows)
    }
    return Selection(criterion: criterion.rawValue, values: values, rows: products.rows)
  }
}
