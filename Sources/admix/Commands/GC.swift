import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser
import Foundation

struct GC: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc",
    abstract: "Remove from the store what nobody needs any more; also beside runs.",
    discussion: """
      A run is kept if --keep-runs or --keep-age keeps it; where none of the options is given, if it is among the last 10 or began in the last 30 days. --keep-size then gives up the oldest of them. Always kept: what the stages gave last, runs that are tagged or pinned, and whatever a run at work rests on. The first run that made an export stays as a record without bytes, so that its lineage can be told.
      """)

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @Option(help: .init("Keeps the newest so many runs of each pipeline.", valueName: "count"))
  var keepRuns: Int?
  @Option(
    help: .init("Keeps runs that began at most so long ago: 12h, 30d, 8w.", valueName: "age"))
  var keepAge: Age?
  @Option(
    help: .init(
      "Keeps at most so many bytes of objects, giving up the oldest runs first: 500MB, 20GB, 1.5GiB.",
      valueName: "size"))
  var keepSize: ByteSize?
  @Option(
    help: .init(
      "Removes hand-edited outputs that were moved aside longer ago; they are kept unless given.",
      valueName: "age"))
  var keepRescued: Age?
  @Flag(name: [.long, .customShort("n")], help: "Changes nothing, and says what would go and why.")
  var dryRun = false

  func validate() throws {
    if let keepRuns, keepRuns < 0 { throw ValidationError("--keep-runs is at least 0.") }
  }

  private var policy: KeepPolicy {
    var policy =
      keepRuns == nil && keepAge == nil && keepSize == nil
      ? KeepPolicy.usual
      : KeepPolicy(runs: keepRuns, age: keepAge?.seconds, bytes: keepSize?.bytes)
    policy.rescuedAge = keepRescued?.seconds
    return policy
  }

  func run() async throws {
    let graph = try pipeline.graph()
    let present = (graph.spec.name, Set(graph.stages.map(\.name)))
    let cleanup = try Session.open(pipeline) {
      let folder = store.folder(pipeline)
      let kept: Store
      do { kept = try Store(root: folder, isMade: false) } catch let error as StoreError
        where error.diagnostic.code == "AX0904" && !dryRun
      {
        // So full that the database cannot even be opened the usual way.
        try Store.makeRoom(root: folder, policy, present: present)
        kept = try Store(root: folder, isMade: false)
      }
      defer { kept.close() }
      return try kept.cleanUp(policy, present: present, isTrial: dryRun)
    }
    if pipeline.json {
      Terminal.out(CleanupText.json(cleanup, isTrial: dryRun).pretty + "\n")
    } else {
      Terminal.out(CleanupText.text(cleanup, policy, isTrial: dryRun))
    }
    if !cleanup.silentRuns.isEmpty {
      Complaint.print(
        Diagnostics([
          .warning(
            "AX0935",
            "nothing is removed from the objects beside \(cleanup.silentRuns.count == 1 ? "a run" : "runs") of an older admix",
            cause:
              "\(cleanup.silentRuns.map { "'\($0.prefix(8))'" }.joined(separator: ", ")) \(cleanup.silentRuns.count == 1 ? "does" : "do") not say what \(cleanup.silentRuns.count == 1 ? "it rests" : "they rest") on",
            hint: "admix gc again when it has ended")
        ]))
    }
  }
}

/// A length of time as people write it: `45m`, `12h`, `30d`, `8w`.
struct Age: ExpressibleByArgument {
  var seconds: TimeInterval

  init?(argument: String) {
    guard let seconds = Quantity.duration.value(argument) else { return nil }
    self.seconds = seconds
  }
}

/// A number of bytes as people write it: `500MB` is 500,000,000 and `1.5GiB` is 1.5 times 2 to the 30th.
struct ByteSize: ExpressibleByArgument {
  var bytes: Int

  init?(argument: String) {
    guard let bytes = Quantity.size.value(argument) else { return nil }
    self.bytes = Int(bytes)
  }
}
