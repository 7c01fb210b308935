import AdmixModel
import AdmixSpec

/// Reads a declared simulation and finds everything that is wrong with it.
///
/// What type an attribute has depends on everything that is assigned to it, and expressions are checked
/// against these types; so the declaration is read again until no type widens any more. What the last
/// reading reports holds.
struct SimulationReader {
  let options: Node
  /// By kind and attribute, the widest type seen so far.
  var known: [String: [String: ColumnSchema]]
  var report = Diagnostics()
  let numbers = ModelNumbers()
  var model: SimulationModel

  static func read(_ options: Node, report: inout Diagnostics) -> SimulationModel? {
    var known: [String: [String: ColumnSchema]] = [:]
    // A type widens at most twice, from whole to any number, and categories grow by those written down.
    for _ in 0..<64 {
      var reader = Self(options, known)
      reader.read()
      if reader.known == known {
        report.append(contentsOf: reader.report)
        return reader.report.hasErrors ? nil : reader.model
      }
      known = reader.known
    }
    report.append(
      .error(
        "AX0672", at: options.span, "the types of the attributes depend on each other in a circle"))
    return nil
  }

  private init(_ options: Node, _ known: [String: [String: ColumnSchema]]) {
    self.options = options
    self.known = known
    let clock = options["clock"]
    model = SimulationModel(
      clock: .init(until: 0, tick: nil, start: .nan, unit: 1e6, span: clock?.span ?? options.span),
      limit: 100_000_000, span: clock?.span ?? options.span, globals: GlobalLayout())
  }

  private mutating func read() {
    readClock()
    model.replications = max(1, options["replications"]?.int ?? 1)
    model.limit = max(1, options["limit"]?.int ?? 100_000_000)
    let kinds = sorted(options["agents"], "a kind of agents")
    if kinds.isEmpty {
      report.append(
        .error(
          "AX0670", at: options["agents"]?.span ?? options.span, "the simulation has no agents",
          hint:
            "agents: {customer: {arrivals: {exponential: {mean: 5}}, states: [served: {next: leave}]}}"
        ))
      return
    }
    for member in sorted(options["queues"], "a queue") {
      let order = member.value["order"]?.text.flatMap(SimulationModel.Queue.Order.init)
      model.queues.append(
        .init(
          name: member.key, servers: member.value["servers"]?.int ?? 1, order: order ?? .firstCome))
    }
    if model.queues.count > 64 {
      report.append(
        .error(
          "AX0679", at: options["queues"]?.span ?? options.span,
          "a simulation has at most 64 queues, not \(model.queues.count)"))
      return
    }
    for member in sorted(options["books"], "a book") {
      model.books.append(.init(name: member.key, tick: member.value["tick"]?.double ?? 0.01))
    }
    for member in kinds { declare(member) }
    lay()
    for member in sorted(options["roads"], "a road") { readRoad(member) }
    for member in sorted(options["grids"], "a grid") { readGrid(member) }
    for (index, member) in kinds.enumerated() { readKind(index, member.value) }
    readTables()
    if report.hasErrors { return }
    model.texts = numbers.texts
    for index in model.kinds.indices { checkFlow(model.kinds[index]) }
    shareColumns()
  }

  /// Members in the order of their names, since the order of keys means nothing.
  private mutating func sorted(_ node: Node?, _ noun: String) -> [Node.Member] {
    let members = (node?.members ?? []).sorted {
      $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
    }
    for member in members { checkName(member, noun) }
    return members
  }

  /// Names stand in expressions, so they are plain words.
  mutating func checkName(
    _ member: Node.Member, _ noun: String, reserved: Set<String> = NameRules.words
  ) {
    let letters = member.key.unicodeScalars
    let isWord =
      letters.first.map { $0.properties.isAlphabetic || $0 == "_" } ?? false
      && letters.allSatisfy {
        $0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "_" || $0 == "-"
      }
    if !isWord || member.key.hasSuffix("-") || reserved.contains(member.key) {
      report.append(
        .error(
          "AX0679", at: member.keySpan, "'\(member.key)' cannot be the name of \(noun)",
          cause: reserved.contains(member.key)
            ? "the word means something in simulations or expressions"
            : "names are letters, digits, '_' and '-', and begin with a letter"))
    }
  }

  /// Notes the names of a kind, so that others can be read.
  private mutating func declare(_ member: Node.Member) {
    let node = member.value
    var states: [SimulationModel.State] = []
    for item in node["states"]?.items.flatMap(\.members) ?? [] {
      checkName(item, "a state")
      if states.contains(where: { $0.name == item.key }) {
        report.append(.error("AX0679", at: item.keySpan, "state '\(item.key)' is declared twice"))
      }
      states.append(
        .init(
          name: item.key, span: item.keySpan, code: numbers.code(item.key), keeps: 0, set: [],
          next: []))
    }
    model.kinds.append(
      .init(
        name: member.key, span: member.keySpan, priority: node["priority"]?.int ?? 0,
        count: min(5_000_000, max(0, node["count"]?.int ?? 0)), attributes: [], initial: [],
        step: [], states: states))
  }

  /// Gives what is not of one agent its place.
  private mutating func lay() {
    var layout = GlobalLayout()
    for kind in model.kinds {
      layout.counts.append(layout.count)
      layout.count += 1 + kind.states.count
    }
    for _ in model.queues {
      layout.queues.append(layout.count)
      layout.count += 2
    }
    for _ in model.books {
      layout.books.append(layout.count)
      layout.count += 5
    }
    model.globals = layout
    if !model.books.isEmpty {
      model.buyCode = numbers.code("buy")
      model.sellCode = numbers.code("sell")
      model.kindCodes = model.kinds.map { numbers.code($0.name) }
    }
  }

  /// The place of a name among others; reports one that is not there.
  mutating func index(_ node: Node?, in names: [String], _ noun: String) -> Int? {
    guard let node else { return nil }
    guard let name = node.text else {
      report.append(.error("AX0670", at: node.span, "this is not the name of a \(noun)"))
      return nil
    }
    if let found = names.firstIndex(of: name) { return found }
    report.append(
      .error(
        "AX0670", at: node.span, "there is no \(noun) '\(name)'",
        hint: Spelling.closest(to: name, among: names).map { "did you mean '\($0)'?" }
          ?? (names.isEmpty ? nil : "one of " + names.joined(separator: ", "))))
    return nil
  }

  /// What neighbours read is noted at every tick.
  private mutating func shareColumns() {
    var shared = [Set<Int>](repeating: [], count: model.kinds.count)
    func collect(_ programs: [Program?], _ kind: Int) {
      for program in programs {
        for step in program?.code ?? [] where step.op == .ahead || step.op == .behind {
          shared[kind].insert(Int(step.a))
        }
      }
    }
    for table in model.tables where table.columns.first?.program != nil {
      collect([table.when] + table.columns.map(\.program), table.of)
    }
    for index in model.kinds.indices {
      var alone = model
      alone.kinds = [model.kinds[index]]
      alone.tables = []
      collect(alone.programs, index)
    }
    // Who may not move goes back to where it was.
    for grid in model.grids { shared[grid.kind].formUnion([grid.x, grid.y]) }
    for index in model.kinds.indices { model.kinds[index].shared = shared[index].sorted() }
  }
}

/// Words that no kind, queue, book, state or attribute is called by.
enum NameRules {
  static let words: Set<String> = [
    "time", "moment", "id", "state", "from", "arrival", "since", "waited", "gap", "ahead", "behind",
    "near",
    "count", "replication", "leave", "and", "or", "not", "in", "is", "true", "false", "null",
  ]
}
