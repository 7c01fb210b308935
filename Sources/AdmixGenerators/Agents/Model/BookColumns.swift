import AdmixModel

/// The columns of the tables that a book can write; what a column means is its number here.
enum BookColumns {
  static func columns(
    _ trigger: SimulationModel.Table.Trigger, kinds: [String]
  ) -> [ColumnSchema] {
    let agents = kinds.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    func agent(_ name: String) -> ColumnSchema { ColumnSchema(name, .category, categories: agents) }
    let side = ColumnSchema("side", .category, categories: ["buy", "sell"])
    let when = [ColumnSchema("time", .double), ColumnSchema("moment", .datetime)]
    switch trigger {
    case .order:
      return when + [
        ColumnSchema("order", .int), agent("kind"), ColumnSchema("agent", .int), side,
        ColumnSchema("price", .double), ColumnSchema("quantity", .int),
        ColumnSchema("traded", .int),
      ]
    case .trade:
      return when + [
        ColumnSchema("trade", .int), ColumnSchema("price", .double), ColumnSchema("quantity", .int),
        side, agent("buyer_kind"), ColumnSchema("buyer", .int), ColumnSchema("buy_order", .int),
        agent("seller_kind"), ColumnSchema("seller", .int), ColumnSchema("sell_order", .int),
      ]
    default:
      return when + [
        ColumnSchema("bid", .double), ColumnSchema("ask", .double), ColumnSchema("bid_size", .int),
        ColumnSchema("ask_size", .int), ColumnSchema("last", .double),
      ]
    }
  }
}
