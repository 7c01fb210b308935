import AdmixData
import AdmixModel

/// The kinds of series that meet the conditions of a request.
struct SeriesConditions {
  /// Into the model's kinds; one at least.
  let kinds: [Int]

  /// Throws located diagnostics for conditions on columns that change within a series, and for ones that no kind
  /// meets.
  init(_ model: SeriesModel, _ conditions: [Condition]) throws {
    var report = Diagnostics()
    let names = model.attributes.map(\.name)
    for condition in conditions where !names.contains(condition.column) {
      report.append(
        .error(
          "AX0675", at: condition.columnSpan,
          "column '\(condition.column)' cannot be asked for, as var makes it",
          cause: model.schema[condition.column] == nil
            ? "the generated table has no such column"
            : "its values follow from those before them, so none can be drawn again",
          hint: "a transform with the step filter keeps some of the rows"))
    }
    try report.check()
    guard !conditions.isEmpty else {
      kinds = Array(model.kinds.indices)
      return
    }
    let batch = Self.batch(model)
    var left = Array(model.kinds.indices)
    for condition in conditions {
      let mask = try condition.rule(batch.schema).mask(batch)
      left = left.filter { mask[$0] }
      if left.isEmpty {
        throw Diagnostics([
          .error(
            "AX0604", at: condition.span,
            "no entity of the training data meets the conditions on '\(condition.column)'",
            cause: "attributes of an entity come together as they were seen")
        ])
      }
    }
    kinds = left
  }

  /// The attributes, a row for each kind.
  private static func batch(_ model: SeriesModel) -> Batch {
    let columns = model.attributes.compactMap { model.schema[$0.name] }
    var builders = columns.map { ColumnBuilder($0, capacity: model.kinds.count) }
    let writers = model.attributes.map { AttributeWriter($0, model.schema[$0.name]) }
    for kind in model.kinds {
      for index in builders.indices {
        writers[index].append(kind.values[index], to: &builders[index])
      }
    }
    return Batch(
      schema: Schema(columns), columns: builders.map { $0.finish() }, rows: model.kinds.count)
  }
}
