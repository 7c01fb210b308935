import AdmixData

/// Days, or hours of days, that are drawn in proportion to weights.
struct RuleCalendar: Sendable {
  /// In days where days are drawn, else in microseconds; of each slot, rising.
  private var starts: [Int64] = []
  private var lengths: [Int64] = []
  /// Ends at exactly 1.
  private var cumulative: [Double] = []

  /// How often each hour of a day (24), day of a week (7, from Monday) and month (12) is drawn.
  struct Weights: Sendable {
    var hours: [Double]?
    var weekdays: [Double]?
    var months: [Double]?
    /// Days on which nothing happens.
    var holidays: Set<Int64> = []

    func day(_ day: Int64) -> Double {
      if holidays.contains(day) { return 0 }
      // 1970-01-01 was a Thursday.
      let weekday = Int(((day + 3) % 7 + 7) % 7)
      let month = CivilDate.parts(Int(day)).month
      return (weekdays?[weekday] ?? 1) * (months?[month - 1] ?? 1)
    }
  }

  /// As many slots as a century has hours.
  static let mostSlots = 900_000

  /// Days from the first to the last.
  ///
  /// - Returns: nil where no day has a weight.
  init?(days: ClosedRange<Int64>, _ weights: Weights) {
    var sum = 0.0
    for day in days { add(day, 1, weights.day(day), &sum) }
    guard finish(sum) else { return nil }
  }

  /// Moments from the first to the last, in microseconds.
  init?(moments: ClosedRange<Int64>, _ weights: Weights) {
    let hour: Int64 = 3_600_000_000
    var sum = 0.0
    var start = moments.lowerBound
    while start <= moments.upperBound {
      let day = CivilDate.day(start)
      let inDay = CivilDate.timeOfDay(start)
      // To the next full hour, or to the end.
      let next = start - inDay + (inDay / hour + 1) * hour
      let end = min(next, moments.upperBound + 1)
      let weight = weights.day(day) * (weights.hours?[Int(inDay / hour)] ?? 1)
      add(start, end - start, weight * Double(end - start) / Double(hour), &sum)
      start = end
    }
    guard finish(sum) else { return nil }
  }

  private mutating func add(_ start: Int64, _ length: Int64, _ weight: Double, _ sum: inout Double)
  {
    guard weight > 0 else { return }
    sum += weight
    starts.append(start)
    lengths.append(length)
    cumulative.append(sum)
  }

  private mutating func finish(_ sum: Double) -> Bool {
    guard sum > 0, sum.isFinite else { return false }
    for index in cumulative.indices { cumulative[index] /= sum }
    cumulative[cumulative.count - 1] = 1
    return true
  }

  /// The moment or day below which a share of the weight lies.
  func value(_ uniform: Double) -> Int64 {
    let slot = RuleBlock.index(uniform, in: cumulative)
    let below = slot == 0 ? 0 : cumulative[slot - 1]
    let share = (uniform - below) / (cumulative[slot] - below)
    return starts[slot] + min(lengths[slot] - 1, Int64(share * Double(lengths[slot])))
  }
}
