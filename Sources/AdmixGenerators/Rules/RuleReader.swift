import AdmixData
import AdmixModel
import AdmixSpec

/// Reads tables that belong to each other, columns of all of them in one order.
struct RuleReader {
  private let members: [Node.Member]
  private(set) var tables: [RuleTable] = []
  /// By table, with what is planted.
  private var columns: [[Node.Member]] = []
  /// By table, the names of the columns it shows.
  private var shown: [[String]] = []
  private var parsers: [RuleParser] = []
  /// Of how many rows a table's parent rows have: what they see is above the table only.
  private var counters: [RuleParser] = []

  /// - Parameter node: one-key maps, table name to declaration; the first is the one that `rows` counts.
  static func read(_ node: Node, report: inout Diagnostics) -> [RuleTable] {
    var found = Diagnostics()
    var reader = RuleReader(node.items.flatMap(\.members))
    reader.declare(&found)
    if !found.hasErrors { reader.readColumns(&found) }
    report.append(contentsOf: found)
    if !found.hasErrors { return reader.tables }
    // Which tables there are is known; of their columns nothing is said that may be wrong.
    return reader.tables.map {
      RuleTable(name: $0.name, span: $0.span, columns: [], schema: Schema())
    }
  }

  private init(_ members: [Node.Member]) { self.members = members }

  // MARK: Tables

  /// The most rows of a table that others draw rows of by weight.
  private static let mostWeighted = 10_000_000

  private mutating func declare(_ report: inout Diagnostics) {
    var numbers: [String: Int] = [:]
    for (index, member) in members.enumerated() {
      if !Self.isName(member.key) {
        report.append(
          .error(
            "AX0680", at: member.keySpan, "'\(member.key)' cannot be the name of a table",
            cause: "names are letters, digits, '_' and '-', and begin with a letter"))
      }
      if numbers[member.key] != nil {
        report.append(
          .error("AX0680", at: member.keySpan, "table '\(member.key)' is declared twice"))
      }
      numbers[member.key] = index
    }
    for (index, member) in members.enumerated() {
      let node = member.value
      var table = RuleTable(name: member.key, span: member.keySpan, columns: [], schema: Schema())
      if let per = node["per"] {
        table.parent = number(per, numbers, &report)
        if table.parent == index {
          report.append(
            .error("AX0680", at: per.span, "the rows of '\(member.key)' belong to themselves"))
        }
        if node["count"] == nil {
          report.append(
            .error(
              "AX0680", at: per.span, "'per' needs 'count'",
              cause: "it says how many rows belong to one row of '\(per.text ?? "")'",
              hint: "count: {poisson: {mean: 3}}"))
        }
      } else if let count = node["count"] {
        report.append(
          .error(
            "AX0680", at: count.span, "'count' needs 'per'",
            cause: "it says how many rows belong to one row of another table"))
      }
      if let rows = node["rows"] {
        table.rows = rows.int
        if index == 0 || node["per"] != nil {
          report.append(
            .error(
              "AX0680", at: rows.span,
              "'\(member.key)' has its number of rows from "
                + (index == 0 ? "the stage's 'rows'" : "'count'"),
              hint: "remove this one"))
        }
      } else if index > 0, node["per"] == nil {
        report.append(
          .error(
            "AX0680", at: member.keySpan, "nothing says how many rows '\(member.key)' has",
            hint: "per: a table whose rows its rows belong to, or rows: 100"))
      }
      if index == 0, let per = node["per"] {
        report.append(
          .error(
            "AX0680", at: per.span, "the first table belongs to no other",
            cause: "it is the one that the stage's 'rows' counts"))
      }
      tables.append(table)
    }
    if report.hasErrors { return }
    for index in tables.indices {
      guard let ancestors = ancestors(of: index) else {
        report.append(
          .error(
            "AX0680", at: tables[index].span, "'\(tables[index].name)' belongs to itself",
            cause: "tables that are 'per' each other have no first row"))
        return
      }
      for ancestor in ancestors { tables[index].seen[tables[ancestor].name] = .ancestor(ancestor) }
    }
    for index in tables.indices { link(index, numbers, &report) }
  }

  private static func isName(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, first.properties.isAlphabetic || first == "_"
    else { return false }
    return !name.hasSuffix("-")
      && name.unicodeScalars.allSatisfy {
        $0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "_" || $0 == "-"
      }
  }

  private func number(_ node: Node, _ numbers: [String: Int], _ report: inout Diagnostics) -> Int? {
    if let found = numbers[node.text ?? ""] { return found }
    report.append(
      .error(
        "AX0680", at: node.span, "there is no table '\(node.text ?? "")'",
        hint: Spelling.closest(to: node.text ?? "", among: numbers.keys).map {
          "did you mean '\($0)'?"
        }))
    return nil
  }

  /// Nil where they go round in a circle.
  private func ancestors(of table: Int) -> [Int]? {
    var found: [Int] = []
    var next = tables[table].parent
    while let ancestor = next {
      if ancestor == table || found.contains(ancestor) { return nil }
      found.append(ancestor)
      next = tables[ancestor].parent
    }
    return found
  }

  private mutating func link(
    _ index: Int, _ numbers: [String: Int], _ report: inout Diagnostics
  ) {
    for member in members[index].value["links"]?.members ?? [] {
      let node = member.value
      guard let other = number(node["table"] ?? node, numbers, &report) else { continue }
      let span = node["table"]?.span ?? node.span
      if !Self.isName(member.key) || tables[index].seen[member.key] != nil {
        report.append(
          .error(
            "AX0680", at: member.keySpan, "'\(member.key)' cannot be the name of a link",
            cause: tables[index].seen[member.key] == nil
              ? "names are letters, digits, '_' and '-', and begin with a letter"
              : "expressions know a table by it"))
      }
      guard let rows = tables[other].rows, rows > 0 else {
        report.append(
          .error(
            "AX0680", at: span, "'\(tables[other].name)' has no rows of its own number",
            cause: "rows are drawn from among those of a table that has 'rows'",
            hint: other == tables[index].parent
              ? "rows of a 'per' table see those that they belong to as \(tables[other].name).COLUMN"
              : nil))
        continue
      }
      if node["weight"] != nil, rows > Self.mostWeighted {
        report.append(
          .error(
            "AX0680", at: span,
            "'\(tables[other].name)' has more than \(Self.mostWeighted) rows to weigh"))
      }
      tables[index].seen[member.key] = .link(tables[index].links.count)
      tables[index].links.append(
        .init(
          name: member.key, table: other, rows: rows, weight: node["weight"]?.text,
          span: node["weight"]?.span ?? span))
    }
  }

  // MARK: Columns

  private struct Place {
    var table: Int
    var isCount: Bool
  }

  private mutating func readColumns(_ report: inout Diagnostics) {
    for member in members {
      let made = RulePlant.columns(
        member.value["columns"]?.items.flatMap(\.members) ?? [], member.value["plant"],
        report: &report)
      columns.append(made.columns)
      shown.append(made.columns.map(\.key).filter { !made.hidden.contains($0) })
    }
    var items: [RuleOrder.Item] = []
    var places: [String: Place] = [:]
    for (index, member) in members.enumerated() {
      if let count = member.value["count"] {
        let key = Self.countKey(member.key)
        items.append(
          .init(
            key: key, member: .init(key: "count", keySpan: count.span, value: count),
            uses: keys(RuleOrder.names(in: count), of: index)))
        places[key] = Place(table: index, isCount: true)
      }
      if columns[index].isEmpty {
        report.append(
          .error("AX0642", at: member.keySpan, "table '\(member.key)' declares no column"))
      }
      for column in columns[index] {
        if tables[index].seen[String(column.key.prefix { $0 != "." })] != nil,
          column.key.contains(".")
        {
          report.append(
            .error(
              "AX0680", at: column.keySpan,
              "'\(column.key)' is what expressions call a column of another table"))
        }
        let key = "\(member.key).\(column.key)"
        var uses = keys(RuleOrder.names(in: column.value), of: index)
        if member.value["count"] != nil { uses.insert(Self.countKey(member.key)) }
        items.append(.init(key: key, member: column, uses: uses))
        places[key] = Place(table: index, isCount: false)
      }
    }
    for index in tables.indices {
      var parser = RuleParser()
      parser.place = .init(isChild: tables[index].parent != nil)
      counters.append(parser)
      for (child, table) in tables.enumerated() where table.parent == index {
        parser.place?.children[table.name] = child
      }
      parsers.append(parser)
    }
    let order = RuleOrder(items, report: &report)
    var failed: Set<String> = []
    for item in order.items {
      guard let place = places[item.key], item.uses.isDisjoint(with: failed),
        read(item, place, &report)
      else {
        failed.insert(item.key)
        continue
      }
    }
    for index in tables.indices {
      tables[index].columns = parsers[index].columns
      tables[index].schema = Schema(
        shown[index].compactMap { name in
          parsers[index].columns.first { $0.schema.name == name }?.schema
        })
    }
    checkWeights(&report)
  }

  private static func countKey(_ table: String) -> String { "the count of \(table)" }

  /// What names in a table's declarations stand for, as keys of the order.
  private func keys(_ names: Set<String>, of index: Int) -> Set<String> {
    let own = Set(columns[index].map(\.key))
    var keys: Set<String> = []
    for name in names {
      let isPart = name.hasPrefix(RuleOrder.partMark)
      let name = isPart ? String(name.dropFirst(RuleOrder.partMark.count)) : name
      if !isPart, own.contains(name) {
        keys.insert("\(tables[index].name).\(name)")
        continue
      }
      let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
      guard let first = parts.first else { continue }
      if isPart {
        guard tables.contains(where: { $0.parent == index && $0.name == first }) else { continue }
        keys.insert(Self.countKey(first))
        if parts.count == 2 { keys.insert(name) }
        continue
      }
      guard parts.count == 2 else { continue }
      switch tables[index].seen[first] {
      case .ancestor(let other): keys.insert("\(tables[other].name).\(parts[1])")
      case .link(let link):
        let link = tables[index].links[link]
        keys.insert("\(tables[link.table].name).\(parts[1])")
        if let weight = link.weight { keys.insert("\(tables[link.table].name).\(weight)") }
      case nil: break
      }
    }
    return keys
  }

  /// - Returns: whether it could be read.
  private mutating func read(
    _ item: RuleOrder.Item, _ place: Place, _ report: inout Diagnostics
  ) -> Bool {
    if place.isCount {
      guard let column = counters[place.table].read(item.member, report: &report) else {
        return false
      }
      guard [.int, .double, .bool].contains(column.schema.type) else {
        report.append(
          .error(
            "AX0680", at: item.member.keySpan, "'count' is a number of rows",
            cause: "this is a column of type \(column.schema.type.rawValue)"))
        return false
      }
      tables[place.table].count = column
      return true
    }
    guard let column = parsers[place.table].read(item.member, report: &report) else {
      return false
    }
    for (index, table) in tables.enumerated() {
      for (name, seen) in table.seen {
        let visible = "\(name).\(column.schema.name)"
        switch seen {
        case .ancestor(place.table):
          parsers[index].see(column.schema, as: visible)
          counters[index].see(column.schema, as: visible)
        case .link(let link) where table.links[link].table == place.table:
          parsers[index].see(column.schema, as: visible)
        default: break
        }
      }
    }
    if let parent = tables[place.table].parent {
      var part = column.schema
      part.name = "\(tables[place.table].name).\(part.name)"
      parsers[parent].place?.parts.columns.append(part)
    }
    return true
  }

  private func checkWeights(_ report: inout Diagnostics) {
    for table in tables {
      for link in table.links {
        guard let weight = link.weight else { continue }
        let other = tables[link.table]
        let type = other.schema[weight]?.type
        if type != .int && type != .double {
          report.append(
            .error(
              "AX0680", at: link.span, "'\(weight)' is no column of numbers of '\(other.name)'",
              cause: "rows are drawn in proportion to it",
              hint: Spelling.closest(to: weight, among: other.schema.names).map {
                "did you mean '\($0)'?"
              }))
        }
      }
    }
  }
}
