/// A small dense square matrix of doubles, row after row.
///
/// All of its arithmetic is + − × ÷ √ in a fixed order, so results are the same bits everywhere.
package struct SquareMatrix: Hashable, Sendable {
  package let size: Int
  package var values: [Double]

  package init(size: Int, repeating value: Double = 0) {
    self.size = size
    values = Array(repeating: value, count: size * size)
  }

  /// - Parameter values: `size` times `size` of them, else nothing is made.
  package init?(size: Int, values: [Double]) {
    guard values.count == size * size else { return nil }
    self.size = size
    self.values = values
  }

  package static func identity(_ size: Int) -> SquareMatrix {
    var matrix = SquareMatrix(size: size)
    for i in 0..<size { matrix[i, i] = 1 }
    return matrix
  }

  package subscript(row: Int, column: Int) -> Double {
    get { values[row * size + column] }
    set { values[row * size + column] = newValue }
  }

  /// Rows and columns in another order, or only some of them.
  package func selecting(_ order: [Int]) -> SquareMatrix {
    var out = SquareMatrix(size: order.count)
    for (i, a) in order.enumerated() {
      for (j, b) in order.enumerated() { out[i, j] = self[a, b] }
    }
    return out
  }

  /// The lower triangle L with L·Lᵀ = self; nil where the matrix is not positive definite.
  package var cholesky: SquareMatrix? {
    var lower = SquareMatrix(size: size)
    for i in 0..<size {
      for j in 0...i {
        var sum = self[i, j]
        for k in 0..<j { sum -= lower[i, k] * lower[j, k] }
        if i == j {
          guard sum > 1e-13 else { return nil }
          lower[i, i] = sum.squareRoot()
        } else {
          lower[i, j] = sum / lower[j, j]
        }
      }
    }
    return lower
  }

  /// Solves self·x = b where self is positive definite; nil where it is not.
  package func solve(_ b: [Double]) -> [Double]? {
    guard b.count == size, let lower = cholesky else { return nil }
    return lower.solveLowerTransposed(lower.solveLower(b))
  }

  /// Solves L·x = b for a lower triangle; b has `size` elements.
  package func solveLower(_ b: [Double]) -> [Double] {
    var x = b
    for i in 0..<size {
      for j in 0..<i { x[i] -= self[i, j] * x[j] }
      x[i] /= self[i, i]
    }
    return x
  }

  private func solveLowerTransposed(_ b: [Double]) -> [Double] {
    var x = b
    for i in stride(from: size - 1, through: 0, by: -1) {
      for j in (i + 1)..<max(size, i + 1) { x[i] -= self[j, i] * x[j] }
      x[i] /= self[i, i]
    }
    return x
  }

  /// The inverse of a positive definite matrix; nil where it is none.
  package var inverse: SquareMatrix? {
    guard let lower = cholesky else { return nil }
    var out = SquareMatrix(size: size)
    for column in 0..<size {
      var unit = [Double](repeating: 0, count: size)
      unit[column] = 1
      let x = lower.solveLowerTransposed(lower.solveLower(unit))
      for row in 0..<size { out[row, column] = x[row] }
    }
    return out
  }
}
