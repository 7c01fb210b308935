/// A figure with what one needs in order to believe it: interval, support, and why there is none.
package struct Measurement: Hashable, Sendable, Codable {
  package enum Verdict: String, Sendable, Codable {
    case ok, insufficient, undefined
  }

  /// Absent when it could not be computed.
  ///
  /// May be infinite (a ratio x/0); never NaN.
  package var value: Double?
  package var low: Double?
  package var high: Double?
  /// The level of the interval, such as 0.95.
  package var level: Double?
  /// How many rows it was computed from.
  package var support: Int?
  /// Why there is no value, or why it deserves little trust.
  package var reason: String?

  package init(
    _ value: Double, low: Double? = nil, high: Double? = nil, level: Double? = nil,
    support: Int? = nil, reason: String? = nil
  ) {
    self.value = value.isNaN ? nil : value
    self.low = low
    self.high = high
    self.level = level
    self.support = support
    self.reason = value.isNaN ? (reason ?? "not a number") : reason
  }

  private init(reason: String, support: Int?) {
    self.reason = reason
    self.support = support
  }

  /// A figure that does not exist, with the reason in a few words.
  package static func undefined(_ reason: String, support: Int? = nil) -> Measurement {
    Measurement(reason: reason, support: support)
  }

  package var verdict: Verdict {
    value == nil ? .undefined : reason == nil ? .ok : .insufficient
  }
}

/// A rule over a metric, and what came of it.
package struct GateResult: Hashable, Sendable, Codable {
  package enum Action: String, Sendable, Codable { case fail, warn }

  /// The rule as written, such as `disparate_impact(sex) < 0.8`: the gate trips when it is true.
  package var rule: String
  package var action: Action
  package var measurement: Measurement
  /// A metric that could not be computed does not pass.
  package var passed: Bool
  package var span: SourceSpan?

  package init(
    rule: String, action: Action, measurement: Measurement, passed: Bool, span: SourceSpan? = nil
  ) {
    self.rule = rule
    self.action = action
    self.measurement = measurement
    self.passed = passed
    self.span = span
  }
}
