import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// The main job with the built binary: run, run again, change one thing, go back.
struct MainJobTests {
  private static let pipelines = testsFolder.deletingLastPathComponent()
    .appendingPathComponent("pipelines")

  private func statuses(_ answer: Product.Answer) throws -> [String: String] {
    let document = try JSONValue(parsing: answer.out)
    return Dictionary(
      uniqueKeysWithValues: (document["stages"]?.array ?? []).compactMap { stage in
        guard let name = stage["name"]?.string, let status = stage["status"]?.string else {
          return nil
        }
        return (name, status)
      })
  }

  private func digests(_ answer: Product.Answer) throws -> [String: String] {
    let document = try JSONValue(parsing: answer.out)
    var digests: [String: String] = [:]
    for stage in document["stages"]?.array ?? [] {
      for output in stage["outputs"]?.array ?? [] {
        digests["\(stage["name"]?.string ?? "").\(output["name"]?.string ?? "")"] =
          output["digest"]?.string
      }
    }
    return digests
  }

  private func copy(_ name: String) throws -> Product {
    let product = try Product()
    let folder = Self.pipelines.appendingPathComponent(name)
    let target = product.folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    // Not the store and the exports of somebody's `make run`.
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where file != ".admix" && file != "out" {
      try FileManager.default.copyItem(
        at: folder.appendingPathComponent(file), to: target.appendingPathComponent(file))
    }
    return product
  }

  @Test func admissionsRunsOnceAndThenOnlyWhatChanged() throws {
    let product = try copy("admissions")
    let first = try product.admix("run", "admissions/pipeline.yaml", "--json")
    #expect(first.code == 0, "\(first.err)")
    let ran = try statuses(first)
    #expect(Set(ran.values) == ["executed"] && ran.count == 8)
    for file in [
      "admissions.parquet", "admissions.parquet.card.md", "admissions.parquet.croissant.json",
    ] {
      #expect(product.exists("admissions/out/\(file)"), "\(file)")
    }

    let again = try product.admix("run", "admissions/pipeline.yaml", "--json")
    #expect(again.code == 0)
    #expect(try Set(statuses(again).values) == ["cached"])
    #expect(try digests(again) == digests(first))

    // A parameter of the blend: what comes before it stays.
    let changed = try product.admix(
      "run", "admissions/pipeline.yaml", "--json", "--set", "synthetic=0.2")
    let after = try statuses(changed)
    #expect(changed.code == 0, "\(changed.err)")
    #expect(
      after["counts"] == "cached" && after["applicants"] == "cached" && after["parts"] == "cached")
    #expect(after["blend"] == "executed" && after["bias"] == "executed")

    // Going back is a hit, and the exported file follows.
    let back = try product.admix("run", "admissions/pipeline.yaml", "--json")
    #expect(try Set(statuses(back).values) == ["cached"])
    #expect(try digests(back) == digests(first))
  }

  @Test func bytesDoNotDependOnTheNumberOfWorkers() throws {
    var seen: Set<[String: String]> = []
    for jobs in ["1", "2", "5"] {
      let product = try copy("admissions")
      let answer = try product.admix("run", "admissions/pipeline.yaml", "--json", "--jobs", jobs)
      #expect(answer.code == 0, "\(answer.err)")
      seen.insert(try digests(answer))
    }
    #expect(seen.count == 1)
  }

  @Test func showsTheDepartmentsReversal() throws {
    let product = try copy("admissions")
    #expect(try product.admix("run", "admissions/pipeline.yaml").code == 0)
    let shown = try product.admix("show", "admissions/pipeline.yaml", "bias", "--json")
    #expect(shown.code == 0, "\(shown.err)")
    let metrics = try JSONValue(parsing: shown.out)["metrics"]
    let pooled = metrics?["against.disparate_impact(gender)"]?["value"]?.double
    // 557 of 1835 women and 1198 of 2691 men.
    #expect(abs((pooled ?? 0) - (557.0 / 1835) / (1198.0 / 2691)) < 1e-9)
    #expect(shown.out.contains("department"))
  }

  @Test func aGateStopsTheExportAndNothingElse() throws {
    let product = try copy("admissions")
    let text = try product.read("admissions/pipeline.yaml")
    try product.write(
      text.replacingOccurrences(of: "- warn: disparate_impact", with: "- fail: disparate_impact"),
      to: "admissions/pipeline.yaml")
    let answer = try product.admix("run", "admissions/pipeline.yaml", "--json")
    #expect(answer.code == 4)
    let ran = try statuses(answer)
    #expect(ran["quality"] == "executed" && ran["publish"] == "gated")
    #expect(!product.exists("admissions/out/admissions.parquet"))
    // Still so when nothing has to run.
    #expect(try product.admix("run", "admissions/pipeline.yaml", "--json").code == 4)
  }

  @Test func adultRunsOnTheRealTable() throws {
    guard let adult = sharedFolder("data/tabular/adult") else { return }
    let product = try copy("adult")
    let answer = try product.admix(
      "run", "adult/pipeline.yaml", "--json", "--distdir", adult.path)
    #expect(answer.code == 0, "\(answer.err)")
    #expect(product.exists("adult/out/adult-income.parquet"))
    let again = try product.admix(
      "run", "adult/pipeline.yaml", "--json", "--distdir", adult.path)
    #expect(try Set(statuses(again).values) == ["cached"])
    // Of a column that no rule names: the source at one end, the export at the other.
    let column = try product.admix("lineage", "adult", "publish.fnlwgt")
    #expect(column.out.contains("adult.data, column fnlwgt"), "\(column.out)\(column.err)")
    let below = try product.admix("lineage", "adult", "census.fnlwgt", "--down")
    #expect(below.out.contains("writes: out/adult-income.parquet"), "\(below.out)")
    // A copy of the source, known by its bytes alone.
    let source = try product.admix(
      "lineage", "adult", adult.appendingPathComponent("adult.data").path, "--down")
    #expect(source.out.contains("publish.file (export, 40,000 rows)"), "\(source.out)")
  }

  /// Whoever starts with `make run` has nothing that an earlier build may have left.
  @Test func aReleaseBuildMakesAllThatTheProgramOpens() throws {
    let root = testsFolder.deletingLastPathComponent()
    let package = try String(
      contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
    let opened = package.matches(of: /\.library\(name: "(\w+)", type: \.dynamic/).map { $0.1 }
    #expect(opened.contains("AdmixArrow"))
    let steps = try Product().shell("make -C '\(root.path)' --dry-run run")
    for product in opened + ["admix"] {
      #expect(steps.out.contains("--product \(product) "), "\(steps.out) \(steps.err)")
    }
  }
}
