import AdmixModel

/// The names that an expression may use, with their types and where the values are.
struct NameScope: Sendable {
  enum Binding: Hashable, Sendable {
    /// A column of the agent's own.
    case column(Int)
    /// A column of the neighbour on the road, as it was when the tick began.
    case ahead(Int)
    case behind(Int)
    case global(Int)
  }

  private(set) var schema = Schema()
  private(set) var bindings: [String: Binding] = [:]

  /// A name that is there already keeps its meaning.
  mutating func add(
    _ name: String, _ type: ColumnType, _ binding: Binding, categories: [String] = []
  ) {
    guard bindings[name] == nil else { return }
    bindings[name] = binding
    schema.columns.append(ColumnSchema(name, type, categories: categories))
  }

  mutating func add(_ column: ColumnSchema, _ binding: Binding, prefix: String = "") {
    add(prefix + column.name, column.type, binding, categories: column.categories)
  }
}
