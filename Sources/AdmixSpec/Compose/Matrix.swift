internal import AdmixModel

/// One direction in which a stage is repeated: a name and its values.
///
/// Axes are told apart by name: two stages with the same axis and the same values share it.
struct Axis: Hashable {
  var name: String
  var values: [Node]
  /// The values as they stand in the names of stages, each once.
  var labels: [String]
  /// The stage that has it, and where.
  var stage: String
  var span: SourceSpan
}

/// What one stage has of each of its axes, in their order.
struct Combination: Hashable {
  var axes: [Axis] = []
  var positions: [Int] = []

  func label(_ axis: String) -> String? {
    guard let index = axes.firstIndex(where: { $0.name == axis }) else { return nil }
    return axes[index].labels[positions[index]]
  }

  /// `[ratio=0.1,seed=1]`, or nothing.
  var suffix: String {
    if axes.isEmpty { return "" }
    let parts = zip(axes, positions).map { "\($0.name)=\($0.labels[$1])" }
    return "[\(parts.joined(separator: ","))]"
  }

  var values: [(axis: String, value: Node)] {
    zip(axes, positions).map { ($0.name, $0.values[$1]) }
  }

  /// Every combination of some axes, the last one changing fastest.
  static func all(_ axes: [Axis]) -> [Combination] {
    var list = [Combination(axes: axes, positions: [])]
    for axis in axes {
      list = list.flatMap { partial in
        axis.values.indices.map { Combination(axes: axes, positions: partial.positions + [$0]) }
      }
    }
    return list
  }
}

/// Reads `matrix:`.
struct MatrixReader {
  /// The most combinations of one stage, and the most stages of a pipeline after expansion.
  static let limit = 1_000
  static let stageLimit = 10_000

  var report = Diagnostics()

  /// The axes of an interpolated `matrix:`.
  mutating func axes(_ node: Node, of stage: RawStage, failedPlaces: Set<SourceSpan>) -> [Axis] {
    guard case .map(let members) = node.value, !members.isEmpty else {
      if node.value == .null, failedPlaces.contains(node.span) { return [] }
      problem(node.span, "'matrix' is \(Words.shape(node))")
      return []
    }
    return members.compactMap { axis($0, of: stage, failedPlaces: failedPlaces) }
  }

  private mutating func axis(
    _ member: Node.Member, of stage: RawStage, failedPlaces: Set<SourceSpan>
  ) -> Axis? {
    guard PipelineFields.isName(member.key) else {
      problem(member.keySpan, "'\(Words.short(member.key))' cannot name an axis")
      return nil
    }
    if failedPlaces.contains(member.value.span) { return nil }
    guard case .list(let items) = member.value.value, !items.isEmpty else {
      let isEmpty = member.value.value == .list([])
      problem(
        member.value.span,
        "the axis '\(member.key)' is \(isEmpty ? "an empty list" : Words.shape(member.value))")
      return nil
    }
    guard items.count <= Self.limit else {
      report.note(
        .error(
          "AX0232", at: member.keySpan,
          "the matrix of '\(stage.name)' has too many combinations",
          cause: "'\(member.key)' alone has \(items.count) values; a stage may have \(Self.limit)",
          hint: "give its axes fewer values"))
      return nil
    }
    var axis = Axis(
      name: member.key, values: [], labels: [], stage: stage.name, span: member.keySpan)
    for item in items where !failedPlaces.contains(item.span) {
      guard let label = label(item) else { continue }
      if axis.labels.contains(label) {
        report.note(
          .error(
            "AX0231", at: item.span, "the axis '\(member.key)' has '\(label)' twice",
            cause: "the stages made from it would have the same name", hint: "remove one"))
        continue
      }
      axis.values.append(item)
      axis.labels.append(label)
    }
    return axis.values.isEmpty ? nil : axis
  }

  private mutating func problem(_ span: SourceSpan, _ fact: String) {
    report.note(
      .error(
        "AX0230", at: span, fact,
        cause: "a matrix is a map of axes, each a name with a list of values",
        hint: "write 'matrix: {ratio: [0.1, 0.3]}'"))
  }

  /// The value as part of a stage's name.
  private mutating func label(_ node: Node) -> String? {
    if node.isSecret {
      report.note(
        .error(
          "AX0247", at: node.span, "a value of a matrix comes from the environment",
          cause: "it would become part of stage names, which are stored and shown",
          hint: "use 'params' instead"))
      return nil
    }
    switch node.value {
    case .null: return "null"
    case .bool(let value): return String(value)
    case .int(let value): return String(value)
    case .double(let value): return Words.number(value)
    case .text(let text):
      let isPlain = text.unicodeScalars.allSatisfy { scalar in
        scalar.value > 0x20 && scalar.value != 0x7F && !"[],=/\\".unicodeScalars.contains(scalar)
      }
      if isPlain, !text.isEmpty, text.utf8.count <= 64 { return text }
      report.note(
        .error(
          "AX0230", at: node.span, "'\(Words.short(text))' cannot be a value of a matrix",
          cause:
            "values become part of stage names: at most 64 bytes, without blanks and any of []=,/\\",
          hint: "name the cases with short words and keep the long values in 'params:'"))
      return nil
    case .list, .map:
      report.note(
        .error(
          "AX0230", at: node.span, "a value of a matrix is \(Words.shape(node))",
          cause: "values become part of stage names, so each is a single value",
          hint: "name the cases with short words and keep the rest in 'params:'"))
      return nil
    }
  }
}
