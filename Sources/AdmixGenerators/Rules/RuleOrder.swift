import AdmixExpression
import AdmixModel
import AdmixSpec

/// The order in which declared columns can be made: each after those it uses.
struct RuleOrder {
  /// Something that is made, and what has to be there before.
  struct Item {
    /// What people call it; `orders.total` where there are several tables.
    var key: String
    var member: Node.Member
    /// Keys.
    var uses: Set<String>
  }

  /// Items in that order; declared order where there is a choice.
  private(set) var items: [Item] = []

  /// The columns of one table.
  init(_ declared: [Node.Member], report: inout Diagnostics) {
    self.init(
      declared.map { Item(key: $0.key, member: $0, uses: Self.names(in: $0.value)) },
      report: &report)
  }

  /// Reports items that are declared twice, and those that wait for each other in a circle.
  init(_ declared: [Item], report: inout Diagnostics) {
    var names: Set<String> = []
    var open: [Item] = []
    for item in declared {
      if names.insert(item.key).inserted {
        open.append(item)
      } else {
        report.append(
          .error("AX0640", at: item.member.keySpan, "column '\(item.key)' is declared twice"))
      }
    }
    for index in open.indices { open[index].uses.formIntersection(names) }
    var done: Set<String> = []
    while !open.isEmpty {
      guard let next = open.firstIndex(where: { $0.uses.isSubset(of: done) }) else {
        report.append(circle(open))
        return
      }
      let item = open.remove(at: next)
      done.insert(item.key)
      items.append(item)
    }
  }

  /// Says a circle that is among these, each of which waits for another one of them.
  private func circle(_ open: [Item]) -> Diagnostic {
    let waiting = Set(open.map(\.key))
    let uses = Dictionary(open.map { ($0.key, $0.uses) }) { first, _ in first }
    var path: [String] = []
    var current = open[0].key
    while !path.contains(current) {
      path.append(current)
      let next = uses[current]?.intersection(waiting).min {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
      guard let next else { break }
      current = next
    }
    path = Array(path.drop { $0 != current })
    let place = open.first { path.contains($0.key) } ?? open[0]
    // The circle is told from the column that comes first in the file.
    let start = path.firstIndex(of: place.key) ?? 0
    let names = (path[start...] + path[..<start] + [place.key]).map { "'\($0)'" }
    return .error(
      "AX0652", at: place.member.keySpan,
      path.count == 1
        ? "column '\(place.key)' uses itself" : "columns wait for each other in a circle",
      cause: path.count == 1
        ? nil : names[0] + " uses " + names.dropFirst().joined(separator: ", which uses "),
      hint: "one of them has to come from a distribution or a constant")
  }

  /// Before the name of a table, or of a table's column, whose rows are put together; a column of the same
  /// name is another thing.
  static let partMark = "\u{0}"

  /// Every name that a declaration's expressions hold, and the columns that it names outright.
  static func names(in node: Node) -> Set<String> {
    if let text = node.text { return names(text) }
    var out: Set<String> = []
    for member in node.members {
      switch member.key {
      case "expression", "if": out.formUnion(names(in: member.value))
      case "then", "else", "gap", "of": out.formUnion(names(in: member.value))
      case "after":
        if let name = member.value["column"]?.text { out.insert(name) }
        if let gap = member.value["gap"] { out.formUnion(names(in: gap)) }
      case "arrivals":
        if let name = member.value["after"]?.text { out.insert(name) }
        if let gap = member.value["gap"] { out.formUnion(names(in: gap)) }
      case "aggregate":
        if let name = member.value["of"]?.text { out.insert(partMark + name) }
      case "when", "mixture": for branch in member.value.items { out.formUnion(names(in: branch)) }
      case "given":
        if let name = member.value["column"]?.text { out.insert(name) }
        for branch in member.value.members where branch.key != "column" {
          out.formUnion(names(in: branch.value))
        }
      default:
        guard Distribution.byName[member.key] != nil else { continue }
        out.formUnion(names(in: member.value))
        for parameter in member.value.members { out.formUnion(names(in: parameter.value)) }
      }
    }
    return out
  }

  private static func names(_ text: String) -> Set<String> {
    // What does not parse is reported where the column is read.
    var ignored = Diagnostics()
    let place = SourceSpan(file: "", line: 0, column: 0)
    guard let expression = Expression.parse(text, at: place, report: &ignored) else { return [] }
    var out: Set<String> = []
    collect(expression, &out)
    return out
  }

  private static func collect(_ expression: Expression, _ out: inout Set<String>) {
    switch expression {
    case .null, .bool, .int, .double, .text: break
    case .name(let name, _): out.insert(name)
    case .member(let base, _, _):
      // `a.b` is a column of that name, and says nothing of one that is called `a`.
      if let path = expression.memberPath { out.insert(path) } else { collect(base, &out) }
    case .call(_, let arguments, _): arguments.forEach { collect($0, &out) }
    case .unary(_, let operand, _): collect(operand, &out)
    case .binary(_, let a, let b, _):
      collect(a, &out)
      collect(b, &out)
    case .list(let items, _): items.forEach { collect($0, &out) }
    }
  }
}
