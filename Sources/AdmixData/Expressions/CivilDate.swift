/// Dates of the proleptic Gregorian calendar, as day counts since 1970-01-01.
package enum CivilDate {
  /// Year, month and day of a day number.
  package static func parts(_ days: Int) -> (year: Int, month: Int, day: Int) {
    // Years begin in March here, so that a leap day comes last; eras have 400 years.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  /// The day number of a date that exists; nil for any other.
  package static func days(_ year: Int, _ month: Int, _ day: Int) -> Int? {
    guard (1...12).contains(month), day >= 1, day <= length(of: month, in: year),
      (-200_000...200_000).contains(year)
    else { return nil }
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func length(of month: Int, in year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// The day number of `YYYY-MM-DD`.
  package static func days(_ text: some StringProtocol) -> Int32? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].utf8.count == 4, parts[1].utf8.count == 2,
      parts[2].utf8.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
      let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
    else { return nil }
    return days(year, month, day).flatMap { Int32(exactly: $0) }
  }

  /// The day number of a moment.
  package static func day(_ microseconds: Int64) -> Int64 {
    microseconds >= 0 ? microseconds / 86_400_000_000 : (microseconds + 1) / 86_400_000_000 - 1
  }

  /// Microseconds since midnight.
  package static func timeOfDay(_ microseconds: Int64) -> Int64 {
    let rest = microseconds % 86_400_000_000
    return rest < 0 ? rest + 86_400_000_000 : rest
  }

  /// The microseconds of a day number's midnight; nil where 64 bits do not hold them.
  package static func midnight(_ days: Int64) -> Int64? {
    let (value, isTooLarge) = days.multipliedReportingOverflow(by: 86_400_000_000)
    return isTooLarge ? nil : value
  }

  /// The microseconds of `YYYY-MM-DD`, with `THH:MM`, `THH:MM:SS` or `THH:MM:SS.ffffff` (or a blank for
  /// the T) or without.
  package static func microseconds(_ text: String) -> Int64? {
    guard let day = days(text.prefix(10)) else { return nil }
    let rest = text.dropFirst(10)
    if rest.isEmpty { return Int64(day) * 86_400_000_000 }
    guard rest.first == "T" || rest.first == " " else { return nil }
    let time = rest.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
    guard let clock = time.first, time.count <= 2 else { return nil }
    let parts = clock.split(separator: ":", omittingEmptySubsequences: false)
    var fraction: Int64 = 0
    if time.count == 2 {
      guard parts.count == 3, (1...6).contains(time[1].utf8.count),
        time[1].utf8.allSatisfy({ (48...57).contains($0) }), let digits = Int64(time[1])
      else { return nil }
      fraction = (time[1].utf8.count..<6).reduce(digits) { value, _ in value * 10 }
    }
    let numbers = parts.compactMap {
      $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } ? Int64($0) : nil
    }
    guard (2...3).contains(parts.count), numbers.count == parts.count,
      (0..<24).contains(numbers[0]), (0..<60).contains(numbers[1]),
      numbers.count < 3 || (0..<60).contains(numbers[2])
    else { return nil }
    let seconds = numbers[0] * 3600 + numbers[1] * 60 + (numbers.count > 2 ? numbers[2] : 0)
    return (Int64(day) * 86_400 + seconds) * 1_000_000 + fraction
  }

  package static func text(days: Int) -> String {
    let (year, month, day) = parts(days)
    return pad(year, 4) + "-" + pad(month, 2) + "-" + pad(day, 2)
  }

  package static func text(microseconds: Int64) -> String {
    let day = day(microseconds)
    let rest = timeOfDay(microseconds)
    let seconds = rest / 1_000_000
    let fraction = rest % 1_000_000
    var text =
      CivilDate.text(days: Int(day)) + "T" + pad(Int(seconds / 3600), 2) + ":"
      + pad(Int(seconds / 60 % 60), 2) + ":" + pad(Int(seconds % 60), 2)
    if fraction > 0 { text += "." + pad(Int(fraction), 6) }
    return text
  }

  private static func pad(_ value: Int, _ width: Int) -> String {
    let digits = String(abs(value))
    return (value < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count))
      + digits
  }
}
