import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// The simulations and declared tables under `pipelines`, with the built binary in a fresh folder.
struct SimulationTests {
  private static let repository = testsFolder.deletingLastPathComponent()

  private func pipeline(_ name: String, _ change: (String) -> String = { $0 }) throws -> Product {
    let product = try Product()
    let file = Self.repository.appendingPathComponent("pipelines/\(name)/pipeline.yaml")
    try product.write(change(String(contentsOf: file, encoding: .utf8)), to: "pipeline.yaml")
    return product
  }

  private func stages(_ answer: Product.Answer) throws -> [String: JSONValue] {
    let document = try JSONValue(parsing: answer.out)
    let all = (document["stages"]?.array ?? []).compactMap { stage in
      stage["name"]?.string.map { ($0, stage) }
    }
    return Dictionary(all) { first, _ in first }
  }

  private func digests(_ answer: Product.Answer) throws -> [String] {
    try stages(answer).values.flatMap { $0["outputs"]?.array ?? [] }
      .compactMap { $0["digest"]?.string }.sorted()
  }

  /// Their own checks pass, one worker gives the bytes of several, and a second run does nothing.
  @Test(arguments: ["hospital", "market", "retail", "traffic"]) func exampleHolds(name: String)
    throws
  {
    let product = try pipeline(name)
    let first = try product.admix("run", "--json")
    #expect(first.code == 0, "\(first.err)")
    #expect(try stages(first).values.allSatisfy { $0["status"]?.string == "executed" })
    let again = try product.admix("run", "--json")
    #expect(again.code == 0)
    #expect(try stages(again).values.allSatisfy { $0["status"]?.string == "cached" })
    let alone = try pipeline(name).admix("run", "--json", "--jobs", "1")
    #expect(try digests(alone) == digests(first))
    #expect(try digests(first).count > 5)
  }

  /// More replications are simulated beside those that are there, and a change redoes the simulation only
  /// where it matters.
  @Test func simulatesWhatIsNew() throws {
    let text = """
      admix: 1
      name: shop
      seed: 4
      params: {replications: 3, mean: 5}
      stages:
        shop:
          generate:
            with:
              agents:
                clock: {until: 500}
                queues: {till: {servers: 2}}
                replications: ${params.replications}
                agents:
                  customer:
                    arrivals: {exponential: {mean: "${params.mean}"}}
                    states: [served: {queue: till, stay: {exponential: {mean: 6}}, next: leave}]
                tables:
                  - visits: {of: customer, on: leave, columns: [time, id, waited]}
                  - events: {of: customer, on: change, columns: [time, id, state]}
        real:
          generate: {rows: 100, with: {rules: {columns: [{time: {uniform: {}}}, {id: {sequence: {}}}, {waited: {exponential: {mean: 2}}}, {replication: 0}]}}}
        blend:
          mix: {rows: 120, parts: {real: {from: real, share: 0.5}, synthetic: {from: shop, share: 0.5}}}
      """
    let product = try Product()
    try product.write(text, to: "pipeline.yaml")
    let first = try product.admix("run", "--json")
    #expect(first.code == 0, "\(first.err)")
    #expect(try stages(first)["blend"]?["outputs"]?.array?.first?["rows"]?.int == 120)
    let more = try product.admix("run", "--json", "--set", "replications=4")
    #expect(more.code == 0)
    let plan = try product.admix("run", "--check-determinism", "--set", "replications=5")
    #expect(plan.code == 0, "\(plan.err)")
    let rows = { (answer: Product.Answer) in
      try self.stages(answer)["shop"]?["outputs"]?.array?.first { $0["name"]?.string == "visits" }?[
        "rows"]?.int ?? 0
    }
    #expect(try rows(more) > rows(first))
    // A learning generator takes a simulation's table like any other.
    let tables = try product.admix("show", "pipeline.yaml", "shop.events")
    #expect(tables.code == 0)
    #expect(tables.out.contains("state"))
  }
}
