import AdmixData
import AdmixModel
import AdmixSpec
import Foundation

/// Reads declared columns, each after those it uses.
struct RuleParser {
  /// The columns read so far, as later expressions see them.
  private(set) var schema = Schema()
  /// In the order they can be made in.
  private(set) var columns: [RuleColumn] = []

  /// - Parameter nodes: one-key maps, column name to declaration.
  mutating func read(_ nodes: [Node], report: inout Diagnostics) {
    let order = RuleOrder(nodes.flatMap(\.members), report: &report)
    var failed: Set<String> = []
    for member in order.members {
      // What is wrong with a column is said once, not again for those that use it.
      let isHopeless = !(order.uses[member.key]?.isDisjoint(with: failed) ?? true)
      guard !isHopeless, let column = column(member, report: &report) else {
        failed.insert(member.key)
        continue
      }
      columns.append(column)
      schema.columns.append(column.schema)
    }
  }

  private func column(_ member: Node.Member, report: inout Diagnostics) -> RuleColumn? {
    let node = member.value
    var rounding: Double?
    var bounds: ClosedRange<Double>?
    var missingShare = 0.0
    var role: [ColumnRole] = []
    for modifier in node.members {
      switch modifier.key {
      case "round":
        rounding = modifier.value.double
        if rounding.map({ !($0 > 0) }) ?? true {
          report.append(.error("AX0641", at: modifier.value.span, "'round' is a number above 0"))
        }
      case "bounds":
        let ends = modifier.value.items.compactMap(\.double)
        if ends.count == 2, ends[0] <= ends[1] {
          bounds = ends[0]...ends[1]
        } else {
          report.append(
            .error("AX0641", at: modifier.value.span, "'bounds' is a list of two rising numbers"))
        }
      case "missing":
        missingShare = modifier.value.double ?? -1
        if !(0...1).contains(missingShare) {
          report.append(
            .error("AX0641", at: modifier.value.span, "'missing' is a share from 0 to 1"))
        }
      case "role":
        role = modifier.value.text.flatMap(ColumnRole.init).map { [$0] } ?? []
        if role.isEmpty {
          report.append(
            .error(
              "AX0641", at: modifier.value.span, "unknown role '\(modifier.value.text ?? "")'",
              hint: "one of " + ColumnRole.allCases.map(\.rawValue).joined(separator: ", ")))
        }
      default: break
      }
    }
    guard let (source, shape) = source(node, name: member.key, report: &report) else { return nil }
    var schema = shape
    schema.name = member.key
    schema.roles = role
    if let rounding, rounding > 0, schema.type == .double {
      let decimals = max(0, Int((-log10(rounding)).rounded(.up)))
      schema.decimals = decimals <= 12 ? decimals : nil
    }
    return RuleColumn(
      schema: schema, source: source, rounding: rounding, bounds: bounds,
      missingShare: missingShare, span: member.keySpan)
  }

  /// What may stand beside the one key that says where values come from.
  private static let modifiers: Set<String> = ["round", "bounds", "missing", "role"]
  static let sourceNames =
    [
      "choice", "constant", "expression", "sequence", "uuid", "pattern", "date", "datetime",
      "after", "when", "given", "mixture",
    ]
    + Distribution.all.map(\.name)

  private func source(_ node: Node, name: String, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    switch node.value {
    case .map: break
    case .text(let text): return expression(text, node.span, report: &report)
    case .bool, .int, .double, .null: return constant(node, report: &report)
    case .list:
      return choice(node, report: &report)
    }
    let keys = node.members.filter { !Self.modifiers.contains($0.key) }
    guard let key = keys.first else {
      report.append(
        .error(
          "AX0642", at: node.span, "column '\(name)' does not say where its values come from",
          cause: "it needs one of " + Self.sourceNames.joined(separator: ", "),
          hint: "\(name): {normal: {mean: 40, sd: 12}}"))
      return nil
    }
    if keys.count > 1 {
      report.append(
        .error(
          "AX0642", at: keys[1].keySpan,
          "column '\(name)' has two sources of values, '\(key.key)' and '\(keys[1].key)'"))
      return nil
    }
    let value = key.value
    switch key.key {
    case "choice": return choice(value, report: &report)
    case "constant": return constant(value, report: &report)
    case "expression":
      guard let text = value.text else {
        report.append(.error("AX0643", at: value.span, "'expression' is a text"))
        return nil
      }
      return expression(text, value.span, report: &report)
    case "sequence": return sequence(value, report: &report)
    case "uuid": return (.uuid, ColumnSchema("", .text))
    case "pattern": return pattern(value, report: &report)
    case "date", "datetime": return moments(key.key, value, report: &report)
    case "after": return after(value, report: &report)
    case "when": return when(value, name: name, report: &report)
    case "given": return given(value, name: name, report: &report)
    case "mixture": return mixture(value, name: name, report: &report)
    default:
      if let distribution = Distribution.byName[key.key] {
        return self.distribution(distribution, value, at: key.keySpan, report: &report)
      }
      report.append(
        .error(
          "AX0642", at: key.keySpan, "unknown source of values '\(key.key)'",
          hint: Spelling.closest(to: key.key, among: Self.sourceNames).map {
            "did you mean '\($0)'?"
          }
            ?? "one of " + Self.sourceNames.joined(separator: ", ")))
      return nil
    }
  }

  // MARK: The sources

  private func expression(_ text: String, _ span: SourceSpan, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    guard let expression = ColumnExpression(text, at: span, schema: schema, report: &report) else {
      return nil
    }
    return (.expression(expression), ColumnSchema("", expression.type))
  }

  private static func scalar(_ node: Node) -> RuleColumn.Scalar? {
    switch node.value {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .text(let value): .text(value)
    case .list, .map: nil
    }
  }

  private func constant(_ node: Node, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    guard let scalar = Self.scalar(node) else {
      report.append(.error("AX0643", at: node.span, "'constant' is one value"))
      return nil
    }
    return (.constant(scalar), Self.schema(of: [scalar]) ?? ColumnSchema("", .text))
  }

  /// The one type that holds all these values; nil when there is none.
  private static func schema(of values: [RuleColumn.Scalar]) -> ColumnSchema? {
    var types: Set<ColumnType> = []
    for value in values {
      switch value {
      case .null: break
      case .bool: types.insert(.bool)
      case .int: types.insert(.int)
      case .double: types.insert(.double)
      case .text: types.insert(.category)
      }
    }
    if types == [.int, .double] { types = [.double] }
    guard types.count <= 1 else { return nil }
    let type = types.first ?? .category
    let texts = values.compactMap { if case .text(let text) = $0 { text } else { nil } }
    let sorted = Set(texts).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return ColumnSchema("", type, categories: type == .category ? sorted : [])
  }

  private func choice(_ node: Node, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    var values: [RuleColumn.Scalar] = []
    var weights: [Double] = []
    for item in node.items {
      guard let value = Self.scalar(item) else {
        report.append(.error("AX0644", at: item.span, "a choice is a single value"))
        return nil
      }
      values.append(value)
      weights.append(1)
    }
    // The order of keys means nothing in this language, so it must not move a draw.
    let members = node.members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for member in members {
      guard let weight = member.value.double, weight >= 0, weight.isFinite else {
        report.append(
          .error(
            "AX0644", at: member.value.span, "the weight of '\(member.key)' is a number, 0 or more")
        )
        return nil
      }
      values.append(Self.typed(member.key))
      weights.append(weight)
    }
    let total = weights.reduce(0, +)
    guard !values.isEmpty, total > 0, total.isFinite else {
      report.append(
        .error(
          "AX0644", at: node.span, "'choice' needs at least one value with a weight above 0",
          hint: "choice: {red: 0.7, blue: 0.3} or choice: [red, blue]"))
      return nil
    }
    if values.contains(where: { Self.schema(of: [$0])?.type != Self.schema(of: [values[0]])?.type }
    ),
      Self.schema(of: values) == nil
    {
      // Words and numbers together are words.
      values = zip(values, members.map(\.key)).map { _, key in .text(key) }
    }
    guard let schema = Self.schema(of: values) else {
      report.append(.error("AX0644", at: node.span, "the choices are of different types"))
      return nil
    }
    var sum = 0.0
    var cumulative = weights.map { weight in
      sum += weight
      return sum / total
    }
    cumulative[cumulative.count - 1] = 1
    return (.choice(values: values, cumulative: cumulative), schema)
  }

  /// A key of a map has lost its YAML type; whole numbers and truth values get it back.
  private static func typed(_ key: String) -> RuleColumn.Scalar {
    if key == "true" || key == "false" { return .bool(key == "true") }
    if let whole = Int64(key), String(whole) == key { return .int(whole) }
    return .text(key)
  }

  private func pattern(_ node: Node, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    let text = node.text ?? node["text"]?.text
    guard let text else {
      report.append(
        .error("AX0645", at: node.span, "'pattern' is a text", hint: "pattern: '[A-Z]{3}-[0-9]{6}'")
      )
      return nil
    }
    let span = node["text"]?.span ?? node.span
    do {
      let pattern = try RulePattern(text)
      let isUnique = node["unique"]?.bool ?? false
      if isUnique, pattern.count == nil {
        report.append(
          .error(
            "AX0645", at: span, "a unique pattern makes fewer than 2^62 texts", hint: "shorten it"))
        return nil
      }
      return (.pattern(pattern, isUnique: isUnique), ColumnSchema("", .text))
    } catch {
      report.append(.error("AX0645", at: span.slice(offset: error.offset), error.fact))
      return nil
    }
  }

  private static let units = ["days": 86_400e6, "hours": 3_600e6, "minutes": 60e6, "seconds": 1e6]

  /// Whole numbers, days or moments that rise by the same step from row to row.
  private func sequence(_ node: Node, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    let step = Int64(node["step"]?.int ?? 1)
    let start = node["start"]
    let unit = node["unit"]
    if let text = start?.source ?? start?.text, start?.int == nil {
      let name = unit?.text ?? "days"
      if let days = CivilDate.days(text), name == "days" {
        return (.sequence(start: Int64(days), step: step), ColumnSchema("", .date))
      }
      if let from = CivilDate.microseconds(text), let length = Self.units[name] {
        let (length, overflow) = step.multipliedReportingOverflow(by: Int64(length))
        if !overflow { return (.sequence(start: from, step: length), ColumnSchema("", .datetime)) }
      }
      report.append(
        .error(
          "AX0646", at: start?.span ?? node.span, "'start' is no number, date or time",
          hint: "sequence: {start: 2024-01-01, step: 7} or {start: '2024-01-01 00:00', unit: hours}"
        ))
      return nil
    }
    if let unit {
      report.append(
        .error(
          "AX0646", at: unit.span, "'unit' is for sequences of dates and times",
          cause: "this one counts whole numbers", hint: "start: 2024-01-01"))
      return nil
    }
    return (.sequence(start: Int64(start?.int ?? 1), step: step), ColumnSchema("", .int))
  }

  private func moments(_ kind: String, _ node: Node, report: inout Diagnostics) -> (
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
    return kind == "date"
      ? (.dates(from: values[0], through: values[1]), ColumnSchema("", .date))
      : (.datetimes(from: values[0], through: values[1]), ColumnSchema("", .datetime))
  }

  private func after(_ node: Node, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    guard let name = node["column"]?.text, let base = schema[name],
      base.type == .date || base.type == .datetime
    else {
      report.append(
        .error(
          "AX0647", at: node["column"]?.span ?? node.span,
          "'after' needs a date or datetime column",
          cause: node["column"]?.text.map { name in
            schema[name].map { "'\(name)' is a column of type \($0.type.rawValue)" }
              ?? "there is no column '\(name)'"
          },
          hint: "after: {column: placed, gap: {gamma: {shape: 2, scale: 1.5}}, unit: days}"))
      return nil
    }
    let unit = node["unit"]?.text ?? "days"
    guard let microseconds = Self.units[unit], base.type == .datetime || unit == "days" else {
      report.append(
        .error(
          "AX0647", at: node["unit"]?.span ?? node.span, "the unit '\(unit)' does not fit",
          cause: base.type == .date ? "'\(name)' is a date, which has whole days only" : nil,
          hint: "one of " + Self.units.keys.sorted().joined(separator: ", ")))
      return nil
    }
    guard let gap = node["gap"], let (source, shape) = source(gap, name: "gap", report: &report)
    else {
      if node["gap"] == nil {
        report.append(.error("AX0647", at: node.span, "'after' needs a 'gap'"))
      }
      return nil
    }
    guard shape.type == .double || shape.type == .int else {
      report.append(.error("AX0647", at: gap.span, "'gap' is a number"))
      return nil
    }
    return (
      .after(column: name, microseconds: microseconds, gap: source), ColumnSchema("", base.type)
    )
  }

  private func when(_ node: Node, name: String, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    var branches: [(ColumnExpression?, RuleColumn.Source, ColumnSchema)] = []
    for item in node.items {
      var condition: ColumnExpression?
      if let test = item["if"] {
        guard
          let parsed = ColumnExpression(
            test.text ?? "", at: test.span, schema: schema, report: &report)
        else { return nil }
        guard parsed.type == .bool else {
          report.append(
            .error("AX0648", at: test.span, "'if' needs a condition that is true or false"))
          return nil
        }
        condition = parsed
      }
      guard let body = item["if"] == nil ? item["else"] : item["then"] else {
        report.append(
          .error(
            "AX0648", at: item.span, "a branch is {if: …, then: …}, and the last one {else: …}"))
        return nil
      }
      guard let (source, shape) = source(body, name: name, report: &report) else { return nil }
      branches.append((condition, source, shape))
    }
    guard let last = branches.last, last.0 == nil,
      branches.dropLast().allSatisfy({ $0.0 != nil })
    else {
      report.append(
        .error(
          "AX0648", at: node.items.last?.span ?? node.span, "'when' ends with one 'else'",
          hint: "else: null leaves the other rows missing"))
      return nil
    }
    guard let shape = union(branches.map { ($0.1, $0.2) }, name, node, report: &report) else {
      return nil
    }
    return (.when(branches.map { ($0.0, $0.1) }), shape)
  }

  /// How many sources a mixture may have.
  static let mostSources = 64

  private func mixture(_ node: Node, name: String, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    var sources: [(RuleColumn.Source, ColumnSchema)] = []
    var weights: [Double] = []
    for item in node.items {
      guard let body = item["of"],
        let found = source(body, name: name, report: &report)
      else { return nil }
      sources.append(found)
      weights.append(item["weight"]?.double ?? 1)
    }
    let total = weights.reduce(0, +)
    guard (1...Self.mostSources).contains(sources.count), total > 0, total.isFinite else {
      report.append(
        .error(
          "AX0648", at: node.span,
          "a mixture has from 1 to \(Self.mostSources) sources, one of them with a weight",
          hint: "mixture: [{weight: 9, of: {normal: {mean: 20}}}, {of: {normal: {mean: 90}}}]"))
      return nil
    }
    guard let shape = union(sources, name, node, report: &report) else { return nil }
    var sum = 0.0
    var cumulative = weights.map { weight in
      sum += weight / total
      return sum
    }
    // What comes after the last weight that counts is never drawn.
    let last = weights.lastIndex { $0 > 0 } ?? 0
    for index in last..<cumulative.count { cumulative[index] = 1 }
    return (.mixture(sources: sources.map(\.0), cumulative: cumulative), shape)
  }

  /// `given: {column: segment, retail: …, business: …, else: …}` is `when` over its values.
  private func given(_ node: Node, name: String, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    guard let key = node["column"]?.text, let base = schema[key] else {
      report.append(
        .error(
          "AX0649", at: node["column"]?.span ?? node.span,
          "'given' needs a column",
          cause: node["column"]?.text.map { "there is no column '\($0)'" },
          hint: Spelling.closest(to: node["column"]?.text ?? "", among: schema.names).map {
            "did you mean '\($0)'?"
          }))
      return nil
    }
    var items: [Node] = []
    for member in node.members where member.key != "column" {
      if member.key == "else" { continue }
      if base.type == .category, !base.categories.contains(member.key) {
        report.append(
          .error(
            "AX0649", at: member.keySpan, "'\(key)' is never '\(member.key)'",
            // Where, not which: they may be people's.
            hint: columns.first { $0.schema.name == key }.map {
              "its values are listed in line \($0.span.line)"
            }))
        return nil
      }
      let literal =
        base.type == .category || base.type == .text
        ? "'" + member.key.replacing("'", with: "\\'") + "'" : member.key
      let test = Node(.text("`\(key)` == \(literal)"), at: member.keySpan)
      items.append(
        Node(
          .map([
            .init(key: "if", keySpan: member.keySpan, value: test),
            .init(key: "then", keySpan: member.keySpan, value: member.value),
          ]), at: member.value.span))
    }
    let otherwise = node["else"] ?? Node(.null, at: node.span)
    items.append(
      Node(
        .map([.init(key: "else", keySpan: otherwise.span, value: otherwise)]), at: otherwise.span))
    return when(Node(.list(items), at: node.span), name: name, report: &report)
  }

  private func union(
    _ branches: [(RuleColumn.Source, ColumnSchema)], _ name: String, _ node: Node,
    report: inout Diagnostics
  ) -> ColumnSchema? {
    if let shape = Self.union(branches) { return shape }
    report.append(
      .error(
        "AX0648", at: node.span, "the branches of '\(name)' give values of different types",
        cause: "in order, "
          + branches.map { source, shape in
            if case .constant(.null) = source { "missing" } else { shape.type.rawValue }
          }.joined(separator: ", ")))
    return nil
  }

  private static func union(_ branches: [(RuleColumn.Source, ColumnSchema)]) -> ColumnSchema? {
    let shapes = branches.filter {
      if case .constant(.null) = $0.0 { false } else { true }
    }.map(\.1)
    guard let first = shapes.first else { return branches.first?.1 }
    let types = Set(shapes.map(\.type))
    if types == [.int, .double] { return ColumnSchema("", .double) }
    guard types.count == 1 else { return nil }
    let all = Set(shapes.flatMap(\.categories)).sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    return ColumnSchema("", first.type, categories: all)
  }

  private func distribution(
    _ distribution: Distribution, _ node: Node, at span: SourceSpan, report: inout Diagnostics
  ) -> (RuleColumn.Source, ColumnSchema)? {
    var parameters: [RuleColumn.Parameter] = []
    var isSound = true
    let known = distribution.parameters.map(\.name)
    for member in node.members where !known.contains(member.key) {
      report.append(
        .error(
          "AX0650", at: member.keySpan, "'\(distribution.name)' has no parameter '\(member.key)'",
          hint: Spelling.closest(to: member.key, among: known).map { "did you mean '\($0)'?" }
            ?? "it has " + known.joined(separator: ", ")))
      isSound = false
    }
    for parameter in distribution.parameters {
      // One parameter may stand by itself: `poisson: 3`.
      let value =
        node[parameter.name]
        ?? (distribution.parameters.count == 1 && node.members.isEmpty ? node : nil)
      if let number = value?.double {
        parameters.append(.number(number))
      } else if let text = value?.text, let value {
        guard
          let expression = ColumnExpression(text, at: value.span, schema: schema, report: &report)
        else {
          isSound = false
          continue
        }
        if expression.type != .int, expression.type != .double {
          report.append(.error("AX0650", at: value.span, "'\(parameter.name)' is a number"))
          isSound = false
        }
        parameters.append(.expression(expression))
      } else if value == nil || value?.value == .null, let fallback = parameter.fallback {
        parameters.append(.number(fallback))
      } else {
        report.append(
          .error(
            "AX0650", at: value?.span ?? span,
            "'\(distribution.name)' needs '\(parameter.name)': \(parameter.summary)"))
        isSound = false
      }
    }
    guard isSound else { return nil }
    let numbers = parameters.compactMap { if case .number(let value) = $0 { value } else { nil } }
    if numbers.count == parameters.count, distribution.shape(numbers) == nil {
      report.append(
        .error(
          "AX0650", at: node.span, "the parameters of '\(distribution.name)' are out of range",
          cause: distribution.ranges))
      return nil
    }
    let type: ColumnType =
      distribution.name == "bernoulli" ? .bool : distribution.isWhole ? .int : .double
    return (.distribution(distribution, parameters), ColumnSchema("", type))
  }
}
