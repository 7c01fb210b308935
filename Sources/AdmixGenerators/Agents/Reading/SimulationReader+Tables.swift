import AdmixData
import AdmixModel
import AdmixSpec

extension SimulationReader {
  mutating func readTables() {
    var names: Set<String> = []
    for member in options["tables"]?.items.flatMap(\.members) ?? [] {
      checkName(member, "a table", reserved: [])
      if !names.insert(member.key).inserted {
        report.append(
          .error("AX0679", at: member.keySpan, "table '\(member.key)' is declared twice"))
      }
      if let table = readTable(member) { model.tables.append(table) }
    }
    if options["tables"]?.items.isEmpty ?? true {
      report.append(
        .error(
          "AX0674", at: options["tables"]?.span ?? options.span, "the simulation notes nothing",
          cause: "what happens is seen in its tables only",
          hint: "tables: [{events: {of: KIND, on: change, columns: [time, id, state]}}]"))
    }
  }

  private mutating func readTable(_ member: Node.Member) -> SimulationModel.Table? {
    let node = member.value
    let kinds = model.kinds.map(\.name)
    let books = model.books.map(\.name)
    guard let of = index(node["of"], in: kinds + books, "kind of agents or book") else {
      return nil
    }
    let words = (node["on"].map { $0.text == nil ? $0.items : [$0] } ?? [])
    var triggers: Set<SimulationModel.Table.Trigger> = []
    for word in words {
      guard let text = word.text, let trigger = Self.trigger(text, every: node["every"]?.int ?? 1)
      else { continue }
      let isOfBook = [.order, .trade, .quote].contains(trigger)
      if isOfBook != (of >= kinds.count) {
        report.append(
          .error(
            "AX0674", at: word.span, "'\(text)' does not happen to '\(node["of"]?.text ?? "")'",
            cause: isOfBook
              ? "it is a kind of agents, not a book" : "it is a book, not a kind of agents"))
        return nil
      }
      if text == "tick", model.clock.tick == nil {
        report.append(noTick("'on: tick'", word.span))
      }
      triggers.insert(trigger)
    }
    if let every = node["every"], !words.contains(where: { $0.text == "tick" }) {
      report.append(
        .error("AX0674", at: every.span, "'every' goes with 'on: tick'", cause: "it counts ticks"))
    }
    if of >= kinds.count {
      return bookTable(member, of - kinds.count, triggers)
    }
    let scope = scope(of)
    var table = SimulationModel.Table(
      name: member.key, span: member.keySpan, of: of, triggers: triggers,
      when: condition(node["when"], scope), columns: [], schema: Schema())
    for item in (node["columns"].map { $0.text == nil ? $0.items : [$0] }) ?? [] {
      let entries =
        item.text.map { [Node.Member(key: $0, keySpan: item.span, value: item)] } ?? item.members
      for entry in entries {
        if let column = column(entry, scope) { table.columns.append(column) }
      }
    }
    guard node["columns"] != nil else {
      report.append(
        .error(
          "AX0674", at: member.keySpan, "table '\(member.key)' has no columns",
          hint: "columns: [time, id, state]"))
      return nil
    }
    return finished(table)
  }

  private static func trigger(_ word: String, every: Int) -> SimulationModel.Table.Trigger? {
    switch word {
    case "start": .start
    case "change": .change
    case "leave": .leave
    case "finish": .finish
    case "tick": .tick(every: max(1, every))
    case "order": .order
    case "trade": .trade
    case "quote": .quote
    default: nil
    }
  }

  private mutating func column(_ entry: Node.Member, _ scope: NameScope)
    -> SimulationModel.Table.Column?
  {
    let node = entry.value
    // A column may be a constant, such as the name of a scenario.
    if node.text == nil {
      guard let (program, schema) = source(node, entry.key, scope) else { return nil }
      return .init(schema: schema, program: program)
    }
    guard
      let expression = ColumnExpression(
        node.text ?? "", at: node.span, schema: scope.schema, report: &report),
      let program = compiled(expression, scope)
    else { return nil }
    var schema = ColumnSchema(entry.key, expression.type)
    switch expression.type {
    case .text, .category:
      schema.type = .category
      schema.categories = Self.texts(expression.root, scope.schema).sorted {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
    case .date:
      report.append(
        .error(
          "AX0674", at: node.span, "column '\(entry.key)' is a date",
          cause: "a simulation counts moments, not days", hint: "'moment' is a date with time"))
      return nil
    default: break
    }
    return .init(schema: schema, program: program)
  }

  /// Tables of a book have columns of their own; `columns` may choose among them.
  private mutating func bookTable(
    _ member: Node.Member, _ book: Int, _ triggers: Set<SimulationModel.Table.Trigger>
  ) -> SimulationModel.Table? {
    guard triggers.count == 1, let trigger = triggers.first else {
      report.append(
        .error(
          "AX0674", at: member.value["on"]?.span ?? member.keySpan,
          "a table of a book notes one thing",
          cause: "orders, trades and quotes have other columns",
          hint: "one of order, trade, quote"))
      return nil
    }
    for key in ["when", "every"] {
      guard let node = member.value[key] else { continue }
      report.append(
        .error(
          "AX0674", at: node.span, "a table of a book has no '\(key)'",
          cause: "it notes whatever happens there", hint: "filter the rows with transform"))
    }
    var all = BookColumns.columns(trigger, kinds: model.kinds.map(\.name)).enumerated().map {
      SimulationModel.Table.Column(schema: $1, program: nil, number: $0)
    }
    if model.clock.start.isNaN { all.removeAll { $0.schema.name == "moment" } }
    var columns = all
    if let chosen = member.value["columns"] {
      columns = []
      for node in chosen.text == nil ? chosen.items : [chosen] {
        if let found = index(node, in: all.map(\.schema.name), "column") {
          columns.append(all[found])
        } else if node.text == nil {
          report.append(
            .error(
              "AX0674", at: node.span, "a table of a book has columns of its own",
              cause: all.map(\.schema.name).joined(separator: ", "),
              hint: "compute others with transform"))
        }
      }
    }
    return finished(
      .init(
        name: member.key, span: member.keySpan, of: book, triggers: triggers, when: nil,
        columns: columns, schema: Schema()))
  }

  private mutating func finished(_ table: SimulationModel.Table) -> SimulationModel.Table? {
    var table = table
    var names: Set<String> = model.replications > 1 ? ["replication"] : []
    for column in table.columns where !names.insert(column.schema.name).inserted {
      report.append(
        .error(
          "AX0679", at: table.span,
          "table '\(table.name)' has two columns '\(column.schema.name)'"))
      return nil
    }
    if table.columns.isEmpty { return nil }
    let first = model.replications > 1 ? [ColumnSchema("replication", .int)] : []
    table.schema = Schema(first + table.columns.map(\.schema))
    return table
  }
}
