import AdmixData
package import AdmixEngine
import AdmixExpression
package import AdmixModel

extension Transform {
  /// Step by step, in the order they are carried out.
  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    guard var schema = inputs["from"] else { return nil }
    var trace = ColumnTrace(schema, from: .input("from"))
    var ignored = Diagnostics()
    for operation in operations {
      operation.trace(&trace, schema)
      schema = operation.schema(after: schema, report: &ignored)
    }
    return ignored.hasErrors ? nil : ColumnLineage(["data": trace.table])
  }
}

extension Operation {
  /// What the step does to where columns come from.
  ///
  /// - Parameter schema: before the step.
  func trace(_ trace: inout ColumnTrace, _ schema: Schema) {
    switch self {
    case .select(let names): trace.keep(Set(names.map(\.text)))
    case .drop(let names): trace.keep(Set(schema.names).subtracting(names.map(\.text)))
    case .rename(let pairs):
      trace.rename(Dictionary(pairs.map { ($0.from.text, $0.to) }) { $1 })
    case .cast(let casts):
      for cast in casts where schema[cast.column.text]?.type != cast.type {
        trace.change(cast.column.text, .transformation, "cast")
      }
    case .derive(let columns):
      var current = schema
      var ignored = Diagnostics()
      for (name, text) in columns {
        guard
          let expression = ColumnExpression(
            text.text, at: text.span, schema: current, report: &ignored)
        else { continue }
        trace.set(name, ExpressionReads(text, expression).uses(trace, "derive"))
        current.set(ColumnSchema(name, expression.type))
      }
    case .filter(let text):
      var ignored = Diagnostics()
      let expression = ColumnExpression(
        text.text, at: text.span, schema: schema, report: &ignored)
      trace.decide(by: expression?.columns ?? [], .filter, "filter")
    case .fill(let fills):
      for (name, value) in fills {
        let own = trace.uses([name.text], .transformation, "fill")
        // The statistic is of the column's other rows.
        let others =
          Self.isStatistic(value) ? trace.uses([name.text], .aggregation, "fill") : []
        trace.set(name.text, own + others)
      }
    case .map(let maps): for item in maps { trace.change(item.column.text, .transformation, "map") }
    case .clip(let clips):
      for item in clips { trace.change(item.column.text, .transformation, "clip") }
    case .bin(let bins): for item in bins { trace.change(item.column.text, .transformation, "bin") }
    case .pseudonymise(let names, _):
      for name in names {
        trace.change(name.text, .transformation, "pseudonymise", isMasking: true)
      }
    case .dropMissing(let names):
      trace.decide(by: names?.map(\.text) ?? schema.names, .filter, "drop-missing")
    case .uncount(let name):
      trace.decide(by: [name.text], .filter, "uncount")
      trace.keep(Set(schema.names).subtracting([name.text]))
    case .dedupe(let names):
      trace.decide(by: names?.map(\.text) ?? schema.names, .groupBy, "dedupe")
    case .sort(let columns): trace.decide(by: columns.map(\.column.text), .sort, "sort")
    case .sample: break
    }
  }
}

/// The columns an expression reads, told apart by whether values come from them or are decided by them.
struct ExpressionReads {
  private let columns: [String]
  private let values: Set<String>
  private let conditions: Set<String>
  private let isName: Bool

  init(_ text: Operation.Named, _ expression: ColumnExpression) {
    columns = expression.columns
    var values: Set<String> = []
    var conditions: Set<String> = []
    var ignored = Diagnostics()
    let tree = Expression.parse(text.text, at: text.span, report: &ignored)
    if let tree { Self.collect(tree, isCondition: false, &values, &conditions) }
    if case .name? = tree { isName = true } else { isName = false }
    // Whatever the walk does not know by its name is taken for a value.
    values.formUnion(Set(expression.columns).subtracting(conditions))
    self.values = values
    self.conditions = conditions
  }

  private static func collect(
    _ tree: Expression, isCondition: Bool, _ values: inout Set<String>,
    _ conditions: inout Set<String>
  ) {
    switch tree {
    case .null, .bool, .int, .double, .text: break
    case .name(let name, _):
      if isCondition { conditions.insert(name) } else { values.insert(name) }
    case .member(let base, _, _): collect(base, isCondition: isCondition, &values, &conditions)
    case .call("if", let arguments, _):
      for (index, argument) in arguments.enumerated() {
        collect(argument, isCondition: isCondition || index == 0, &values, &conditions)
      }
    case .call(_, let arguments, _), .list(let arguments, _):
      for argument in arguments {
        collect(argument, isCondition: isCondition, &values, &conditions)
      }
    case .unary(_, let operand, _): collect(operand, isCondition: isCondition, &values, &conditions)
    case .binary(_, let a, let b, _):
      collect(a, isCondition: isCondition, &values, &conditions)
      collect(b, isCondition: isCondition, &values, &conditions)
    }
  }

  func uses(_ trace: ColumnTrace, _ note: String) -> [ColumnLineage.Use] {
    let direct = columns.filter(values.contains)
    let deciding = columns.filter(conditions.contains)
    return
      (isName
      ? trace.uses(direct, .identity) : trace.uses(direct, .transformation, note))
      + trace.uses(deciding, .conditional, note)
  }
}
