import AdmixStatistics

/// The lower triangle L with L·Lᵀ = A of a matrix that may be singular, such as the covariance of columns that
/// add up to one of them.
///
/// Cholesky's method, leaving out what those before it determine: such a variable has no pivot.
struct SemidefiniteFactor: Sendable {
  let lower: SquareMatrix
  /// Whether a variable is determined by those before it.
  let isDetermined: [Bool]

  /// A variable whose variance shrinks to this share of itself, given those before it, is determined by them.
  static let tolerance = 1e-10

  init(_ matrix: SquareMatrix) {
    let size = matrix.size
    var values = [Double](repeating: 0, count: size * size)
    var determined = [Bool](repeating: false, count: size)
    values.withUnsafeMutableBufferPointer { lower in
      for i in 0..<size {
        let row = i * size
        // A variance below zero is one of zero that was rounded; such a variable does not vary.
        guard matrix[i, i] > 0 else {
          determined[i] = true
          continue
        }
        for j in 0..<i where !determined[j] {
          var sum = matrix[i, j]
          for k in 0..<j { sum -= lower[row + k] * lower[j * size + k] }
          lower[row + j] = sum / lower[j * size + j]
        }
        var pivot = matrix[i, i]
        for k in 0..<i { pivot -= lower[row + k] * lower[row + k] }
        if pivot > Self.tolerance * matrix[i, i] {
          lower[row + i] = pivot.squareRoot()
        } else {
          determined[i] = true
        }
      }
    }
    var out = SquareMatrix(size: size)
    out.values = values
    lower = out
    isDetermined = determined
  }

  /// L⁻¹·b over the variables that are not determined, 0 for the others.
  func forward(_ b: [Double]) -> [Double] {
    var x = [Double](repeating: 0, count: b.count)
    for i in x.indices where !isDetermined[i] {
      var sum = b[i]
      for j in 0..<i { sum -= lower[i, j] * x[j] }
      x[i] = sum / lower[i, i]
    }
    return x
  }

  /// The x with A·x = b that is 0 for determined variables; the least squares of normal equations.
  func solve(_ b: [Double]) -> [Double] {
    var x = forward(b)
    for i in stride(from: x.count - 1, through: 0, by: -1) where !isDetermined[i] {
      var sum = x[i]
      for j in (i + 1)..<max(x.count, i + 1) where !isDetermined[j] { sum -= lower[j, i] * x[j] }
      x[i] = sum / lower[i, i]
    }
    return x
  }

  /// L·z: from independent standard normal numbers, numbers with the covariance A.
  func correlated(_ z: [Double]) -> [Double] {
    let size = lower.size
    var out = [Double](repeating: 0, count: size)
    lower.values.withUnsafeBufferPointer { lower in
      for i in 0..<size {
        var sum = 0.0
        for j in 0...i { sum += lower[i * size + j] * z[j] }
        out[i] = sum
      }
    }
    return out
  }

  /// The logarithm of the determinant over the variables that are not determined.
  func logDeterminant(of kept: [Bool]) -> Double {
    var sum = 0.0
    for i in kept.indices where kept[i] && !isDetermined[i] {
      sum += 2 * PortableMath.log(lower[i, i])
    }
    return sum
  }
}
