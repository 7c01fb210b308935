import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser

struct Verify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Rehash everything in the store; set aside what is damaged, so that a run makes it anew.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments

  func run() async throws {
    // Which store it is follows from the file.
    _ = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    let check = try Session.open(pipeline) { try engine.store.verify() }
    engine.store.close()
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "sound": JSONValue(check.sound), "bytes": JSONValue(check.bytes),
          "missing": JSONValue(check.missing),
          "damaged": .array(check.damaged.map { .string($0.hex) }),
        ]).pretty + "\n")
    } else {
      Terminal.out(
        "\(Numbers.count(check.sound, "object")) of \(Numbers.bytes(check.bytes)) \(check.sound == 1 ? "is" : "are") what the digests say\n"
      )
    }
    if check.isSound { return }
    Complaint.print(
      Diagnostics([
        .error(
          "AX0914",
          "\(Numbers.count(check.damaged.count, "object")) of the store \(check.damaged.count == 1 ? "is" : "are") damaged and \(check.missing) missing",
          cause: "the disk lost bytes, or somebody changed them",
          hint:
            "\(pipeline.runCommand) makes them anew; damaged ones lie in the store's folder 'rescued'"
        )
      ]))
    throw ExitCode(Outcome.storeUnusable.rawValue)
  }
}
