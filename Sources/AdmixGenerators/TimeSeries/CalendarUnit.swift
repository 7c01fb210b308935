import AdmixData
import AdmixModel

/// A part of the calendar that values go with.
enum CalendarUnit: String, Hashable, CaseIterable, Sendable, Codable {
  case hour, weekday, month
  case hourOfWeek = "hour-of-week"

  var needsTimeOfDay: Bool { self == .hour || self == .hourOfWeek }

  /// How many different ones there are.
  var count: Int {
    switch self {
    case .hour: 24
    case .weekday: 7
    case .month: 12
    case .hourOfWeek: 168
    }
  }

  /// In 0..<count; weeks begin on Monday.
  ///
  /// - Parameter time: days since 1970-01-01 of a date, microseconds of a time.
  func place(of time: Double, isDate: Bool) -> Int {
    let whole = Int64(whole: time)
    let day = isDate ? whole : CivilDate.day(whole)
    let hour = isDate ? 0 : Int(CivilDate.timeOfDay(whole) / 3_600_000_000)
    // 1970-01-01 was a Thursday.
    let weekday = Int(((day % 7) + 10) % 7)
    switch self {
    case .hour: return hour
    case .weekday: return weekday
    case .hourOfWeek: return weekday * 24 + hour
    case .month:
      // Far beyond any calendar, months come again after 400 years.
      return CivilDate.parts(Int(day % 146_097)).month - 1
    }
  }
}
