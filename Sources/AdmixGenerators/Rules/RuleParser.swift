import AdmixData
import AdmixModel
import AdmixSpec
import Foundation

/// Reads declared columns, each after those it uses.
struct RuleParser {
  /// The columns read so far, as later expressions see them, and what is seen of other tables.
  private(set) var schema = Schema()
  /// In the order they can be made in.
  private(set) var columns: [RuleColumn] = []
  /// Where its table has a place among others.
  var place: Place?

  /// What a table of several has beside its own columns.
  struct Place {
    /// Whether its rows belong to rows of another table.
    var isChild: Bool
    /// The tables whose rows belong to rows of this one, by their numbers.
    var children: [String: Int] = [:]
    /// Their columns, as `lines.amount`.
    var parts = Schema()
  }

  /// - Parameter members: column name to declaration.
  mutating func read(_ members: [Node.Member], report: inout Diagnostics) {
    let order = RuleOrder(members, report: &report)
    var failed: Set<String> = []
    for item in order.items {
      // What is wrong with a column is said once, not again for those that use it.
      guard item.uses.isDisjoint(with: failed), read(item.member, report: &report) != nil else {
        failed.insert(item.key)
        continue
      }
    }
  }

  /// Reads one column, whose needs are there.
  mutating func read(_ member: Node.Member, report: inout Diagnostics) -> RuleColumn? {
    guard let column = column(member, report: &report) else { return nil }
    columns.append(column)
    schema.columns.append(column.schema)
    return column
  }

  /// Lets expressions see a column of another table.
  mutating func see(_ column: ColumnSchema, as name: String) {
    var column = column
    column.name = name
    schema.columns.append(column)
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

  static let sourceNames =
    [
      "choice", "constant", "expression", "sequence", "uuid", "pattern", "identifier", "name",
      "date", "datetime",
      "after", "arrivals", "position", "aggregate", "when", "given", "mixture",
    ]
    + Distribution.all.map(\.name)

  func source(_ node: Node, name: String, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    switch node.value {
    case .map: break
    case .text(let text): return expression(text, node.span, report: &report)
    case .bool, .int, .double, .null: return constant(node, report: &report)
    case .list:
      return choice(node, report: &report)
    }
    let keys = node.members.filter { !RulePlant.modifiers.contains($0.key) }
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
    case "identifier": return identifier(value, report: &report)
    case "name": return self.name(value, report: &report)
    case "date", "datetime": return moments(key.key, value, report: &report)
    case "after": return after(value, report: &report)
    case "arrivals": return arrivals(value, report: &report)
    case "position": return position(value, report: &report)
    case "aggregate": return aggregate(value, report: &report)
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

  func expression(_ text: String, _ span: SourceSpan, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    guard let expression = ColumnExpression(text, at: span, schema: schema, report: &report) else {
      return nil
    }
    return (.expression(expression), ColumnSchema("", expression.type))
  }
}
