import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// Whatever stands in a declaration, it is refused or it runs to an end.
@Suite struct SimulationInputTests {
  private static let declarations = ["hospital", "market", "traffic", "flu"]

  private static let flu = """
    admix: 1
    name: flu
    stages:
      town:
        generate:
          with:
            agents:
              clock: {tick: 1, until: 30}
              grids: {town: {of: person, width: 9, height: 7, x: x, y: y, shape: bounded}}
              roads: {street: {of: car, length: 50, position: at, shape: line}}
              agents:
                person:
                  count: 40
                  attributes: [{x: (id - 1) % 9}, {y: (id - 1) // 9}]
                  step: [{dx: {choice: [-1, 0, 1]}}, {x: x + dx}]
                  states:
                    - well: {next: {to: ill, per-tick: 0.1 + 0.2 * near.ill}}
                    - ill: {stay: {exponential: {mean: 5}}, next: well}
                car:
                  arrivals: {exponential: {mean: 2}}
                  attributes: [{at: 0.0}]
                  step: [{at: "at + min(4, coalesce(gap / 2, 4))"}, {follows: ahead.id}]
              tables:
                - log: {of: person, on: tick, every: 5, columns: [time, id, x, y, near, state]}
                - cars: {of: car, on: [tick, leave], columns: [time, id, at, gap, follows]}
    """

  /// The simulations of an example, with a short clock and a small limit.
  private static func nodes(_ name: String) throws -> [Node] {
    let file = testsFolder.deletingLastPathComponent()
      .appendingPathComponent("pipelines/\(name)/pipeline.yaml")
    let text = name == "flu" ? flu : try String(contentsOf: file, encoding: .utf8)
    // Only the stages that generate: what the others are is not known here.
    let kind = KindDescription(
      name: "generate", revision: 1, summary: "Rows.",
      fields: [.optional("with", .variant(BuiltinGenerators.variants), "A generator.")],
      outputs: nil, example: "")
    let stages = text.split(separator: "\n", omittingEmptySubsequences: false)
    var kept: [Substring] = []
    var block: [Substring] = []
    func finish() {
      if !block.contains(where: {
        $0.hasPrefix("    ") && !$0.hasPrefix("     ") && !$0.contains("generate")
      }) {
        kept += block
      }
      block = []
    }
    for line in stages {
      let isStage = line.hasPrefix("  ") && !line.hasPrefix("   ") && line.hasSuffix(":")
      if isStage { finish() }
      block.append(line)
    }
    finish()
    let spec = try SpecCompiler(kinds: [kind]).compile(text: kept.joined(separator: "\n"))
    return spec.stages.compactMap { $0.options["with"]?["agents"] }
  }

  /// Another node in the place of one, somewhere.
  private static func mutated(_ node: Node, _ random: inout some RandomNumberGenerator) -> Node {
    let odd: [Node.Value] = [
      .null, .bool(true), .int(0), .int(-1), .int(.max), .int(7), .double(.infinity),
      .double(1e300),
      .double(-0.5), .text(""), .text("leave"), .text("id"), .text("id / 0"), .text("1 +"),
      .text("buy"), .text("count.patient"), .list([]), .map([]), .text("if(id > 3, null, -1)"),
    ]
    var node = node
    switch node.value {
    case .map(var members) where !members.isEmpty && Int.random(in: 0..<8, using: &random) > 0:
      let index = members.indices.randomElement(using: &random) ?? 0
      switch Int.random(in: 0..<8, using: &random) {
      case 0: members.remove(at: index)
      case 1:
        let other = members.randomElement(using: &random) ?? members[index]
        members[index].value = other.value
      default: members[index].value = mutated(members[index].value, &random)
      }
      node.value = .map(members)
    case .list(var items) where !items.isEmpty && Int.random(in: 0..<8, using: &random) > 0:
      let index = items.indices.randomElement(using: &random) ?? 0
      switch Int.random(in: 0..<8, using: &random) {
      case 0: items.remove(at: index)
      case 1: items.append(items[index])
      default: items[index] = mutated(items[index], &random)
      }
      node.value = .list(items)
    default: node.value = odd.randomElement(using: &random) ?? .null
    }
    return node
  }

  private static func bounded(_ node: Node) -> Node {
    var node = node
    guard case .map(var members) = node.value else { return node }
    func number(_ value: Int64) -> Node { Node(.int(value), at: node.span) }
    members.removeAll { ["limit", "replications"].contains($0.key) }
    members.append(.init(key: "limit", keySpan: node.span, value: number(3_000)))
    node.value = .map(members)
    return node
  }

  @Test(arguments: declarations) func refusesOrRuns(name: String) throws {
    let nodes = try Self.nodes(name)
    #expect(!nodes.isEmpty)
    var ran = 0
    var refused = 0
    forEverySeed { random in
      guard let base = nodes.randomElement(using: &random) else { return false }
      var node = base
      for _ in 0..<Int.random(in: 1...3, using: &random) { node = Self.mutated(node, &random) }
      var report = Diagnostics()
      let simulation = AgentSimulation(Self.bounded(node), report: &report)
      if report.hasErrors {
        refused += 1
        return report.items.allSatisfy { $0.code.hasPrefix("AX") }
      }
      do {
        try simulation.simulate(
          0..<1, SamplingRequest(model: nil, rows: nil, seed: 1, salt: ""), isCancelled: {}
        ) { _, batch in #expect(batch.rows > 0) }
      } catch {
        // An error of the simulation, and not of anything else.
        guard let found = error as? Diagnostic else { return false }
        guard ["AX0676", "AX0677", "AX0678"].contains(found.code) else { return false }
      }
      ran += 1
      return true
    }
    #expect(ran > 3 && refused > 3)
  }
}
