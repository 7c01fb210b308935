extension Int64 {
  /// The whole number nearest to a number, within what fits; 0 for what is none.
  init(whole x: Double) {
    let rounded = x.rounded()
    self = rounded.isNaN ? 0 : Int64(exactly: rounded) ?? (rounded < 0 ? .min : .max)
  }
}
