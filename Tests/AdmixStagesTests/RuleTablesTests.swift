import AdmixData
import AdmixGenerators
import AdmixModel
import Foundation
import Testing

/// Declared tables whose rows belong to each other.
@Suite struct RuleTablesTests {
  private static let shop = """
    - customers:
        columns:
          - id: {sequence: {start: 1000}}
          - segment: {choice: {retail: 3, business: 1}}
          - joined: {datetime: {between: ['2024-01-01 00:00', '2024-06-30 00:00']}}
          - orders: {aggregate: {of: orders}}
          - spent: {aggregate: {of: orders.total, by: sum}}
          - dearest: {aggregate: {of: orders.total, by: max}}
          - last: {aggregate: {of: orders.placed, by: max}}
    - products:
        rows: 40
        columns:
          - sku: {sequence: {}}
          - price: {integer: {low: 1, high: 90}}
          - weight: {expression: 'if(sku <= 4, 10, if(sku <= 8, 0, 1))'}
    - orders:
        per: customers
        count: {poisson: {mean: "if(customers.segment == 'business', 6, 1.5)"}}
        columns:
          - id: {sequence: {}}
          - customer: customers.id
          - number: {position: {}}
          - placed: {arrivals: {after: customers.joined, gap: {exponential: {mean: 20}}, unit: hours}}
          - total: {aggregate: {of: lines.amount, by: sum}}
          - mean: {aggregate: {of: lines.quantity, by: mean}}
    - lines:
        per: orders
        count: {geometric: {p: 0.5}}
        links: {product: {table: products, weight: weight}, gift: products}
        columns:
          - order: orders.id
          - customer: customers.id
          - sku: product.sku
          - gift: gift.sku
          - quantity: {integer: {low: 1, high: 5}}
          - amount: quantity * product.price
    """

  /// Every table by its columns, numbers as they are, texts as their numbers.
  private static func draw(_ tables: String, rows: Int) throws -> [String: [String: [Double]]] {
    let rules = try RulesTests.rules(tables, under: "tables")
    let request = SamplingRequest(model: nil, rows: rows, seed: 5, salt: "test")
    let sampler = try rules.sampler(request)
    var out: [String: [String: [Double]]] = [:]
    for table in try rules.plan(request).tables {
      let batch = try sampler.sample(Array(0..<table.rows), of: table.name, attempt: 0)
      #expect(batch.rows == table.rows && batch.schema == table.schema)
      var columns: [String: [Double]] = [:]
      for name in batch.schema.names {
        let column = try #require(batch[name])
        columns[name] = (0..<batch.rows).map { row in
          if column.isMissing(row) { return .nan }
          return switch column.values {
          case .bool(let bits): bits[row] ? 1 : 0
          case .int(let values), .datetime(let values): Double(values[row])
          case .double(let values): values[row]
          case .date(let values), .category(let values, _): Double(values[row])
          case .text(let texts): Double(texts[row]) ?? .nan
          }
        }
      }
      out[table.name] = columns
    }
    return out
  }

  @Test func keysHoldAndFiguresAreThoseOfTheRows() throws {
    let shop = try Self.draw(Self.shop, rows: 3_000)
    func column(_ table: String, _ name: String) throws -> [Double] {
      try #require(shop[table]?[name])
    }
    let ids = try column("customers", "id")
    #expect(ids.first == 1000 && ids.count == 3_000)
    // By customer: orders in order, numbered from 1, their times rising from when the customer joined.
    let owner = try column("orders", "customer")
    let placed = try column("orders", "placed")
    let totals = try column("orders", "total")
    let number = try column("orders", "number")
    let joined = try column("customers", "joined")
    var seen = [Int](repeating: 0, count: ids.count)
    var spent = [Double](repeating: 0, count: ids.count)
    var dearest = [Double](repeating: .nan, count: ids.count)
    var last = joined
    for row in owner.indices {
      let customer = Int(owner[row]) - 1000
      #expect(row == 0 || owner[row - 1] <= owner[row])
      #expect(placed[row] > last[customer])
      seen[customer] += 1
      #expect(number[row] == Double(seen[customer]))
      last[customer] = placed[row]
      spent[customer] += totals[row]
      dearest[customer] = dearest[customer] >= totals[row] ? dearest[customer] : totals[row]
    }
    #expect(try column("customers", "orders") == seen.map(Double.init))
    #expect(try column("customers", "spent") == spent)
    let mostDear = try column("customers", "dearest")
    let latest = try column("customers", "last")
    for customer in ids.indices {
      #expect(
        seen[customer] == 0
          ? mostDear[customer].isNaN && latest[customer].isNaN
          : mostDear[customer] == dearest[customer] && latest[customer] == last[customer])
    }
    // Lines: of their order, of its customer, at the product's price.
    let orders = try column("orders", "id")
    let order = try column("lines", "order")
    let quantity = try column("lines", "quantity")
    let price = try column("products", "price")
    let sku = try column("lines", "sku")
    let amount = try column("lines", "amount")
    let whose = try column("lines", "customer")
    var total = [Double](repeating: 0, count: orders.count)
    var pieces = [Double](repeating: 0, count: orders.count)
    var lines = [Double](repeating: 0, count: orders.count)
    for row in order.indices {
      let index = Int(order[row]) - 1
      #expect(whose[row] == owner[index])
      #expect(amount[row] == quantity[row] * price[Int(sku[row]) - 1])
      total[index] += amount[row]
      pieces[index] += quantity[row]
      lines[index] += 1
    }
    #expect(totals == total)
    #expect(try column("orders", "mean") == zip(pieces, lines).map { $0 / $1 })
    // Four of forty products have 40 of 72 parts of the weight, the next four none.
    let shares = Dictionary(grouping: sku) { $0 <= 4 ? "dear" : $0 <= 8 ? "never" : "other" }
    #expect(shares["never"] == nil)
    let often = Double(shares["dear"]?.count ?? 0) / Double(sku.count)
    #expect(abs(often - 40.0 / 72) < 0.02)
    let gifts = try column("lines", "gift").count { $0 <= 4 }
    #expect(abs(Double(gifts) / Double(sku.count) - 0.1) < 0.01)
    // As many orders as the segment says.
    let segment = try column("customers", "segment")
    for (code, mean) in [(0.0, 6.0), (1.0, 1.5)] {
      let mine = ids.indices.filter { segment[$0] == code }
      let found = Double(mine.reduce(0) { $0 + seen[$1] }) / Double(mine.count)
      #expect(abs(found - mean) < 4 * (mean / Double(mine.count)).squareRoot())
    }
  }

  @Test func moreParentsLeaveTheRowsThatThereAre() throws {
    let few = try Self.draw(Self.shop, rows: 500)
    let more = try Self.draw(Self.shop, rows: 5_000)
    for (table, columns) in few {
      for (name, values) in columns {
        let longer = try #require(more[table]?[name])
        #expect(
          zip(values, longer).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
            && longer.count >= values.count, "\(table).\(name)")
      }
    }
  }

  @Test func lineageGoesFromTableToTable() throws {
    let rules = try #require(
      try RulesTests.rules(Self.shop, under: "tables") as? any ColumnTracing & Generator)
    func words(_ table: String, _ column: String) -> [String] {
      (rules.dependencies(of: table, schema: Schema(), learned: nil).columns[column] ?? []).map {
        "\($0.table ?? "own").\($0.column) \($0.how)"
      }
    }
    #expect(words("customers", "spent") == ["orders.total aggregated"])
    #expect(
      words("lines", "amount") == ["own.quantity computed", "products.price computed"])
    #expect(words("lines", "customer") == ["customers.id computed"])
    #expect(words("orders", "placed") == ["customers.joined computed"])
  }
}
