import AdmixData
import AdmixModel

/// The even spacing of times that series are on, and how new rows are timed.
struct TimeGrid: Hashable, Sendable, Codable {
  /// What one step is.
  enum Step: Hashable, Sendable, Codable {
    /// So much more of a number, days of a date, or microseconds of a time.
    case even(Double)
    /// Whole months of the calendar, as far as the day exists in them; or their last days.
    case months(Int, atEnd: Bool)
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
    for atEnd in [false, true] {
      if let months = Self.months(times, least, type, atEnd: atEnd) {
        step = .months(months, atEnd: atEnd)
        return
      }
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

  /// How many months apart times are that are all on the same day, or all on the last; nil for others.
  private static func months(_ times: [Double], _ least: Double, _ type: ColumnType, atEnd: Bool)
    -> Int?
  {
    let day = type == .datetime ? 86_400_000_000.0 : 1
    guard type == .date || type == .datetime, let first = times.first, least >= 28 * day else {
      return nil
    }
    let start = Month(of: first, type)
    var divisor = 0
    for time in times {
      let other = Month(of: time, type)
      guard other.timeOfDay == start.timeOfDay,
        atEnd ? other.day == other.length : other.day == start.day
      else { return nil }
      var (a, b) = (abs(other.index - start.index), divisor)
      while b != 0 { (a, b) = (b, a % b) }
      divisor = a
    }
    return divisor > 0 ? divisor : nil
  }

  /// A moment by the calendar.
  private struct Month {
    /// Months since the year 0.
    var index: Int
    /// From 1.
    var day: Int
    /// In microseconds.
    var timeOfDay: Double

    init(index: Int, day: Int, timeOfDay: Double) {
      self.index = index
      self.day = day
      self.timeOfDay = timeOfDay
    }

    init(of time: Double, _ type: ColumnType) {
      let whole = Int64(whole: time)
      let days = Int(type == .datetime ? CivilDate.day(whole) : whole)
      let parts = CivilDate.parts(min(max(days, -70_000_000), 70_000_000))
      index = parts.year * 12 + parts.month - 1
      day = parts.day
      timeOfDay = type == .datetime ? Double(CivilDate.timeOfDay(whole)) : 0
    }

    private var year: Int { index >= 0 ? index / 12 : -((11 - index) / 12) }

    /// How many days it has.
    var length: Int {
      (29...31).last { CivilDate.days(year, index - year * 12 + 1, $0) != nil } ?? 28
    }

    /// Days of a date, microseconds of a time; nil beyond any calendar.
    func time(_ type: ColumnType) -> Double? {
      guard let days = CivilDate.days(year, index - year * 12 + 1, min(day, length)) else {
        return nil
      }
      return type == .datetime ? Double(days) * 86_400_000_000 + timeOfDay : Double(days)
    }
  }

  /// The place of a time, which may be before the origin; 0 where times are on no grid.
  func place(of time: Double) -> Int {
    let steps: Double
    switch step {
    case .even(let size): steps = (time - origin) / size
    case .months(let count, _):
      steps = Double(Month(of: time, type).index - Month(of: origin, type).index) / Double(count)
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
    case .months(let count, let atEnd):
      var month = Month(of: start, type)
      let index = Double(month.index) + Double(count) * Double(steps)
      // Years beyond any calendar stay where they were.
      guard index.magnitude < 2_400_000 else { return start }
      month.index = Int(index)
      if atEnd { month.day = 31 }
      return month.time(type) ?? start
    }
  }

  /// Whether everything holds that timing relies on.
  var isSound: Bool {
    guard origin.isFinite else { return false }
    switch step {
    case .even(let size): return size.isFinite && size > 0
    case .irregular(let size): return size.isFinite
    case .months(let count, _):
      return (1...120_000).contains(count) && type != .int && type != .double
    }
  }
}
