package import AdmixModel
import AdmixSpec

/// Which columns a stage's output may not carry.
package struct ColumnPolicy: Hashable, Sendable {
  /// The output that is looked at.
  package var output: String
  /// Columns with one of these roles, and columns whose values come from them.
  package var denied: Set<ColumnRole>
  package var span: SourceSpan

  package init(output: String, denied: Set<ColumnRole>, span: SourceSpan) {
    self.output = output
    self.denied = denied
    self.span = span
  }
}

/// Follows the columns of outputs with a policy to where their values come from, before anything runs.
///
/// Values come along from column to column as the kinds say it: as they are, computed, put together or
/// learned. What was masked on the way, as by `pseudonymise`, comes along no further.
struct ColumnPolicyCheck {
  private struct Place: Hashable {
    var stage: String
    var output: String
    var column: String
  }

  private let stages: [Graph.Stage]
  private let index: [String: Int]
  /// Of each stage's outputs, as far as anything is declared of them.
  private var schemas: [String: [String: Schema]] = [:]
  private var lineages: [String: ColumnLineage?] = [:]

  static func check(
    _ stages: [Graph.Stage], _ index: [String: Int], report: inout Diagnostics
  ) {
    if stages.allSatisfy({ $0.kind.columnPolicy == nil }) { return }
    var check = ColumnPolicyCheck(stages: stages, index: index)
    for stage in stages {
      if let policy = stage.kind.columnPolicy { check.check(stage, policy, &report) }
    }
  }

  private init(stages: [Graph.Stage], index: [String: Int]) {
    self.stages = stages
    self.index = index
    // A file may have more columns than are declared; those that have a role are.
    for stage in stages {
      var known = stage.schemas.isEmpty ? stage.kind.declaredSchemas : stage.schemas
      if known.isEmpty {
        var ignored = Diagnostics()
        known = stage.kind.schemas(of: inputs(of: stage), report: &ignored)
      }
      schemas[stage.name] = known
    }
  }

  private func inputs(of stage: Graph.Stage) -> [String: Schema] {
    var inputs: [String: Schema] = [:]
    for input in stage.inputs { inputs[input.role] = schemas[input.stage]?[input.output] }
    return inputs
  }

  private mutating func lineage(of stage: Graph.Stage) -> ColumnLineage? {
    if let known = lineages[stage.name] { return known }
    let found = stage.kind.lineage(of: inputs(of: stage), outputs: schemas[stage.name] ?? [:])
    lineages[stage.name] = found
    return found
  }

  private mutating func check(
    _ stage: Graph.Stage, _ policy: ColumnPolicy, _ report: inout Diagnostics
  ) {
    guard let table = lineage(of: stage)?.tables[policy.output] else { return }
    for column in table.columns.keys.sorted() {
      let start = Place(stage: stage.name, output: policy.output, column: column)
      guard let (path, role) = path(from: start, policy) else { continue }
      // From the source to what is written.
      let names = path.map { "\($0.stage).\($0.column)" }
      report.append(
        .error(
          "AX0793", at: policy.span,
          "'\(stage.name)' would carry '\(column)', which the policy denies: role '\(role.rawValue)'",
          cause: names.joined(separator: " -> "),
          hint: "leave the column out, or make it another with the step pseudonymise of a transform"
        ))
    }
  }

  /// The places from the furthest one with a denied role to the start.
  private mutating func path(from start: Place, _ policy: ColumnPolicy) -> ([Place], ColumnRole)? {
    var open = [start]
    var next: [Place: Place] = [:]
    var seen: Set<Place> = [start]
    var found: (place: Place, role: ColumnRole)?
    while !open.isEmpty {
      let place = open.removeFirst()
      guard let stage = index[place.stage].map({ stages[$0] }) else { continue }
      let roles = schemas[place.stage]?[place.output]?[place.column]?.roles ?? []
      if let role = roles.first(where: policy.denied.contains) { found = (place, role) }
      for use in lineage(of: stage)?.tables[place.output]?.columns[place.column] ?? []
      where use.how.isDirect && !use.isMasking {
        let origin: Place
        switch use.source {
        case .files: continue
        case .own: origin = Place(stage: place.stage, output: place.output, column: use.column)
        case .output(let output):
          origin = Place(stage: place.stage, output: output, column: use.column)
        case .input(let role):
          guard let input = stage.inputs.first(where: { $0.role == role }) else { continue }
          origin = Place(stage: input.stage, output: input.output, column: use.column)
        }
        guard seen.insert(origin).inserted else { continue }
        next[origin] = place
        open.append(origin)
      }
    }
    guard let found else { return nil }
    var path = [found.place]
    while let following = path.last.flatMap({ next[$0] }) { path.append(following) }
    return (path, found.role)
  }
}
