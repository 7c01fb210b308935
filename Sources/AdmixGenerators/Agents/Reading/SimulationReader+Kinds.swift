import AdmixModel
import AdmixSpec

extension SimulationReader {
  mutating func readKind(_ kind: Int, _ node: Node) {
    let name = model.kinds[kind].name
    let initial = node["attributes"]?.items.flatMap(\.members) ?? []
    let steps = node["step"]?.items.flatMap(\.members) ?? []
    var seen: Set<String> = []
    for member in initial {
      checkName(member, "an attribute")
      if !seen.insert(member.key).inserted {
        report.append(
          .error("AX0679", at: member.keySpan, "attribute '\(member.key)' is declared twice"))
      }
      model.kinds[kind].attributes.append(ColumnSchema(member.key, .double))
    }
    for member in steps where seen.insert(member.key).inserted {
      checkName(member, "an attribute")
      model.kinds[kind].attributes.append(ColumnSchema(member.key, .double))
    }
    if let first = steps.first, model.clock.tick == nil {
      report.append(noTick("'step'", first.keySpan))
    }
    if model.kinds[kind].states.isEmpty, steps.isEmpty {
      report.append(
        .error(
          "AX0671", at: model.kinds[kind].span, "agents of '\(name)' do nothing",
          cause: "they have neither 'states' nor 'step'"))
    }
    readPopulation(kind, node)
    var before: [String] = []
    for member in initial {
      if let made = assignment(member, kind, scope(kind, attributes: before)) {
        model.kinds[kind].initial.append(made)
      }
      before.append(member.key)
    }
    if let road = model.kinds[kind].road {
      let node = options["roads"]?[model.roads[road].name]
      model.roads[road].position = positionColumn(node?["position"], kind, initial: initial) ?? -1
    }
    if let grid = model.kinds[kind].grid {
      let node = options["grids"]?[model.grids[grid].name]
      model.grids[grid].x = positionColumn(node?["x"], kind, initial: initial) ?? -1
      model.grids[grid].y = positionColumn(node?["y"], kind, initial: initial) ?? -1
      model.grids[grid].near =
        OwnColumn.firstOther + 2 * model.books.count + model.kinds[kind].attributes.count
    }
    let all = scope(kind)
    for member in steps {
      if let made = assignment(member, kind, all) { model.kinds[kind].step.append(made) }
    }
    let states = node["states"]?.items.flatMap(\.members) ?? []
    for (index, member) in states.enumerated()
    where model.kinds[kind].states.indices.contains(index) {
      readState(index, kind, member.value, scope(kind))
    }
    // Types are those of everything that was assigned.
    model.kinds[kind].attributes = model.kinds[kind].attributes.map {
      known[name]?[$0.name] ?? $0
    }
  }

  private mutating func readPopulation(_ kind: Int, _ node: Node) {
    let name = model.kinds[kind].name
    guard let arrivals = node["arrivals"] else {
      if model.kinds[kind].count == 0 {
        report.append(
          .error(
            "AX0671", at: model.kinds[kind].span, "there are never any agents of '\(name)'",
            cause: "they have neither a 'count' nor 'arrivals'", hint: "count: 100"))
      }
      return
    }
    model.kinds[kind].arrivals = number(arrivals, "arrivals", scope(nil))
    if let gap = arrivals.double, !(gap > 0) {
      report.append(
        .error(
          "AX0671", at: arrivals.span, "'arrivals' is the time from one to the next, above 0"))
    }
  }

  /// Reads what is assigned to an attribute and widens its type to hold it.
  mutating func assignment(_ member: Node.Member, _ kind: Int, _ scope: NameScope)
    -> SimulationModel.Assignment?
  {
    let name = model.kinds[kind].name
    guard let place = model.kinds[kind].attributes.firstIndex(where: { $0.name == member.key })
    else {
      let names = model.kinds[kind].attributes.map(\.name)
      report.append(
        .error(
          "AX0670", at: member.keySpan, "agents of '\(name)' have no attribute '\(member.key)'",
          hint: Spelling.closest(to: member.key, among: names).map { "did you mean '\($0)'?" }
            ?? "attributes: [{\(member.key): 0}]"))
      return nil
    }
    guard let (program, schema) = source(member.value, member.key, scope) else { return nil }
    var type = known[name]?[member.key] ?? schema
    if type.type != schema.type {
      let both: Set<ColumnType> = [type.type, schema.type]
      guard both == [.int, .double] else {
        report.append(
          .error(
            "AX0672", at: member.value.span,
            "attribute '\(member.key)' is \(type.type.rawValue), and this is \(schema.type.rawValue)",
            cause: "an attribute has values of one type"))
        return nil
      }
      type.type = .double
      type.decimals = nil
    }
    if type.decimals != schema.decimals { type.decimals = nil }
    type.categories = Set(type.categories + schema.categories).sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    known[name, default: [:]][member.key] = type
    return .init(
      column: OwnColumn.firstOther + 2 * model.books.count + place, program: program)
  }
}
