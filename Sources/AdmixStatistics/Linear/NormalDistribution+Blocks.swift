extension NormalDistribution {
  /// Replaces probabilities by their quantiles; all strictly between 0 and 1.
  package static func quantiles(_ values: UnsafeMutableBufferPointer<Double>) {
    for index in 0..<values.count { values[index] = quantile(values[index]) }
  }
}
