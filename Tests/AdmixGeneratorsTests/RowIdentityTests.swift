import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import Foundation
import Testing

/// A row is what its number, the seed and the model make it: whoever makes it, beside whichever others.
///
/// So bytes do not depend on workers, and more rows leave those that are there as they are. A generator
/// without a row in this table fails; simulations have replications in place of rows.
struct RowIdentityTests {
  private static let options: [(name: String, options: JSONValue)] = [
    ("gaussian-copula", ["text": "learn"]),
    ("bayesian-network", ["text": "learn"]),
    ("bayesian-network", ["text": "learn", "parents": 3]),
    ("sequential-trees", ["text": "learn"]),
    ("smote", ["target": "city"]),
    ("smote", ["target": "member", "kind": "borderline", "scale": "none"]),
    ("augment", [:]),
    ("augment", ["mixup": 0.4, "swap": 0.2, "redraw": 0.3, "balance": "city"]),
    ("bootstrap", [:]),
    ("bootstrap", ["kind": "moving", "order": "joined", "length": 7]),
    ("bootstrap", ["kind": "stationary", "order": "joined"]),
    ("bootstrap", ["kind": "seasonal", "order": "joined", "length": 14, "period": 7]),
    ("var", ["order": "number", "columns": ["age", "income", "seen"], "season": ["period": 12]]),
    (
      "var",
      [
        "order": "number", "columns": ["age", "income", "number"], "entity": "member", "lags": 3,
        "trend": "linear",
      ]
    ),
    (
      "rules",
      [
        "columns": [
          ["key": ["uuid": [:]]], ["x": ["gamma": ["shape": 2]]],
          ["y": ["normal": ["mean": 3, "sd": 2]]], ["kind": ["choice": ["a": 3, "b": 1]]],
          ["code": ["pattern": "[A-Z]{3}-[0-9]{4}"]],
        ]
      ]
    ),
    (
      "rules",
      [
        "tables": [
          [
            "visitors": [
              "columns": [
                ["key": ["uuid": [:]]], ["born": ["date": ["1950-01-01", "1999-12-31"]]],
                ["keen": ["uniform": ["low": 0.5, "high": 4]]],
                ["spent": ["aggregate": ["of": "visits.bill", "by": "sum"]]],
              ]
            ]
          ],
          [
            "places": [
              "rows": 900,
              "columns": [["code": ["sequence": [:]]], ["size": ["pareto": ["shape": 1.5]]]],
            ]
          ],
          [
            "visits": [
              "per": "visitors", "count": ["poisson": ["mean": "visitors.keen"]],
              "links": ["place": ["table": "places", "weight": "size"]],
              "columns": [
                ["of": "visitors.key"], ["nth": ["position": [:]]], ["where": "place.code"],
                [
                  "day": [
                    "arrivals": ["after": "visitors.born", "gap": ["gamma": ["shape": "1 + nth"]]]
                  ]
                ], ["bill": ["aggregate": ["of": "dishes.price", "by": "sum"]]],
              ],
            ]
          ],
          [
            "dishes": [
              "per": "visits", "count": ["choice": [1, 2, 4]],
              "columns": [
                ["of": "visitors.key"], ["day": "visits.day"],
                ["price": ["gamma": ["shape": 2, "scale": "visitors.keen"]]],
              ],
            ]
          ],
        ]
      ]
    ),
  ]

  @Test func everyGeneratorIsInTheTable() {
    let known = Set(Self.options.map(\.name))
    for type in BuiltinGenerators.all where !(type is any Simulation.Type) {
      #expect(known.contains(type.description.name), "\(type.description.name)")
    }
  }

  @Test(arguments: options.indices) func aRowIsTheSameWhoeverMakesIt(index: Int) throws {
    let (name, options) = Self.options[index]
    let type = try #require(BuiltinGenerators.named(name))
    var report = Diagnostics()
    let generator = type.init(Node(options, at: Laboratory.span), report: &report)
    try report.check()
    let table = Laboratory.people(600)
    var model = Data()
    if !generator.passes.isEmpty {
      model = try Laboratory.learn([table], schema: table.schema, with: generator).model
      let again = try Laboratory.learn([table], schema: table.schema, with: generator).model
      #expect(model == again, "another model")
    }
    let plan = try generator.plan(Laboratory.request(model, rows: 700))
    for table in plan.tables {
      try rowsAreTheSame(generator, model, of: table.name, count: min(700, table.rows))
    }
  }

  private func rowsAreTheSame(
    _ generator: any Generator, _ model: Data, of table: String, count: Int
  ) throws {
    func drawn(_ rows: [Int], of all: Int, attempt: Int = 0) throws -> [String] {
      let request = Laboratory.request(model, rows: all)
      _ = try generator.plan(request)
      return Laboratory.rowTexts(
        try generator.sampler(request).sample(rows, of: table, attempt: attempt))
    }
    let whole = try drawn(Array(0..<count), of: count)
    #expect(whole.count == count && Set(whole).count > count / 3)
    // As partitions of every size would, one worker after another, the last first.
    for size in [1, 97, 512] {
      var apart: [String] = []
      for start in stride(from: (count - 1) / size * size, through: 0, by: -size)
      where size > 1 || start % 23 == 0 {
        apart = try drawn(Array(start..<min(count, start + size)), of: count) + apart
      }
      let expected = size > 1 ? whole : stride(from: 0, to: count, by: 23).map { whole[$0] }
      #expect(apart == expected, "rows of partitions of \(size)")
    }
    // Those that `keep` asks for once more come singly, in any order.
    #expect(try drawn([650, 3, 401], of: count) == [650, 3, 401].map { whole[$0] })
    if generator.drawsRowsAgain {
      #expect(
        try drawn([5], of: count, attempt: 1) == drawn([2, 5], of: count, attempt: 1).suffix(1))
    }
    if !generator.dependsOnRowCount {
      #expect(try drawn(Array(0..<count), of: 1_000_000) == whole, "more rows are asked for")
    }
    // And another seed is another table.
    let other = SamplingRequest(model: model, rows: count, seed: 8, salt: "test")
    #expect(
      try Laboratory.rowTexts(
        generator.sampler(other).sample(Array(0..<count), of: table, attempt: 0)) != whole)
  }
}
