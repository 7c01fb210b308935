import AdmixTestSupport
import Foundation
import Testing

/// The built binary in a fresh folder, as a person at a terminal has it.
final class Product {
  struct Answer {
    var code: Int32
    var out: String
    var err: String
  }

  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("admix-e2e-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// The binary lies beside the test runner, wherever the build put both.
  static let binary: URL = {
    let runner =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let beside = URL(fileURLWithPath: runner).deletingLastPathComponent()
      .appendingPathComponent("admix")
    if FileManager.default.isExecutableFile(atPath: beside.path) { return beside }
    return testsFolder.deletingLastPathComponent().appendingPathComponent(".build/debug/admix")
  }()

  func write(_ text: String, to path: String) throws {
    let file = folder.appendingPathComponent(path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  func read(_ path: String) throws -> String {
    try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
  }

  func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent(path).path)
  }

  /// Runs admix with these arguments to its end.
  func admix(_ arguments: String..., environment: [String: String] = [:]) throws -> Answer {
    try Self.start(Self.binary, arguments, in: folder, environment: environment).wait()
  }

  /// The same without waiting for the end.
  func start(_ arguments: String..., environment: [String: String] = [:]) throws -> Running {
    try Self.start(Self.binary, arguments, in: folder, environment: environment)
  }

  /// Runs a line of shell with `admix` on the path.
  func shell(_ line: String, environment: [String: String] = [:]) throws -> Answer {
    try Self.start(
      URL(fileURLWithPath: "/bin/sh"), ["-c", line], in: folder, environment: environment
    ).wait()
  }

  /// A process under way, its streams going to files so that none of them can fill up.
  struct Running {
    let process: Process
    let outFile: URL
    let errFile: URL

    /// Waits until the process has said something on its error stream, or has ended.
    func waitUntilItSays(_ text: String) throws {
      while process.isRunning {
        if try String(decoding: Data(contentsOf: errFile), as: UTF8.self).contains(text) { return }
        usleep(5_000)
      }
    }

    /// Waits until the process stands still, by SIGSTOP, or has ended.
    func waitUntilItStops() throws -> Bool {
      let place = "/proc/\(process.processIdentifier)/stat"
      while process.isRunning {
        let fields = try? String(contentsOfFile: place, encoding: .utf8).split(separator: ")").last
        if fields?.split(separator: " ").first == "T" { return true }
        usleep(2_000)
      }
      return false
    }

    func wait() throws -> Answer {
      process.waitUntilExit()
      defer {
        try? FileManager.default.removeItem(at: outFile)
        try? FileManager.default.removeItem(at: errFile)
      }
      let code =
        process.terminationReason == .uncaughtSignal
        ? 128 + process.terminationStatus : process.terminationStatus
      return Answer(
        code: code, out: String(decoding: try Data(contentsOf: outFile), as: UTF8.self),
        err: String(decoding: try Data(contentsOf: errFile), as: UTF8.self))
    }
  }

  static func start(
    _ program: URL, _ arguments: [String], in folder: URL, environment: [String: String]
  ) throws -> Running {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.currentDirectoryURL = folder
    var variables = ProcessInfo.processInfo.environment
    variables["PATH"] =
      binary.deletingLastPathComponent().path + ":" + (variables["PATH"] ?? "/usr/bin:/bin")
    variables["NO_COLOR"] = "1"
    variables["ADMIX_DISTDIR"] = nil
    variables.merge(environment) { _, new in new }
    process.environment = variables
    let base = FileManager.default.temporaryDirectory
    let files = ["out", "err"].map { base.appendingPathComponent("\($0)-\(UUID().uuidString)") }
    for file in files { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    process.standardInput = FileHandle.nullDevice
    try process.run()
    return Running(process: process, outFile: files[0], errFile: files[1])
  }
}
