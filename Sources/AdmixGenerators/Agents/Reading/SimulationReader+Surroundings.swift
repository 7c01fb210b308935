import AdmixData
import AdmixModel
import AdmixSpec

extension SimulationReader {
  mutating func readClock() {
    guard let clock = options["clock"] else { return }
    let until = clock["until"]
    model.clock.until = until?.double ?? 0
    if !(model.clock.until > 0) {
      report.append(
        .error("AX0673", at: until?.span ?? clock.span, "'until' is a time above 0"))
    }
    if let tick = clock["tick"] {
      let length = tick.double ?? 0
      if !(length > 0) || length > model.clock.until {
        report.append(
          .error(
            "AX0673", at: tick.span, "'tick' is above 0 and not longer than the clock runs",
            cause: "the clock runs until \(until?.source ?? "\(model.clock.until)")"))
      } else if model.clock.until / length > 1e12 {
        report.append(
          .error("AX0673", at: tick.span, "the clock has more than a million million ticks"))
      }
      model.clock.tick = length
    }
    let units = ["seconds": 1e6, "minutes": 60e6, "hours": 3_600e6, "days": 86_400e6]
    model.clock.unit = units[clock["unit"]?.text ?? "seconds"] ?? 1e6
    guard let start = clock["start"] else { return }
    guard let moment = (start.source ?? start.text).flatMap(CivilDate.microseconds) else {
      report.append(
        .error(
          "AX0673", at: start.span, "'start' is no date or time",
          hint: "start: '2024-01-01 08:00'"))
      return
    }
    model.clock.start = Double(moment)
    if abs(model.clock.start + model.clock.until * model.clock.unit) > 9e15 {
      report.append(
        .error(
          "AX0673", at: clock.span, "the clock runs beyond the year 2255",
          cause: "moments are counted in microseconds",
          hint: "choose another 'unit', or leave out 'start'"))
    }
  }

  mutating func readRoad(_ member: Node.Member) {
    guard let kind = inhabitants(of: member, "a road") else { return }
    let length = member.value["length"]?.double ?? 0
    if !(length > 0) {
      report.append(
        .error(
          "AX0673", at: member.value["length"]?.span ?? member.keySpan, "'length' is above 0"))
    }
    model.kinds[kind].road = model.roads.count
    model.roads.append(
      .init(
        name: member.key, kind: kind, length: length, position: -1,
        isRing: (member.value["shape"]?.text ?? "ring") == "ring"))
  }

  mutating func readGrid(_ member: Node.Member) {
    guard let kind = inhabitants(of: member, "a grid") else { return }
    model.kinds[kind].grid = model.grids.count
    model.grids.append(
      .init(
        name: member.key, kind: kind, width: min(4_096, max(1, member.value["width"]?.int ?? 1)),
        height: min(4_096, max(1, member.value["height"]?.int ?? 1)), x: -1, y: -1,
        isTorus: (member.value["shape"]?.text ?? "torus") == "torus", near: -1))
  }

  /// The kind that is on a road or in a grid; it is in one place only.
  private mutating func inhabitants(of member: Node.Member, _ place: String) -> Int? {
    let of = member.value["of"]
    guard let kind = index(of, in: model.kinds.map(\.name), "kind of agents") else { return nil }
    if model.kinds[kind].road != nil || model.kinds[kind].grid != nil {
      report.append(
        .error(
          "AX0679", at: of?.span ?? member.keySpan,
          "agents of '\(model.kinds[kind].name)' are in two places",
          cause: "a kind is on one road or in one grid"))
      return nil
    }
    guard model.clock.tick != nil else {
      report.append(noTick(place, member.keySpan))
      return nil
    }
    return kind
  }

  /// The column of an attribute that says where agents are; they have it from their beginning.
  mutating func positionColumn(_ key: Node?, _ kind: Int, initial: [Node.Member]) -> Int? {
    let names = model.kinds[kind].attributes.map(\.name)
    guard let key else {
      report.append(
        .error("AX0670", at: model.kinds[kind].span, "it is not said where these agents are"))
      return nil
    }
    guard let found = index(key, in: names, "attribute") else { return nil }
    if !initial.contains(where: { $0.key == names[found] }) {
      report.append(
        .error(
          "AX0670", at: key.span,
          "agents of '\(model.kinds[kind].name)' have no '\(names[found])' when they come",
          hint: "attributes: [{\(names[found]): 0}]"))
    }
    return OwnColumn.firstOther + 2 * model.books.count + found
  }

  func noTick(_ what: String, _ span: SourceSpan) -> Diagnostic {
    .error(
      "AX0673", at: span, "\(what) needs a clock with ticks",
      cause: "it is looked at once in each tick", hint: "clock: {until: 3600, tick: 1}")
  }
}
