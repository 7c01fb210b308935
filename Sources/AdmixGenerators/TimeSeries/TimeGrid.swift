import AdmixData
import AdmixModel

/// The even spacing of times that series are on, and how new rows are timed.
struct TimeGrid: Hashable, Sendable, Codable {
  /// What one step is.
  enum Step: Hashable, Sendable, Codable {
    /// So much more of a number, days of a date, or microseconds of a time.
    case even(Double)
    /// Whole months of the calendar, as far as the day exists in them.
    case months(Int)
    /// Times that are on no grid; rows count, and new ones are this far apart.
    case irregular(Double)
  }

  /// A time on the grid, from which places are counted.
  var origin: Double
  var step: Step
  var type: ColumnType

  var isIrregular: Bool {
    if case .irregular = step { true } else { false }
  }

  /// - Parameters:
  ///   - differences: between times of a series that follow each other, all above 0.
  ///   - times: all of them, the smallest first.
  init(_ times: [Double], differences: [Double], type: ColumnType) {
    origin = times.min() ?? 0
    self.type = type
    let sorted = differences.sorted()
    guard let least = sorted.first else {
      step = .even(type == .datetime ? 86_400_000_000 : 1)
      return
    }
    if let months = Self.months(times, sorted, type) {
      step = .months(months)
      return
    }
    let median = sorted[sorted.count / 2]
    for candidate in [median, least] where candidate > 0 {
      let isOn = sorted.allSatisfy { difference in
        let steps = difference / candidate
        return steps < 1e15 && steps > 0.5 && (steps - steps.rounded()).magnitude < 0.01
      }
      if isOn {
        step = .even(candidate)
        return
      }
    }
    step = .irregular(median)
  }

  /// How many months apart times are that all have the same day and time of day; nil for others.
  private static func months(_ times: [Double], _ sorted: [Double], _ type: ColumnType) -> Int? {
    let day = type == .datetime ? 86_400_000_000.0 : 1
    guard type == .date || type == .datetime, let first = times.first, let least = sorted.first,
      least >= 28 * day
    else { return nil }
    let (index, rest) = month(first, type)
    var divisor = 0
    for time in times {
      let (other, otherRest) = month(time, type)
      guard otherRest == rest else { return nil }
      var (a, b) = (abs(other - index), divisor)
      while b != 0 { (a, b) = (b, a % b) }
      divisor = a
    }
    return divisor > 0 ? divisor : nil
  }

  /// Months since year 0, and what is left of the time.
  private static func month(_ time: Double, _ type: ColumnType) -> (Int, Double) {
    let whole = Int64(whole: time)
    let day = Int(type == .datetime ? CivilDate.day(whole) : whole)
    let parts = CivilDate.parts(min(max(day, -70_000_000), 70_000_000))
    let rest = type == .datetime ? Double(CivilDate.timeOfDay(whole)) : 0
    return (parts.year * 12 + parts.month - 1, Double(parts.day) * 86_400_000_000 + rest)
  }

  /// The place of a time, which may be before the origin; 0 where times are on no grid.
  func place(of time: Double) -> Int {
    let steps: Double
    switch step {
    case .even(let size): steps = (time - origin) / size
    case .months(let count):
      steps = Double(Self.month(time, type).0 - Self.month(origin, type).0) / Double(count)
    case .irregular: steps = 0
    }
    // Places are added to, and no grid is as long as this.
    return Int(Int64(whole: min(max(steps, -0x1p53), 0x1p53)))
  }

  /// The time so many steps after another.
  func time(_ start: Double, after steps: Int) -> Double {
    switch step {
    case .even(let size): return origin + (Double(place(of: start)) + Double(steps)) * size
    case .irregular(let size): return start + Double(steps) * size
    case .months(let count):
      let (index, rest) = Self.month(start, type)
      let months = Int(Int64(whole: Double(index) + Double(count) * Double(steps)))
      let year = months >= 0 ? months / 12 : -((11 - months) / 12)
      guard year.magnitude <= 200_000 else { return start }
      let month = months - year * 12 + 1
      var day = Int(rest / 86_400_000_000)
      while day > 28, CivilDate.days(year, month, day) == nil { day -= 1 }
      guard let days = CivilDate.days(year, month, day) else { return start }
      let left = rest - Double(Int(rest / 86_400_000_000)) * 86_400_000_000
      return type == .datetime ? Double(days) * 86_400_000_000 + left : Double(days)
    }
  }

  /// Whether everything holds that timing relies on.
  var isSound: Bool {
    guard origin.isFinite else { return false }
    switch step {
    case .even(let size): return size.isFinite && size > 0
    case .irregular(let size): return size.isFinite
    case .months(let count): return (1...120_000).contains(count) && type != .int && type != .double
    }
  }
}
