import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser

struct Verify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract:
      "Rehash everything in the store; set aside what is damaged, so that a run makes it anew.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @Option(
    help: .init(
      "Checks this statement of an export instead: its file's bytes, and its sources as the store recorded them.",
      valueName: "file"), completion: .file())
  var attestation: String?

  @Flag(
    help:
      "Also deletes rows that speak of nothing, as a database that was mended by other means has them."
  )
  var repair = false

  func run() async throws {
    // Which store it is follows from the file.
    _ = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    if let attestation {
      try check(attestation, engine)
      return
    }
    let line = ProgressLine(isShown: Terminal.errorCanRedraw && !pipeline.json)
    let check = try Session.open(pipeline) {
      defer { line.clear() }
      return try engine.store.verify(repairs: repair) { done, all in
        line.show("verify: \(Numbers.bytes(done)) of \(Numbers.bytes(all))")
      }
    }
    engine.store.close()
    if pipeline.json {
      Terminal.out(json(check).pretty + "\n")
    } else {
      Terminal.out(
        "\(Numbers.count(check.sound, "object")) of \(Numbers.bytes(check.bytes)) \(check.sound == 1 ? "is" : "are") what the digests say\n"
      )
      if check.freed > 0 {
        Terminal.out(
          "\(Numbers.count(check.freed, "object")) \(check.freed == 1 ? "was" : "were") given away by gc\n"
        )
      }
    }
    if check.isSound { return }
    Complaint.print(problems(check))
    throw ExitCode(Outcome.storeUnusable.rawValue)
  }

  private func problems(_ check: StoreCheck) -> Diagnostics {
    var problems = Diagnostics()
    if !check.damaged.isEmpty || !check.missing.isEmpty {
      problems.append(
        .error(
          "AX0914",
          "\(Numbers.count(check.damaged.count, "object")) of the store \(check.damaged.count == 1 ? "is" : "are") damaged and \(check.missing.count) missing",
          cause: "the disk lost bytes, or somebody changed them",
          hint: check.isSetAside
            ? "\(pipeline.runCommand) makes them anew; damaged ones lie in the store's folder 'rescued'"
            : "the store may only be read here: let somebody who may write verify it and run the pipeline"
        ))
    }
    if !check.flaws.isEmpty {
      let listed = StoreCheck.Flaw.allCases.compactMap { flaw in
        check.flaws[flaw].map { "\(flaw.rawValue): \(Numbers.count($0))" }
      }
      problems.append(
        .error(
          "AX0934", "the tables of the store do not fit together",
          cause: listed.joined(separator: "; "),
          hint: check.isRepaired
            ? "rows that speak of nothing are deleted now; \(pipeline.runCommand) makes what is missing"
            : "'admix verify --repair' deletes rows that speak of nothing, then \(pipeline.runCommand)"
        ))
    }
    return problems
  }

  private func json(_ check: StoreCheck) -> JSONValue {
    .object([
      "sound": JSONValue(check.sound), "bytes": JSONValue(check.bytes),
      "missing": JSONValue(check.missing.count),
      "missingObjects": .array(check.missing.map { .string($0.hex) }),
      "damaged": .array(check.damaged.map { .string($0.hex) }),
      "freed": JSONValue(check.freed), "deadLeases": JSONValue(check.deadLeases),
      "flaws": .object(
        Dictionary(uniqueKeysWithValues: check.flaws.map { ($0.key.rawValue, JSONValue($0.value)) })
      ),
      "repaired": .bool(check.isRepaired),
    ])
  }

  private func check(_ path: String, _ engine: Engine) throws {
    defer { engine.store.close() }
    let finding: AttestationCheck.Finding
    do {
      finding = try AttestationCheck(store: engine.store).check(path)
    } catch let refusal as AttestationCheck.Refusal {
      let outcome: Outcome =
        switch refusal.kind {
        case .unreadable: .usage
        case .missing: .inputMissing
        case .mismatch: .storeUnusable
        }
      throw pipeline.fail(Diagnostics([refusal.diagnostic]), outcome)
    } catch { throw Session.explained(error, pipeline) }
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "attestation": .string(path), "subject": .string(finding.subject),
          "digest": .string(finding.digest.hex), "pipeline": JSONValue(finding.pipeline),
          "stage": JSONValue(finding.stage), "run": .string(finding.run),
          "dependencies": JSONValue(finding.dependencies),
          "determinism": DeterminismText.json(finding.determinism),
        ]).pretty + "\n")
    } else {
      let stage = finding.stage.map { "'\($0)'" } ?? "an export"
      let pipeline = finding.pipeline.map { " of \($0)" } ?? ""
      Terminal.out(
        "\(finding.subject) is what \(stage)\(pipeline) made in run \(finding.run.prefix(8)), from \(Numbers.count(finding.dependencies, "source"))\n"
          + DeterminismText.line(finding.stage ?? "the export", finding.determinism))
    }
  }
}
