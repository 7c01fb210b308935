/// Dates of the proleptic Gregorian calendar, as counts since 1970-01-01.
enum CivilTime {
  /// The day number of `YYYY-MM-DD`.
  static func days(_ text: String) -> Int32? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
      let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
      (1...12).contains(month), day >= 1, day <= length(of: month, in: year)
    else { return nil }
    // Days of the years before, with March as the first month, so that leap days come last.
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return Int32(era * 146_097 + dayOfEra - 719_468)
  }

  /// The microseconds of `YYYY-MM-DD`, optionally with `THH:MM` or `THH:MM:SS` (or a blank for the T).
  static func microseconds(_ text: String) -> Int64? {
    guard let day = days(String(text.prefix(10))) else { return nil }
    let rest = text.dropFirst(10)
    if rest.isEmpty { return Int64(day) * 86_400_000_000 }
    guard rest.first == "T" || rest.first == " " else { return nil }
    let parts = rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int64($0) }
    guard (2...3).contains(parts.count), numbers.count == parts.count,
      (0..<24).contains(numbers[0]), (0..<60).contains(numbers[1]),
      numbers.count < 3 || (0..<60).contains(numbers[2])
    else { return nil }
    let seconds = numbers[0] * 3600 + numbers[1] * 60 + (numbers.count > 2 ? numbers[2] : 0)
    return (Int64(day) * 86_400 + seconds) * 1_000_000
  }

  private static func length(of month: Int, in year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}
