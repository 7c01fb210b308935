/// Logistic regression with an L2 penalty on all weights but the intercept, solved exactly.
///
/// Minimises ½·|w|² + C·Σ log(1 + exp(−y·f(x))) by Newton's method (iteratively reweighted least
/// squares) with step halving: convex, so that the result does not depend on how it was found.
package struct LogisticRegression: Sendable {
  package private(set) var intercept = 0.0
  package private(set) var weights: [Double]

  /// - Returns: nil where the rows have one class or the equations cannot be solved.
  package init?(_ rows: LabelledRows, c: Double = 1, iterations: Int = 60) {
    weights = [Double](repeating: 0, count: rows.features)
    let positives = rows.labels.count { $0 }
    guard positives > 0, positives < rows.rows else { return nil }
    let size = rows.features + 1
    var loss = objective(rows, c, intercept, weights)
    for _ in 0..<iterations {
      guard let step = newton(rows, c, size) else { return nil }
      if step.allSatisfy({ abs($0) < 1e-10 }) { return }
      var scale = 1.0
      while scale > 1e-6 {
        let nextIntercept = intercept - scale * step[size - 1]
        let next = weights.indices.map { weights[$0] - scale * step[$0] }
        let nextLoss = objective(rows, c, nextIntercept, next)
        if nextLoss <= loss {
          intercept = nextIntercept
          weights = next
          loss = nextLoss
          break
        }
        scale /= 2
      }
      // No step makes it smaller any more: rounding is what is left.
      if scale <= 1e-6 { return }
    }
  }

  package func scores(_ rows: LabelledRows) -> [Double] {
    (0..<rows.rows).map { Self.sigmoid(margin(rows, $0, intercept, weights)) }
  }

  private func margin(_ rows: LabelledRows, _ row: Int, _ intercept: Double, _ weights: [Double])
    -> Double
  {
    var sum = intercept
    for place in 0..<rows.numericCount {
      sum += weights[place] * rows.numbers[row * rows.numericCount + place]
    }
    for place in 0..<rows.categoricalCount {
      let feature = rows.active[row * rows.categoricalCount + place]
      if feature >= 0 { sum += weights[Int(feature)] }
    }
    return sum
  }

  private static func sigmoid(_ x: Double) -> Double {
    x >= 0
      ? 1 / (1 + PortableMath.exp(-x))
      : { $0 / (1 + $0) }(PortableMath.exp(x))
  }

  private func objective(
    _ rows: LabelledRows, _ c: Double, _ intercept: Double, _ weights: [Double]
  ) -> Double {
    var sum = 0.0
    for row in 0..<rows.rows {
      let margin = margin(rows, row, intercept, weights)
      let signed = rows.labels[row] ? margin : -margin
      // log(1 + exp(−m)) without overflow.
      sum +=
        signed > 0
        ? PortableMath.log(1 + PortableMath.exp(-signed))
        : -signed + PortableMath.log(1 + PortableMath.exp(signed))
    }
    return c * sum + weights.reduce(0) { $0 + $1 * $1 } / 2
  }

  /// The inverse of the second derivative times the first; the intercept is the last one.
  private func newton(_ rows: LabelledRows, _ c: Double, _ size: Int) -> [Double]? {
    var gradient = weights + [0]
    var hessian = [Double](repeating: 0, count: size * size)
    for index in 0..<size - 1 { hessian[index * size + index] = 1 }
    var places = [Int](repeating: 0, count: rows.numericCount + rows.categoricalCount + 1)
    var values = [Double](repeating: 1, count: places.count)
    for row in 0..<rows.rows {
      var count = 0
      for place in 0..<rows.numericCount {
        places[count] = place
        values[count] = rows.numbers[row * rows.numericCount + place]
        count += 1
      }
      for place in 0..<rows.categoricalCount {
        let feature = rows.active[row * rows.categoricalCount + place]
        if feature >= 0 {
          places[count] = Int(feature)
          values[count] = 1
          count += 1
        }
      }
      places[count] = size - 1
      values[count] = 1
      count += 1
      let p = Self.sigmoid(margin(rows, row, intercept, weights))
      let error = c * (p - (rows.labels[row] ? 1 : 0))
      let weight = c * p * (1 - p)
      for a in 0..<count {
        gradient[places[a]] += error * values[a]
        let scaled = weight * values[a]
        for b in 0...a { hessian[places[a] * size + places[b]] += scaled * values[b] }
      }
    }
    // Places rise within a row, so only the lower half was filled.
    for a in 0..<size {
      for b in 0..<a { hessian[b * size + a] = hessian[a * size + b] }
    }
    return SquareMatrix(size: size, values: hessian)?.solve(gradient)
  }
}
