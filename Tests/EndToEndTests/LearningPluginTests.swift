import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// Plugins that learn for long: what they leave when they are broken off, and whether they learn.
struct LearningPluginTests {
  /// Learns in two steps, and says into the model how many of them it did itself.
  private static let slow = #"""
    read -r line
    field() { printf '%s' "$line" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
    say() { printf '%s\n' "$1" >&5; }
    id=$(field id)
    if [ "$(field type)" = fit ]; then
      kept=$(field checkpoint)/half
      if [ -e "$kept" ]; then
        echo "went on" > "$(field model)"
      else
        echo half > "$kept"
        say "{\"type\":\"progress\",\"id\":$id,\"phase\":\"learn\",\"done\":1,\"total\":2}"
        sleep 60 & wait
      fi
    else
      awk -v said="$(cat "$(field model)")" -v count="$(field count)" 'BEGIN {
        for (r = 0; r < count; r++) printf "{\"word\":\"%s\"}\n", said
      }' > "$(field rows)"
    fi
    say "{\"type\":\"result\",\"id\":$id}"
    read -r line
    """#

  private func product() throws -> Product {
    let product = try Product()
    try product.write(Self.slow, to: "plugins/slow/main.sh")
    try product.write(
      """
      protocol: 1
      name: slow
      version: 1.0.0
      summary: Learns in two steps.
      licence: Apache-2.0
      command: [bash, main.sh]
      files: main.sh
      data: json-lines
      determinism: rows
      limits: {silence: 60s}

      """, to: "plugins/slow/plugin.yaml")
    try product.write("word\na b\nwent on\n", to: "words.csv")
    try product.write(
      """
      admix: 1
      name: slowly
      stages:
        words: {ingest: {from: words.csv}}
        made: {generate: {learn: words, with: slow, rows: 3}}
        out: {export: {from: made, to: out.csv}}
      """, to: "pipeline.yaml")
    return product
  }

  @Test("a fit that was broken off is gone on with", arguments: ["killed", "interrupted"])
  func aBrokenFitIsGoneOnWith(how: String) throws {
    let product = try self.product()
    let folder = product.folder.appendingPathComponent(".admix/checkpoints").path
    func kept() -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
        FileManager.default.fileExists(atPath: "\(folder)/\($0)/half")
      }
    }
    let first = try product.start("run", "--quiet", "--no-report", "--allow-commands")
    for _ in 0..<2_000 where kept().isEmpty { usleep(10_000) }
    #expect(kept().count == 1)
    kill(first.process.processIdentifier, how == "killed" ? SIGKILL : SIGINT)
    #expect(try first.wait().code != 0)
    // It belongs to the task, not to the run: gc leaves it to whoever does the task again.
    #expect(try product.admix("gc").code == 0 && kept().count == 1)
    let second = try product.admix("run", "--quiet", "--no-report", "--allow-commands")
    #expect(second.code == 0, "\(second.err)")
    #expect(try product.read("out.csv") == "word\n" + String(repeating: "went on\n", count: 3))
    #expect(kept().isEmpty)
  }

  struct Learner: Sendable, CustomTestStringConvertible {
    var name: String
    var options: String
    /// Between age and income; 0.98 in the data.
    var correlation: Double
    /// How far the share of missing incomes, 0.11, and that of one category, 0.5, may be off.
    var tolerance: Double
    var testDescription: String { name }
  }

  /// Quick settings: enough that one that learned nothing, or not what belongs together, is found out.
  @Test(
    "deep generators learn for real", .serialized,
    arguments: [
      Learner(name: "tvae", options: "epochs: 120, batch: 100", correlation: 0.8, tolerance: 0.06),
      Learner(
        name: "diffusion", options: "epochs: 60, batch: 100, steps: 20", correlation: 0.85,
        tolerance: 0.06),
      Learner(
        name: "ctgan", options: "epochs: 200, batch: 100, pac: 1, learning_rate: 0.0005",
        correlation: 0.6, tolerance: 0.06),
    ])
  func deepOnesLearn(_ learner: Learner) throws {
    let product = try Product()
    let folder = PluginTests.here.appendingPathComponent(learner.name).path
    guard try PluginTests.install(folder, product) else { return }
    var table = "age,income,sex,since\n"
    for row in 0..<1_500 {
      let age = 18 + (row * 37) % 60
      let income = age * 100 + (row % 2) * 800 + (row * 7_919) % 500
      table +=
        "\(age),\(row % 9 == 0 ? "" : "\(income)"),\(row % 2 == 0 ? "Female" : "Male"),2020-01-\(10 + row % 20)\n"
    }
    try product.write(table, to: "people.csv")
    try product.write(
      """
      admix: 1
      name: taught
      seed: 3
      plugins: \(PluginTests.here.path)
      stages:
        people: {ingest: {from: people.csv}}
        synth: {generate: {learn: people, with: {\(learner.name): {\(learner.options), device: cpu}}, rows: 1500}}
        checked:
          validate:
            of: synth
            expect: [{column: age, between: [18, 77]}, {column: sex, in: [Male, Female]}]
            gates: [{fail: "expect.failed > 0"}]
        out: {export: {from: synth, to: synth.csv}}
      """, to: "pipeline.yaml")
    let answer = try product.admix(
      "run", "--no-report", "--allow-commands", environment: PluginTests.shared)
    #expect(answer.code == 0, "\(answer.err)")
    let rows = try product.read("synth.csv").split(separator: "\n").dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
    }
    #expect(rows.count == 1_500)
    let pairs = rows.compactMap { row in
      Double(row[0]).flatMap { age in Double(row[1]).map { (age, $0) } }
    }
    let missing = 1 - Double(pairs.count) / 1_500
    let women = Double(rows.count { $0[2] == "Female" }) / 1_500
    let count = Double(pairs.count)
    let means = (pairs.map(\.0).reduce(0, +) / count, pairs.map(\.1).reduce(0, +) / count)
    var sums = (xy: 0.0, xx: 0.0, yy: 0.0)
    for (x, y) in pairs {
      sums.xy += (x - means.0) * (y - means.1)
      sums.xx += (x - means.0) * (x - means.0)
      sums.yy += (y - means.1) * (y - means.1)
    }
    let correlation = sums.xy / (sums.xx * sums.yy).squareRoot()
    #expect(correlation > learner.correlation, "\(correlation)")
    #expect(abs(missing - 1.0 / 9) < learner.tolerance, "\(missing)")
    #expect(abs(women - 0.5) < learner.tolerance, "\(women)")
  }
}
