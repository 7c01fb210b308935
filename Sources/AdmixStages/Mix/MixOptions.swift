import AdmixModel
import AdmixSpec

/// The options of a blend, checked.
struct MixOptions: Sendable {
  enum Amount: Sendable {
    case share(Double)
    case rows(Int)
  }

  enum WhenShort: String, Sendable, CaseIterable { case error, `repeat`, shrink }

  struct Part: Sendable {
    var name: String
    /// The edge's role.
    var role: String
    var amount: Amount
    var whenShort: WhenShort
    /// Of the amount.
    var span: SourceSpan
    var fromSpan: SourceSpan
  }

  enum Target: Sendable {
    case equal
    case shares([(key: String, share: Double, span: SourceSpan)])
  }

  struct Balance: Sendable {
    var columns: [(name: String, span: SourceSpan)]
    var target: Target
    var span: SourceSpan
  }

  /// Sorted by name, as the language gives them.
  var parts: [Part] = []
  /// Nil where the parts' own numbers say it.
  var rows: Int?
  var rowsSpan: SourceSpan
  var balance: Balance?

  init(_ options: OptionValues, report: inout Diagnostics) {
    rows = options["rows"]?.int
    rowsSpan = options["rows"]?.span ?? options.span
    for member in options["parts"]?.members ?? [] {
      if let part = Self.part(member, report: &report) { parts.append(part) }
    }
    checkAmounts(options, report: &report)
    if let node = options["balance"] { balance = Self.balance(node, report: &report) }
  }

  private static func part(_ member: Node.Member, report: inout Diagnostics) -> Part? {
    let node = member.value
    let amount: Amount
    let span: SourceSpan
    switch (node["share"], node["rows"]) {
    case (let share?, nil):
      amount = .share(share.double ?? 0)
      span = share.span
    case (nil, let rows?):
      amount = .rows(rows.int ?? 0)
      span = rows.span
    case (nil, nil):
      report.append(
        .error(
          "AX0622", at: member.keySpan, "the part '\(member.key)' has neither 'share' nor 'rows'",
          hint: "add 'share: 0.5' or 'rows: 1000'"))
      return nil
    case (_?, let rows?):
      report.append(
        .error(
          "AX0622", at: rows.span, "the part '\(member.key)' has both 'share' and 'rows'",
          hint: "remove one of them"))
      return nil
    }
    let isPlain = PipelineFields.isName(member.key) && member.key.contains { !$0.isNumber }
    let key = isPlain ? member.key : JSONValue.string(member.key).text
    return Part(
      name: member.key, role: "parts.\(key).from", amount: amount,
      whenShort: node["when-short"]?.text.flatMap(WhenShort.init) ?? .error, span: span,
      fromSpan: node["from"]?.span ?? member.keySpan)
  }

  private func checkAmounts(_ options: OptionValues, report: inout Diagnostics) {
    let partsSpan = options["parts"]?.span ?? options.span
    guard !parts.isEmpty else {
      if options["parts"]?.members.isEmpty != false {
        report.append(.error("AX0622", at: partsSpan, "'parts' names no part"))
      }
      return
    }
    let shares = parts.compactMap { if case .share(let share) = $0.amount { share } else { nil } }
    let fixed = parts.compactMap { if case .rows(let rows) = $0.amount { rows } else { nil } }
    var fixedRows = 0
    for rows in fixed {
      let (sum, isTooLarge) = fixedRows.addingReportingOverflow(rows)
      fixedRows = isTooLarge ? .max : sum
    }
    // A part that has been refused would only make the sum look wrong.
    if parts.count == options["parts"]?.members.count, !shares.isEmpty {
      let sum = shares.reduce(0, +)
      if abs(sum - 1) > 1e-9 {
        report.append(
          .error(
            "AX0621", at: partsSpan,
            "the shares of 'parts' add up to \((sum * 1e9).rounded() / 1e9)",
            cause: "they are parts of one whole and add up to 1"))
      }
    }
    if let rows {
      if rows > Mix.mostRows {
        report.append(
          .error(
            "AX0625", at: rowsSpan, "'rows' is \(rows)", cause: "at most \(Mix.mostRows) are made"))
      } else if shares.isEmpty, rows != fixedRows {
        report.append(
          .error(
            "AX0625", at: rowsSpan,
            "'rows' is \(rows), but the parts have \(fixedRows) rows in all",
            hint: "remove 'rows', or give a part a 'share'"))
      } else if rows < fixedRows {
        report.append(
          .error(
            "AX0625", at: rowsSpan,
            "'rows' is \(rows), fewer than the \(fixedRows) that parts ask for by themselves"))
      }
    } else if !shares.isEmpty {
      report.append(
        .error(
          "AX0625", at: options.span, "a blend with shares needs 'rows'",
          hint: "add 'rows:' with the size of the whole"))
    } else if fixedRows > Mix.mostRows {
      report.append(
        .error("AX0625", at: partsSpan, "the parts have more than \(Mix.mostRows) rows in all"))
    }
  }

  private static func balance(_ node: Node, report: inout Diagnostics) -> Balance? {
    let columns = (node["by"]?.items ?? []).compactMap { item in
      item.text.map { (name: $0, span: item.span) }
    }
    guard let to = node["to"], !columns.isEmpty else {
      report.append(.error("AX0626", at: node.span, "'balance' names no column to balance by"))
      return nil
    }
    for (index, column) in columns.enumerated()
    where columns[..<index].contains(where: { $0.name == column.name }) {
      report.append(
        .error("AX0626", at: column.span, "'by' names the column '\(column.name)' twice"))
    }
    if case .map(let members) = to.value {
      let shares = members.map { ($0.key, $0.value.double ?? 0, $0.keySpan) }
      let sum = shares.reduce(0) { $0 + $1.1 }
      if abs(sum - 1) > 1e-9 {
        report.append(
          .error(
            "AX0621", at: to.span, "the shares of 'to' add up to \((sum * 1e9).rounded() / 1e9)",
            cause: "they are parts of one whole and add up to 1"))
      }
      return Balance(
        columns: columns, target: .shares(shares.map { (key: $0.0, share: $0.1, span: $0.2) }),
        span: to.span)
    }
    return Balance(columns: columns, target: .equal, span: to.span)
  }
}
