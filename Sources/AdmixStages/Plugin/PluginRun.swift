import AdmixData
import AdmixEngine
import AdmixGenerators
import AdmixModel
import AdmixProcess
import AdmixSpec
import Foundation

/// The folders, the log and the rights of one process of a plugin within a task.
final class PluginRun {
  var place: PluginPlace
  private let span: SourceSpan
  /// The log of the stage, which a failure is shown from.
  private let stageLog: String
  private var hasSucceeded = false

  init(
    _ plugin: Plugin, _ manifest: PluginManifest, _ environment: PluginEnvironment?,
    _ task: any TaskContext, _ what: String, _ span: SourceSpan
  ) throws {
    self.span = span
    var folders: [String] = []
    let log: ProgramLog
    do {
      for _ in 0..<2 {
        let path = try task.artifacts.newFile()
        try FileManager.default.createDirectory(
          atPath: path, withIntermediateDirectories: true)
        folders.append(path)
      }
      let path = try task.logFile()
      stageLog = path
      log = try ProgramLog(
        path: path.hasSuffix(".log") ? "\(path.dropLast(4)).\(what).log" : "\(path).\(what)")
    } catch let error as CocoaError {
      throw TaskFailure(
        .error(
          "AX0873", at: span, "a folder for the plugin cannot be made",
          cause: error.localizedDescription), reason: .store)
    }
    let setting = task.foreign
    place = PluginPlace(
      stage: task.stageName, span: span, given: folders[0], work: folders[1],
      readable: task.request.files.map(\.path), environment: environment?.folder,
      launcher: setting.launcher, variables: setting.environment,
      isSandboxed: setting.isSandboxed, log: log, check: { try task.checkCancellation() },
      progress: { task.progress(phase: $0, done: $1, total: $2) })
  }

  /// A file of the store as the program may see it.
  func shown(_ file: String, _ task: any TaskContext) throws -> String {
    // Where nothing protects the store's own file, the program gets another.
    if task.foreign.isSandboxed, SandboxLevel.landlockVersion > 0 { return file }
    let copy = place.given + "/model"
    try FileManager.default.copyItem(atPath: file, toPath: copy)
    chmod(copy, 0o444)
    return copy
  }

  /// A log of a success that says nothing is not kept.
  func succeeded() throws {
    hasSucceeded = true
    var info = stat()
    if stat(place.log.path, &info) == 0, info.st_size == 0 { unlink(place.log.path) }
  }

  func clear() {
    if !hasSucceeded { rename(place.log.path, stageLog) }
    for folder in [place.given, place.work] { try? FileManager.default.removeItem(atPath: folder) }
  }

  static func value(_ level: SandboxLevel, isSandboxed: Bool) -> JSONValue {
    [
      "sandbox": [
        "asked": .bool(isSandboxed), "landlock": JSONValue(level.landlock),
        "watched": .bool(level.isWatched), "network": .string("\(level.network)"),
      ]
    ]
  }

  func warnings(_ level: SandboxLevel) -> [Diagnostic] {
    guard !place.isSandboxed || level.landlock == 0 else { return [] }
    return [
      .warning(
        "AX0870", at: span, "stage '\(place.stage)' ran without a sandbox",
        cause: place.isSandboxed
          ? "this kernel has no Landlock: files it may not use are not refused"
          : "--no-sandbox asked for it: what it read and wrote beside its files is not known")
    ]
  }
}

extension Node {
  /// The values of a map by their names.
  var options: [String: Node] {
    Dictionary(members.map { ($0.key, $0.value) }) { first, _ in first }
  }
}
