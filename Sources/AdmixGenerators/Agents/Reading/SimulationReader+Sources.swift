import AdmixData
import AdmixExpression
import AdmixModel
import AdmixSpec

extension SimulationReader {
  /// The names that expressions may use.
  ///
  /// - Parameters:
  ///   - kind: whose own values are seen; nil sees what belongs to no agent.
  ///   - attributes: the names of those that have a value by then.
  func scope(_ kind: Int?, attributes: [String]? = nil) -> NameScope {
    var scope = NameScope()
    scope.add("time", .double, .global(GlobalLayout.time))
    if !model.clock.start.isNaN { scope.add("moment", .datetime, .global(GlobalLayout.moment)) }
    if let kind {
      let names = model.kinds[kind].states.map(\.name).sorted {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
      scope.add("id", .int, .column(OwnColumn.id))
      if !names.isEmpty {
        scope.add("state", .category, .column(OwnColumn.state), categories: names)
        scope.add("from", .category, .column(OwnColumn.from), categories: names)
      }
      for (name, column) in [
        ("arrival", OwnColumn.arrival), ("since", OwnColumn.since), ("waited", OwnColumn.waited),
      ] { scope.add(name, .double, .column(column)) }
      let first = OwnColumn.firstOther + 2 * model.books.count
      for (index, schema) in model.kinds[kind].attributes.enumerated() {
        guard let schema = known[model.kinds[kind].name]?[schema.name] else { continue }
        if attributes?.contains(schema.name) ?? true { scope.add(schema, .column(first + index)) }
        if model.kinds[kind].road != nil, attributes == nil {
          scope.add(schema, .ahead(first + index), prefix: "ahead.")
          scope.add(schema, .behind(first + index), prefix: "behind.")
        }
      }
      if model.kinds[kind].road != nil, attributes == nil {
        scope.add("gap", .double, .column(OwnColumn.gap))
        scope.add("ahead.id", .int, .ahead(OwnColumn.id))
        scope.add("behind.id", .int, .behind(OwnColumn.id))
      }
      if model.kinds[kind].grid != nil, attributes == nil {
        let near = first + model.kinds[kind].attributes.count
        scope.add("near", .int, .column(near))
        for (number, state) in model.kinds[kind].states.enumerated() {
          scope.add("near.\(state.name)", .int, .column(near + 1 + number))
        }
      }
      for (index, book) in model.books.enumerated() {
        scope.add(book.name + ".position", .int, .column(OwnColumn.position(index)))
        scope.add(book.name + ".cash", .double, .column(OwnColumn.cash(index)))
      }
    }
    for (index, kind) in model.kinds.enumerated() {
      let first = model.globals.counts[index]
      scope.add("count.\(kind.name)", .int, .global(first))
      for (number, state) in kind.states.enumerated() {
        scope.add("count.\(kind.name).\(state.name)", .int, .global(first + 1 + number))
      }
    }
    for (index, queue) in model.queues.enumerated() {
      let first = model.globals.queues[index]
      scope.add(queue.name + ".waiting", .int, .global(first))
      scope.add(queue.name + ".busy", .int, .global(first + 1))
    }
    for (index, book) in model.books.enumerated() {
      let names: [(String, ColumnType)] = [
        ("bid", .double), ("ask", .double), ("bid_size", .int), ("ask_size", .int),
        ("last", .double),
      ]
      for (number, name) in names.enumerated() {
        scope.add(
          "\(book.name).\(name.0)", name.1, .global(model.globals.books[index] + number))
      }
    }
    return scope
  }

  /// Reads a source of values as `rules` does: a distribution, a choice, an expression, a constant.
  ///
  /// The program, and the type of what it gives, categories with all that can occur.
  mutating func source(_ node: Node, _ name: String, _ scope: NameScope) -> (
    Program, ColumnSchema
  )? {
    // Names that are visible stand there as columns; what is declared is the last one.
    let key = scope.schema[name] == nil ? name : "new " + name
    var members = scope.schema.columns.map { column in
      Node.Member(key: column.name, keySpan: node.span, value: Self.example(column, at: node.span))
    }
    members.append(.init(key: key, keySpan: node.span, value: node))
    var rules = RuleParser()
    var found = Diagnostics()
    rules.read(members, report: &found)
    report.append(contentsOf: found)
    guard !found.hasErrors, let column = rules.columns.first(where: { $0.schema.name == key })
    else { return nil }
    do {
      let program = try ProgramCompiler.compile(column, scope: scope, numbers: numbers)
      var schema = column.schema
      if schema.type == .text || schema.type == .category {
        schema.type = .category
        schema.categories = Self.texts(column.source, scope.schema).sorted {
          $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
      }
      schema.name = name
      return (program, schema)
    } catch {
      report.append(error)
      return nil
    }
  }

  /// A number: whole, fraction or truth as the caller allows.
  mutating func number(_ node: Node?, _ name: String, _ scope: NameScope) -> Program? {
    guard let node, let (program, schema) = source(node, name, scope) else { return nil }
    guard schema.type == .int || schema.type == .double else {
      report.append(
        .error(
          "AX0672", at: node.span, "'\(name)' is a number, not a \(schema.type.rawValue)"))
      return nil
    }
    return program
  }

  mutating func condition(_ node: Node?, _ scope: NameScope) -> Program? {
    guard let node else { return nil }
    guard
      let expression = ColumnExpression(
        node.text ?? node.source ?? "", at: node.span, schema: scope.schema, report: &report)
    else { return nil }
    guard expression.type == .bool else {
      report.append(
        .error("AX0672", at: node.span, "'when' is a condition that is true or false"))
      return nil
    }
    return compiled(expression, scope)
  }

  mutating func compiled(_ expression: ColumnExpression, _ scope: NameScope) -> Program? {
    do {
      return try ProgramCompiler.compile(expression, scope: scope, numbers: numbers)
    } catch {
      report.append(error)
      return nil
    }
  }

  /// A declaration of the column's type, for the reader of rules.
  private static func example(_ column: ColumnSchema, at span: SourceSpan) -> Node {
    switch column.type {
    case .bool: return Node(.bool(false), at: span)
    case .int: return Node(.int(0), at: span)
    case .double: return Node(.double(0.5), at: span)
    case .text, .category:
      let texts = column.categories.isEmpty ? [""] : column.categories
      return Node(.list(texts.map { Node(.text($0), at: span) }), at: span)
    case .date, .datetime:
      let day = Node(.text("2000-01-01"), at: span, source: "2000-01-01")
      let both = Node(.list([day, day]), at: span)
      return Node(
        .map([.init(key: column.type.rawValue, keySpan: span, value: both)]), at: span)
    }
  }

  /// Every text that a source can give.
  private static func texts(_ source: RuleColumn.Source, _ schema: Schema) -> Set<String> {
    switch source {
    case .constant(.text(let text)): return [text]
    case .choice(let values, _):
      return Set(values.compactMap { if case .text(let text) = $0 { text } else { nil } })
    case .expression(let expression): return Self.texts(expression.root, schema)
    case .when(let branches):
      return branches.reduce(into: []) { $0.formUnion(Self.texts($1.source, schema)) }
    default: return []
    }
  }

  static func texts(_ typed: TypedExpression, _ schema: Schema) -> Set<String> {
    switch typed.kind {
    case .constant(.text(let text)): return [text]
    case .column(let name): return Set(schema[name]?.categories ?? [])
    case .call("if", let arguments):
      return arguments.dropFirst().reduce(into: []) { $0.formUnion(texts($1, schema)) }
    case .call("coalesce", let arguments):
      return arguments.reduce(into: []) { $0.formUnion(texts($1, schema)) }
    default: return []
    }
  }
}
