/// Eigenvalues and eigenvectors of a symmetric matrix.
///
/// Householder reduction to tridiagonal form, then QL steps with implicit shifts: `tred2` and `tql2` of
/// Wilkinson and Reinsch (*Handbook for Automatic Computation II*, 1971), as in EISPACK. Only + − × ÷ √
/// in a fixed order, so results are the same bits everywhere. O(size³), a few operations each: a
/// thousand columns take seconds.
package struct SymmetricEigen: Sendable {
  /// In no particular order.
  package let values: [Double]
  /// Column k belongs to value k.
  package var vectors: SquareMatrix { SquareMatrix(size: values.count, transposing: rows) }

  /// Eigenvector k is row k, which is how the inner loops want it.
  private let rows: [Double]

  /// - Parameter matrix: symmetric and finite; only its lower triangle is looked at.
  package init(_ matrix: SquareMatrix) {
    let n = matrix.size
    var values = [Double](repeating: 0, count: n)
    var off = values
    var vectors = matrix.values
    for i in 0..<n {
      for j in 0..<i { vectors[j * n + i] = vectors[i * n + j] }
    }
    if n > 0 {
      values.withUnsafeMutableBufferPointer { d in
        off.withUnsafeMutableBufferPointer { e in
          vectors.withUnsafeMutableBufferPointer { v in
            Self.reduce(n, d, e, v)
            Self.diagonalise(n, d, e, v)
          }
        }
      }
    }
    self.values = values
    rows = vectors
  }

  private typealias Numbers = UnsafeMutableBufferPointer<Double>

  /// To tridiagonal form: d the diagonal, e the one below it from index 1, v the transposed transform.
  private static func reduce(_ n: Int, _ d: Numbers, _ e: Numbers, _ v: Numbers) {
    for j in 0..<n { d[j] = v[j * n + n - 1] }
    for i in stride(from: n - 1, to: 0, by: -1) {
      var scale = 0.0
      var h = 0.0
      for k in 0..<i { scale += d[k].magnitude }
      if scale == 0 {
        e[i] = d[i - 1]
        for j in 0..<i {
          d[j] = v[j * n + i - 1]
          v[j * n + i] = 0
          v[i * n + j] = 0
        }
        d[i] = 0
        continue
      }
      for k in 0..<i {
        d[k] /= scale
        h += d[k] * d[k]
      }
      var f = d[i - 1]
      let g = f > 0 ? -h.squareRoot() : h.squareRoot()
      e[i] = scale * g
      h -= f * g
      d[i - 1] = f - g
      for j in 0..<i { e[j] = 0 }
      for j in 0..<i {
        f = d[j]
        v[i * n + j] = f
        var sum = e[j] + v[j * n + j] * f
        for k in (j + 1)..<max(i, j + 1) {
          sum += v[j * n + k] * d[k]
          e[k] += v[j * n + k] * f
        }
        e[j] = sum
      }
      f = 0
      for j in 0..<i {
        e[j] /= h
        f += e[j] * d[j]
      }
      let half = f / (h + h)
      for j in 0..<i { e[j] -= half * d[j] }
      for j in 0..<i {
        f = d[j]
        let g = e[j]
        for k in j..<i { v[j * n + k] -= f * e[k] + g * d[k] }
        d[j] = v[j * n + i - 1]
        v[j * n + i] = 0
      }
      d[i] = h
    }
    for i in 0..<(n - 1) {
      v[i * n + n - 1] = v[i * n + i]
      v[i * n + i] = 1
      let h = d[i + 1]
      if h != 0 {
        let next = (i + 1) * n
        for k in 0...i { d[k] = v[next + k] / h }
        for j in 0...i {
          var g = 0.0
          for k in 0...i { g += v[next + k] * v[j * n + k] }
          for k in 0...i { v[j * n + k] -= g * d[k] }
        }
      }
      for k in 0...i { v[(i + 1) * n + k] = 0 }
    }
    for j in 0..<n {
      d[j] = v[j * n + n - 1]
      v[j * n + n - 1] = 0
    }
    v[n * n - 1] = 1
    e[0] = 0
  }

  /// From tridiagonal form to eigenvalues in d and eigenvectors in the rows of v.
  private static func diagonalise(_ n: Int, _ d: Numbers, _ e: Numbers, _ v: Numbers) {
    for i in 1..<max(n, 1) { e[i - 1] = e[i] }
    e[n - 1] = 0
    var shift = 0.0
    var size = 0.0
    for l in 0..<n {
      size = max(size, d[l].magnitude + e[l].magnitude)
      var m = l
      while m < n - 1, !(e[m].magnitude <= 0x1p-52 * size) { m += 1 }
      if m > l {
        // Two or three steps are usual; the bound is for matrices with values that are no numbers.
        for _ in 0..<60 {
          var g = d[l]
          var p = (d[l + 1] - g) / (2 * e[l])
          let r = p < 0 ? -(p * p + 1).squareRoot() : (p * p + 1).squareRoot()
          d[l] = e[l] / (p + r)
          d[l + 1] = e[l] * (p + r)
          let next = d[l + 1]
          var h = g - d[l]
          for i in (l + 2)..<max(n, l + 2) { d[i] -= h }
          shift += h
          p = d[m]
          var (c, c2, c3) = (1.0, 1.0, 1.0)
          let before = e[l + 1]
          var (s, s2) = (0.0, 0.0)
          for i in stride(from: m - 1, through: l, by: -1) {
            (c3, c2, s2) = (c2, c, s)
            g = c * e[i]
            h = c * p
            let r = (p * p + e[i] * e[i]).squareRoot()
            e[i + 1] = s * r
            s = e[i] / r
            c = p / r
            p = c * d[i] - s * g
            d[i + 1] = h + s * (c * g + s * d[i])
            let (upper, lower) = (i * n, (i + 1) * n)
            for k in 0..<n {
              let (x, y) = (v[upper + k], v[lower + k])
              v[lower + k] = s * x + c * y
              v[upper + k] = c * x - s * y
            }
          }
          p = -s * s2 * c3 * before * e[l] / next
          e[l] = s * p
          d[l] = c * p
          if !(e[l].magnitude > 0x1p-52 * size) { break }
        }
      }
      d[l] += shift
      e[l] = 0
    }
  }

  /// The matrix with every eigenvalue at least `floor`.
  package func rebuilt(floor: Double) -> SquareMatrix {
    let n = values.count
    // Σ λ_k·v_k·v_kᵀ, a vector at a time.
    var out = [Double](repeating: 0, count: n * n)
    out.withUnsafeMutableBufferPointer { out in
      rows.withUnsafeBufferPointer { rows in
        for k in 0..<n {
          let value = max(values[k], floor)
          for i in 0..<n {
            let weight = value * rows[k * n + i]
            for j in 0...i { out[i * n + j] += weight * rows[k * n + j] }
          }
        }
        for i in 0..<n {
          for j in 0..<i { out[j * n + i] = out[i * n + j] }
        }
      }
    }
    var matrix = SquareMatrix(size: n)
    matrix.values = out
    return matrix
  }
}

extension SquareMatrix {
  /// - Parameter rows: `size` times `size` values, column after column.
  fileprivate init(size: Int, transposing rows: [Double]) {
    self.init(size: size)
    for i in 0..<size {
      for j in 0..<size { values[i * size + j] = rows[j * size + i] }
    }
  }
}
