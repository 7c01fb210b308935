import AdmixData
package import AdmixModel
package import AdmixSpec
import Foundation

/// Rows of a rare class on the way from one training row of it to another (SMOTE and SMOTE-NC).
package struct Smote: DonorGenerator {
  package static let description = GeneratorDescription(
    name: "smote", revision: 1,
    summary: "More rows of a rare class, between a row of it and one of its nearest neighbours.",
    fields: [
      .required(
        "target", .column,
        "The column with the classes; categories, truth values, texts or whole numbers."),
      .optional(
        "class", .listOrOne(.scalar),
        "The class or classes to make, alike often; the rarest unless given."),
      .optional(
        "neighbours", .int(1...1_000), default: 5,
        "Of how many nearest rows of the class one is drawn."),
      .optional(
        "kind", .choice(SmoteKind.allCases.map(\.rawValue)), default: "regular",
        "`regular` begins at any row of the class, `borderline` at those whose neighbours are mostly, but not all, of other classes."
      ),
      .optional(
        "scale", .choice(["standard", "none"]), default: "standard",
        "Whether numbers are divided by their spread in the class before distances are taken; without it, the column with the largest numbers decides."
      ),
      DonorOptions.text,
    ],
    needsLearning: true, conditionsExactly: false,
    cost:
      "Neighbours are found exactly, on all cores: at most the square of the class's rows, times the columns, and less where one number tells rows apart. Sampling O(columns × neighbours) for each row.",
    limits:
      "Rows lie on lines between training rows, and are easily linked to them; not private. Numbers of a class that is not convex come out where no row could be. Learn from the training part only: neighbours across a split leak. The model holds all training rows.",
    sources:
      "Chawla, Bowyer, Hall and Kegelmeyer, SMOTE: Synthetic minority over-sampling technique, JAIR 16 (2002), section 6.1 for categories; Han, Wang and Mao, Borderline-SMOTE (2005)."
  )

  let target: String?
  private let targetSpan: SourceSpan?
  private let classes: [String]
  private let classSpan: SourceSpan?
  let neighbours: Int
  let kind: SmoteKind
  let isScaled: Bool
  let text: TextPolicy

  package init(_ options: Node, report: inout Diagnostics) {
    target = options["target"]?.text
    targetSpan = options["target"]?.span
    let named = options["class"].map { $0.items.isEmpty ? [$0] : $0.items } ?? []
    classes = named.compactMap { $0.text ?? $0.bool.map { "\($0)" } ?? $0.int.map { "\($0)" } }
    classSpan = options["class"]?.span
    neighbours = options["neighbours"]?.int ?? 5
    kind = options["kind"]?.text.flatMap(SmoteKind.init(rawValue:)) ?? .regular
    isScaled = options["scale"]?.text != "none"
    text = DonorOptions.text(options)
  }

  package var learningParameters: JSONValue {
    [
      "target": .string(target ?? ""), "class": .array(classes.map { .string($0) }),
      "neighbours": JSONValue(neighbours), "kind": .string(kind.rawValue),
      "scale": .bool(isScaled), "text": .string(text.rawValue),
    ]
  }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    guard let learned else { return [:] }
    _ = column(
      target, at: targetSpan, in: learned, [.category, .bool, .text, .int], as: "the target",
      report: &report)
    return ["data": ColumnPlan(learned, text: text).schema]
  }

  func facts(_ table: DonorTable, _ learning: LearningContext, _ warnings: inout [Diagnostic])
    throws
    -> Data
  {
    var report = Diagnostics()
    _ = column(
      target, at: targetSpan, in: learning.schema, [.category, .bool, .text, .int],
      as: "the target", report: &report)
    try report.check()
    guard let target, let column = table[target] else { throw DamagedBytes() }
    var rows: [String: [Int]] = [:]
    for row in 0..<table.rows {
      if let label = column.label(row) { rows[label, default: []].append(row) }
    }
    // Of equally rare classes the first by name, so that the choice does not hang on the order of rows.
    let rarest = rows.min { ($0.value.count, $0.key) < ($1.value.count, $1.key) }?.key
    let wanted = classes.isEmpty ? [rarest].compactMap { $0 } : classes
    if wanted.isEmpty {
      throw Diagnostics([
        .error(
          "AX0654", at: targetSpan, "column '\(target)' has no class",
          cause: "all its values are missing")
      ])
    }
    let space = SmoteSpace(table, except: target)
    var facts = SmoteFacts()
    for name in wanted {
      let members = rows[name] ?? []
      guard members.count > 1 else {
        report.append(
          .error(
            "AX0654", at: classSpan ?? targetSpan,
            members.isEmpty
              ? "column '\(target)' has no row of a class that was asked for"
              : "a class of column '\(target)' has a single row",
            cause: "new rows lie between two rows of their class",
            hint: members.isEmpty ? "admix show tells which values the column has" : nil))
        continue
      }
      let count = min(neighbours, members.count - 1)
      if count < neighbours {
        warnings.append(
          .warning(
            "AX0655", at: classSpan ?? targetSpan,
            "a class of column '\(target)' has \(members.count) rows, and each has \(count) neighbours instead of \(neighbours)"
          ))
      }
      facts.add(space.group(name, members, table, count, kind, isScaled))
    }
    try report.check()
    return facts.encoded
  }

  func picker(_ model: DonorModel, _ request: SamplingRequest) throws -> any DonorPicker {
    guard let target, let place = model.table.columns.firstIndex(where: { $0.name == target })
    else { throw DamagedBytes() }
    return SmotePicker(model.table, try SmoteFacts(model.facts, rows: model.table.rows), place)
  }

  func report(_ model: DonorModel) throws -> CheckReport {
    let facts = try SmoteFacts(model.facts, rows: model.table.rows)
    return CheckReport(
      title: "SMOTE",
      summary: "holds \(model.table.rows) training rows of \(model.table.columns.count) columns",
      sections: [
        .init(
          title: "Classes",
          text: "New rows begin at one of the beginnings and go towards one of its neighbours.",
          tables: [
            .init(
              columns: ["class", "rows", "beginnings", "neighbours"],
              rows: facts.groups.map {
                [
                  .text($0.name), .count($0.members), .count($0.bases.count),
                  .count($0.bases.isEmpty ? 0 : $0.neighbours.count / $0.bases.count),
                ]
              })
          ])
      ])
  }
}

enum SmoteKind: String, CaseIterable, Sendable { case regular, borderline }
