import AdmixData
import AdmixModel
import AdmixSpec

extension RuleParser {
  static func scalar(_ node: Node) -> RuleColumn.Scalar? {
    switch node.value {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .text(let value): .text(value)
    case .list, .map: nil
    }
  }

  func constant(_ node: Node, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    guard let scalar = Self.scalar(node) else {
      report.append(.error("AX0643", at: node.span, "'constant' is one value"))
      return nil
    }
    return (.constant(scalar), Self.schema(of: [scalar]) ?? ColumnSchema("", .text))
  }

  /// The one type that holds all these values; nil when there is none.
  static func schema(of values: [RuleColumn.Scalar]) -> ColumnSchema? {
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

  func choice(_ node: Node, report: inout Diagnostics) -> (
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
  static func typed(_ key: String) -> RuleColumn.Scalar {
    if key == "true" || key == "false" { return .bool(key == "true") }
    if let whole = Int64(key), String(whole) == key { return .int(whole) }
    return .text(key)
  }

  func pattern(_ node: Node, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    let text = node.text ?? node["text"]?.text
    guard let text else {
      report.append(
        .error("AX0645", at: node.span, "'pattern' is a text", hint: "pattern: '[A-Z]{3}-[0-9]{6}'")
      )
      return nil
    }
    return pattern(
      text, at: node["text"]?.span ?? node.span,
      check: node["check"]?.text.flatMap(RuleCheck.init), checkSpan: node["check"]?.span,
      isUnique: node["unique"]?.bool ?? false, report: &report)
  }

  private func pattern(
    _ text: String, at span: SourceSpan, check: RuleCheck?, checkSpan: SourceSpan?, isUnique: Bool,
    report: inout Diagnostics
  ) -> (RuleColumn.Source, ColumnSchema)? {
    do {
      var pattern = try RulePattern(text)
      if isUnique, pattern.count == nil {
        report.append(
          .error(
            "AX0645", at: span, "a unique pattern makes fewer than 2^62 texts", hint: "shorten it"))
        return nil
      }
      if let check, let problem = check.problem(with: pattern.positions) {
        report.append(
          .error(
            "AX0645", at: checkSpan ?? span,
            "the check '\(check.rawValue)' does not fit the pattern",
            cause: problem, hint: "the pattern is the text without its check characters"))
        return nil
      }
      pattern.check = check
      return (.pattern(pattern, isUnique: isUnique), ColumnSchema("", .text))
    } catch {
      report.append(.error("AX0645", at: span.slice(offset: error.offset), error.fact))
      return nil
    }
  }

  /// `identifier: iban`, or `{kind: iban, country: FR, unique: true}`.
  func identifier(_ node: Node, report: inout Diagnostics) -> (RuleColumn.Source, ColumnSchema)? {
    let name = node.text ?? node["kind"]?.text ?? ""
    guard let kind = RuleIdentifier.byName[name] else {
      report.append(
        .error(
          "AX0645", at: node["kind"]?.span ?? node.span, "unknown kind of identifier '\(name)'",
          hint: Spelling.closest(to: name, among: RuleIdentifier.byName.keys).map {
            "did you mean '\($0)'?"
          } ?? "one of " + RuleIdentifier.all.map(\.name).joined(separator: ", ")))
      return nil
    }
    var text = kind.pattern
    if kind.check == .iban {
      let country = node["country"]?.text ?? "DE"
      guard let rest = RuleIdentifier.countries[country] else {
        report.append(
          .error(
            "AX0645", at: node["country"]?.span ?? node.span, "no form of '\(country)' is known",
            hint: "one of " + RuleIdentifier.countries.keys.sorted().joined(separator: ", ")))
        return nil
      }
      text = country + rest
    } else if let country = node["country"] {
      report.append(
        .error("AX0645", at: country.span, "'\(name)' has no country", hint: "remove 'country'"))
      return nil
    }
    return pattern(
      text, at: node["kind"]?.span ?? node.span, check: kind.check, checkSpan: nil,
      isUnique: node["unique"]?.bool ?? false, report: &report)
  }

  func name(_ node: Node, report: inout Diagnostics) -> (RuleColumn.Source, ColumnSchema)? {
    guard let kind = RuleName(rawValue: node.text ?? "") else {
      report.append(
        .error(
          "AX0645", at: node.span, "unknown kind of name '\(node.text ?? "")'",
          hint: "one of " + RuleName.allCases.map(\.rawValue).joined(separator: ", ")))
      return nil
    }
    return (.name(kind), ColumnSchema("", .text))
  }
}
