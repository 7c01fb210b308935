import AdmixExpression
import AdmixModel
import AdmixSpec

/// The order in which declared columns can be made: each after those it uses.
struct RuleOrder {
  /// Columns in that order; declared order where there is a choice.
  private(set) var members: [Node.Member] = []
  /// By column, the declared columns that it uses.
  private(set) var uses: [String: Set<String>] = [:]

  /// Reports columns that are declared twice, and those that wait for each other in a circle.
  init(_ declared: [Node.Member], report: inout Diagnostics) {
    var names: Set<String> = []
    var open: [Node.Member] = []
    for member in declared {
      if names.insert(member.key).inserted {
        open.append(member)
      } else {
        report.append(
          .error("AX0640", at: member.keySpan, "column '\(member.key)' is declared twice"))
      }
    }
    for member in open { uses[member.key] = Self.names(in: member.value).intersection(names) }
    var done: Set<String> = []
    while !open.isEmpty {
      let next = open.firstIndex { uses[$0.key]?.isSubset(of: done) ?? true }
      guard let next else {
        report.append(circle(open))
        return
      }
      let member = open.remove(at: next)
      done.insert(member.key)
      members.append(member)
    }
  }

  /// Says a circle that is among these columns, each of which waits for another one of them.
  private func circle(_ open: [Node.Member]) -> Diagnostic {
    let waiting = Set(open.map(\.key))
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
      "AX0652", at: place.keySpan,
      path.count == 1
        ? "column '\(place.key)' uses itself" : "columns wait for each other in a circle",
      cause: path.count == 1
        ? nil : names[0] + " uses " + names.dropFirst().joined(separator: ", which uses "),
      hint: "one of them has to come from a distribution or a constant")
  }

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
