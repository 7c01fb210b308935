package import AdmixModel

extension AdmixModel.Measurement {
  /// A share with Wilson's 95 % score interval (Wilson, JASA 22, 1927); undefined for no rows.
  package static func share(_ count: Int, of rows: Int, none reason: String = "no rows")
    -> AdmixModel.Measurement
  {
    guard rows > 0 else { return .undefined(reason, support: 0) }
    let z = 1.959963984540054
    let n = Double(rows)
    let p = Double(count) / n
    let scale = 1 + z * z / n
    let middle = (p + z * z / (2 * n)) / scale
    let half = z / scale * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
    return AdmixModel.Measurement(
      p, low: count == 0 ? 0 : max(0, middle - half),
      high: count == rows ? 1 : min(1, middle + half), level: 0.95, support: rows)
  }
}
