extension SquareMatrix {
  /// A positive definite correlation matrix near this symmetric one.
  ///
  /// Alternating projections with Dykstra's correction: Higham, "Computing the nearest correlation
  /// matrix" (IMA Journal of Numerical Analysis 22, 2002). A matrix that is positive definite with a
  /// unit diagonal already comes back as it is. The last step floors the eigenvalues and scales the
  /// diagonal back to 1, so the result can always be factored.
  package func nearestCorrelation(floor: Double = 1e-6, iterations: Int = 60) -> SquareMatrix {
    var start = self
    for i in 0..<size { start[i, i] = 1 }
    if start.hasEigenvaluesAbove(floor) { return start }
    var y = start
    var correction = SquareMatrix(size: size)
    for _ in 0..<iterations {
      var r = y
      for k in r.values.indices { r.values[k] -= correction.values[k] }
      let x = SymmetricEigen(r).rebuilt(floor: floor)
      var change = 0.0
      for k in r.values.indices { correction.values[k] = x.values[k] - r.values[k] }
      var next = x
      for i in 0..<size { next[i, i] = 1 }
      for k in next.values.indices {
        change = max(change, (next.values[k] - y.values[k]).magnitude)
      }
      y = next
      if change < 1e-8 { break }
    }
    var result = SymmetricEigen(y).rebuilt(floor: floor)
    let scale = (0..<size).map { 1 / result[$0, $0].squareRoot() }
    for i in 0..<size {
      for j in 0..<size { result[i, j] = i == j ? 1 : result[i, j] * scale[i] * scale[j] }
    }
    return result
  }

  private func hasEigenvaluesAbove(_ floor: Double) -> Bool {
    var shifted = self
    for i in 0..<size { shifted[i, i] -= floor }
    return shifted.cholesky != nil
  }
}
