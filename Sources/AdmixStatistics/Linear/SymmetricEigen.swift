/// Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations.
///
/// Golub and Van Loan, *Matrix Computations*, §8.5. Slower than tridiagonal methods, accurate to the
/// last digits, and in a fixed order. O(size³) for each of about ten sweeps.
package struct SymmetricEigen: Sendable {
  /// In no particular order.
  package let values: [Double]
  /// Column k belongs to value k.
  package let vectors: SquareMatrix

  package init(_ matrix: SquareMatrix) {
    let n = matrix.size
    var a = matrix.values
    var v = SquareMatrix.identity(n).values
    for _ in 0..<60 {
      var off = 0.0
      var all = 0.0
      for i in 0..<n {
        for j in 0..<n {
          let square = a[i * n + j] * a[i * n + j]
          all += square
          if i != j { off += square }
        }
      }
      if off <= 1e-30 * all { break }
      for p in 0..<n {
        for q in (p + 1)..<max(n, p + 1) {
          let apq = a[p * n + q]
          if apq == 0 { continue }
          let theta = (a[q * n + q] - a[p * n + p]) / (2 * apq)
          let t = (theta >= 0 ? 1 : -1) / (theta.magnitude + (theta * theta + 1).squareRoot())
          let c = 1 / (t * t + 1).squareRoot()
          let s = t * c
          a.withUnsafeMutableBufferPointer { a in
            for k in 0..<n {
              let x = a[k * n + p]
              let y = a[k * n + q]
              a[k * n + p] = c * x - s * y
              a[k * n + q] = s * x + c * y
            }
            for k in 0..<n {
              let x = a[p * n + k]
              let y = a[q * n + k]
              a[p * n + k] = c * x - s * y
              a[q * n + k] = s * x + c * y
            }
          }
          v.withUnsafeMutableBufferPointer { v in
            for k in 0..<n {
              let x = v[k * n + p]
              let y = v[k * n + q]
              v[k * n + p] = c * x - s * y
              v[k * n + q] = s * x + c * y
            }
          }
        }
      }
    }
    values = (0..<n).map { a[$0 * n + $0] }
    var vectors = SquareMatrix(size: n)
    vectors.values = v
    self.vectors = vectors
  }

  /// The matrix with every eigenvalue at least `floor`.
  package func rebuilt(floor: Double) -> SquareMatrix {
    let n = vectors.size
    var out = SquareMatrix(size: n)
    for i in 0..<n {
      for j in 0...i {
        var sum = 0.0
        for k in 0..<n { sum += vectors[i, k] * max(values[k], floor) * vectors[j, k] }
        out[i, j] = sum
        out[j, i] = sum
      }
    }
    return out
  }
}
