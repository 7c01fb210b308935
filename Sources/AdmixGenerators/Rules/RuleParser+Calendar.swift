import AdmixData
import AdmixModel
import AdmixSpec

extension RuleParser {
  private static let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
  private static let months = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]

  /// Days or moments between two ends, alike or by the clock and the calendar.
  func moments(_ kind: String, _ node: Node, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    let ends = (node["between"] ?? node).items
    let values = ends.compactMap { $0.source ?? $0.text }.compactMap {
      kind == "date" ? CivilDate.days($0).map(Int64.init) : CivilDate.microseconds($0)
    }
    guard ends.count == 2, values.count == 2, values[0] <= values[1] else {
      report.append(
        .error(
          "AX0646", at: node.span, "'\(kind)' needs two ends that rise",
          hint: kind == "date"
            ? "date: {between: [1940-01-01, 2006-12-31]}"
            : "datetime: {between: ['2024-01-01T00:00:00', '2024-12-31T23:59:59']}"))
      return nil
    }
    let schema = ColumnSchema("", kind == "date" ? .date : .datetime)
    guard node.members.contains(where: { $0.key != "between" }) else {
      return kind == "date"
        ? (.dates(from: values[0], through: values[1]), schema)
        : (.datetimes(from: values[0], through: values[1]), schema)
    }
    guard let weights = weights(node, report: &report) else { return nil }
    let slots =
      kind == "date" ? values[1] - values[0] : (values[1] - values[0]) / 3_600_000_000
    guard slots < RuleCalendar.mostSlots else {
      report.append(
        .error(
          "AX0646", at: node.span, "the ends are too far apart for a calendar with weights",
          cause: kind == "date"
            ? "it has at most \(RuleCalendar.mostSlots) days"
            : "it has at most \(RuleCalendar.mostSlots) hours, about a century"))
      return nil
    }
    let calendar =
      kind == "date"
      ? RuleCalendar(days: values[0]...values[1], weights)
      : RuleCalendar(moments: values[0]...values[1], weights)
    guard let calendar else {
      report.append(
        .error(
          "AX0646", at: node.span,
          "no \(kind == "date" ? "day" : "hour") between the ends has a weight",
          hint: "'else' gives one to all that are not named"))
      return nil
    }
    return (.calendar(calendar), schema)
  }

  private func weights(_ node: Node, report: inout Diagnostics) -> RuleCalendar.Weights? {
    var weights = RuleCalendar.Weights()
    var isSound = true
    func read(_ name: String, _ size: Int, _ place: (String) -> Int?) -> [Double]? {
      guard let given = node[name] else { return nil }
      let rest = given["else"]?.double ?? 0
      var out = [Double](repeating: rest, count: size)
      for member in given.members where member.key != "else" {
        let ends = member.key.split(separator: "-", omittingEmptySubsequences: false).map(
          String.init)
        guard (1...2).contains(ends.count), let first = place(ends[0]),
          let last = place(ends[ends.count - 1]), let weight = member.value.double, weight >= 0
        else {
          report.append(
            .error(
              "AX0646", at: member.keySpan, "'\(member.key)' names no \(name) with a weight",
              hint: name == "hours"
                ? "hours: {9-17: 5, 18-22: 1} counts from 0 to 23, both ends included"
                : name == "weekdays"
                  ? "weekdays: {mon-fri: 1, sat: 0.3}" : "months: {dec: 3, else: 1}"
            ))
          isSound = false
          continue
        }
        // A range may go over the end: 22-5, sat-mon.
        var index = first
        while true {
          out[index] = weight
          if index == last { break }
          index = (index + 1) % size
        }
      }
      return out
    }
    weights.hours = read("hours", 24) { text in
      Int(text).flatMap { (0..<24).contains($0) ? $0 : nil }
    }
    weights.weekdays = read("weekdays", 7) { Self.weekdays.firstIndex(of: $0) }
    weights.months = read("months", 12) { Self.months.firstIndex(of: $0) }
    for item in node["holidays"]?.items ?? [] {
      guard let day = CivilDate.days(item.source ?? item.text ?? "") else {
        report.append(
          .error("AX0646", at: item.span, "a holiday is a date", hint: "holidays: [2024-12-25]"))
        isSound = false
        continue
      }
      weights.holidays.insert(Int64(day))
    }
    return isSound ? weights : nil
  }
}
