package import AdmixModel

extension AdmixModel.Measurement {
  /// A share with Wilson's 95 % interval; undefined for no rows.
  package static func share(_ count: Int, of rows: Int, none reason: String = "no rows")
    -> AdmixModel.Measurement
  {
    guard let interval = Interval.share(count, of: rows) else {
      return .undefined(reason, support: 0)
    }
    return AdmixModel.Measurement(
      Double(count) / Double(rows), low: interval.low, high: interval.high, level: 0.95,
      support: rows)
  }

  /// The share that would be hit by a sample that many times as large, and its interval.
  ///
  /// What a sample misses, k samples of its size miss with the k-th power of the share: 1 − (1 − p)^k.
  /// The share times k, which this is near for small ones, has no end at 1. Where some values are hit
  /// more easily than others, this is more than chance gives for k above 1 and less for k below
  /// (Jensen's inequality).
  package func hit(byTimes factor: Double) -> AdmixModel.Measurement {
    func grown(_ share: Double) -> Double {
      if factor == 0 || factor == 1 { return factor * share }
      return 1 - PortableMath.exp(factor * PortableMath.log(1 - share))
    }
    var result = self
    result.value = value.map(grown)
    result.low = low.map(grown)
    result.high = high.map(grown)
    return result
  }

  /// This figure minus another one of other rows: the interval squares and adds the distances of both
  /// (Zou and Donner, Statistics in Medicine 27 (2008)).
  ///
  /// Where the two share rows the true interval is narrower. No interval where one of them has none.
  package func minus(_ other: AdmixModel.Measurement) -> AdmixModel.Measurement {
    guard let x = value, let y = other.value else {
      return .undefined(
        (value == nil ? reason : other.reason) ?? "one of the two is undefined", support: support)
    }
    if x.isInfinite || y.isInfinite {
      return x == y
        ? .undefined("both are infinite", support: support)
        : AdmixModel.Measurement(x - y, support: support, reason: reason ?? other.reason)
    }
    var change = AdmixModel.Measurement(x - y, support: support, reason: reason ?? other.reason)
    if let a = low, let b = high, let c = other.low, let d = other.high, level == other.level {
      func length(_ p: Double, _ q: Double) -> Double { (p * p + q * q).squareRoot() }
      change.low = x - y - length(x - a, d - y)
      change.high = x - y + length(b - x, y - c)
      change.level = level
    }
    return change
  }
}
