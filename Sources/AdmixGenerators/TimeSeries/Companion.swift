import AdmixStatistics

/// The companion form of a vector autoregression, which says whether it is stable and how its states vary.
///
/// U_t = F·U_{t−1} + E_t with U_t the values of the last p steps, the newest first (Lütkepohl 2.1.8).
struct Companion {
  let matrix: SquareMatrix
  private let process: Autoregression

  init(_ process: Autoregression) {
    self.process = process
    let size = process.size * process.reach
    var matrix = SquareMatrix(size: size)
    for (place, lag) in process.lags.enumerated() {
      for i in 0..<process.size {
        for j in 0..<process.size {
          matrix[i, (lag - 1) * process.size + j] = process[place, i, j]
        }
      }
    }
    for i in process.size..<max(size, process.size) { matrix[i, i - process.size] = 1 }
    self.matrix = matrix
  }

  /// The largest modulus of an eigenvalue: below 1 for a stable process, 0 without lags.
  ///
  /// Gelfand's formula, the limit of ‖Fᵏ‖^(1/k), by squaring with the norm taken out each time.
  var radius: Double {
    var power = matrix
    var logNorm = 0.0
    var last = Double.infinity
    for squaring in 0..<45 {
      let norm = power.values.reduce(0) { max($0, $1.magnitude) }
      guard norm > 0, norm.isFinite else { return norm }
      for place in power.values.indices { power.values[place] /= norm }
      logNorm += PortableMath.log(norm)
      let found = PortableMath.exp(
        logNorm * Double(sign: .plus, exponent: -squaring, significand: 1))
      if squaring > 8, (found - last).magnitude < 1e-11 { return found }
      last = found
      power = power.times(power)
      logNorm *= 2
    }
    return last
  }

  /// The covariance of a state in the long run, the solution of Γ = F·Γ·Fᵀ + Q (Lütkepohl 2.1.39), by doubling;
  /// nil where there is none.
  var stationaryCovariance: SquareMatrix? {
    let size = process.size
    var sum = SquareMatrix(size: max(matrix.size, size))
    for i in 0..<size {
      for j in 0..<size { sum[i, j] = process.covariance[i * size + j] }
    }
    if matrix.size == 0 { return sum }
    var power = matrix
    for _ in 0..<60 {
      let more = power.times(sum).timesTransposed(power)
      var largest = 0.0
      var added = 0.0
      for place in sum.values.indices {
        sum.values[place] += more.values[place]
        largest = max(largest, sum.values[place].magnitude)
        added = max(added, more.values[place].magnitude)
      }
      guard largest.isFinite, largest < 1e100 else { return nil }
      if added <= largest * 1e-15 { return sum }
      power = power.times(power)
    }
    return nil
  }

  /// The covariance of the mean of so many rows in a row, which is what chance makes of it.
  ///
  /// (1/T)·(Γ(0) + Σ (1 − h/T)·(Γ(h) + Γ(h)ᵀ)) with Γ(h) from the states; 0 where there is no stationary covariance.
  func covarianceOfMean(rows: Int) -> SquareMatrix {
    let size = process.size
    var out = SquareMatrix(size: size)
    guard rows > 0, let states = stationaryCovariance else { return out }
    let count = Double(rows)
    var together = states
    for lag in 0..<rows {
      let weight = (1 - Double(lag) / count) / count
      var largest = 0.0
      for i in 0..<size {
        for j in 0..<size {
          let both = lag == 0 ? together[i, j] : together[i, j] + together[j, i]
          out[i, j] += weight * both
          largest = max(largest, both.magnitude)
        }
      }
      if matrix.size == 0 || largest < 1e-12 { break }
      together = matrix.times(together)
    }
    return out
  }
}

extension Autoregression {
  /// A process whose eigenvalues are all smaller by a factor, which keeps their angles.
  func shrunk(by factor: Double) -> Autoregression {
    var out = self
    var (weight, step) = (1.0, 0)
    for (place, lag) in lags.enumerated() {
      while step < lag {
        weight *= factor
        step += 1
      }
      for at in (place * size * size)..<((place + 1) * size * size) {
        out.coefficients[at] *= weight
      }
    }
    return out
  }
}

extension SquareMatrix {
  /// self·other; both of the same size.
  func times(_ other: SquareMatrix) -> SquareMatrix {
    var out = [Double](repeating: 0, count: size * size)
    values.withUnsafeBufferPointer { a in
      other.values.withUnsafeBufferPointer { b in
        out.withUnsafeMutableBufferPointer { out in
          for i in 0..<size {
            for k in 0..<size {
              let x = a[i * size + k]
              if x == 0 { continue }
              for j in 0..<size { out[i * size + j] += x * b[k * size + j] }
            }
          }
        }
      }
    }
    var matrix = SquareMatrix(size: size)
    matrix.values = out
    return matrix
  }

  /// self·otherᵀ; both of the same size.
  func timesTransposed(_ other: SquareMatrix) -> SquareMatrix {
    var turned = SquareMatrix(size: size)
    for i in 0..<size {
      for j in 0..<size { turned[j, i] = other[i, j] }
    }
    return times(turned)
  }
}
