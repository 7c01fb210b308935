internal import CSandbox
import Foundation

/// Runs programs through the launcher: a hidden mode of our own executable that is started for one
/// program, restricts it, and outlives neither it nor us.
///
/// The launcher has a session of its own, takes in every process that its program leaves behind, and
/// holds the end of a pipe whose other end is here. When that closes, by `kill -9` too, it kills
/// everything below it. So no program runs on into data that another run writes.
package struct ProcessHost: Sendable {
  /// The first argument by which our executable knows that it is the launcher.
  package static let mode = "__launch"

  /// An executable that calls `runLauncher` when its first argument is `mode`.
  package var launcher: String
  /// Where the launcher finds its libraries; it is told nothing else.
  package var libraryPath: String?

  package init(launcher: String, libraryPath: String? = nil) {
    self.launcher = launcher
    self.libraryPath = libraryPath
  }

  /// Does the launcher's work in this process; for a process started for it alone.
  ///
  /// - Returns: what to exit with; 64 where nobody is at the other end.
  package static func runLauncher() -> Int32 { admix_launch(3, 4) }

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - input: what it reads as standard input; nothing unless given.
  ///   - kept: descriptors that it keeps, as 5 and upwards.
  package func start(_ request: ProcessRequest, input: Int32? = nil, kept: [Int32] = []) throws
    -> HostedProcess
  {
    var control: (read: Int32, write: Int32) = (-1, -1)
    var status: (read: Int32, write: Int32) = (-1, -1)
    var output: (read: Int32, write: Int32) = (-1, -1)
    var opened: [Int32] = []
    defer { for descriptor in opened { close(descriptor) } }
    control = try Self.pipe()
    status = try Self.pipe()
    output = try Self.pipe()
    let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
    opened = [control.read, status.write, output.write, nothing]
    var owned = [control.write, status.read, output.read]
    defer { for descriptor in owned { close(descriptor) } }

    // Where a source were among the targets, it would be overwritten before its turn; so all go up first.
    let sources =
      [input ?? nothing, output.write, output.write, control.read, status.write] + kept
    var high: [Int32] = []
    for source in sources {
      let copy = fcntl(source, F_DUPFD_CLOEXEC, 64)
      guard copy >= 0 else { throw ProcessHostError("dup", errno) }
      opened.append(copy)
      high.append(copy)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (target, source) in high.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
    }
    let environment = libraryPath.map { ["LD_LIBRARY_PATH=\($0)"] }
    var pid = pid_t()
    let result = Self.withArguments([launcher, Self.mode]) { arguments in
      Self.withArguments(environment ?? []) { variables in
        posix_spawn(&pid, launcher, &actions, nil, arguments, variables)
      }
    }
    guard result == 0 else { throw ProcessHostError(launcher, result) }
    let process = HostedProcess(
      pid: pid, control: control.write, status: status.read, output: output.read,
      grace: request.grace)
    owned = []
    process.send(Self.encoded(request, kept: kept.count))
    return process
  }

  private static func pipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard admix_pipe(&ends) == 0 else { throw ProcessHostError("pipe", errno) }
    return (ends[0], ends[1])
  }

  private static func withArguments<Result>(
    _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let copies = texts.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }

  // MARK: The request as bytes

  private static func encoded(_ request: ProcessRequest, kept: Int) -> Data {
    var data = Data()
    func add(_ kind: AdmixLaunchOrder, _ content: Data) {
      for number in [kind.rawValue, UInt32(content.count)] {
        withUnsafeBytes(of: number) { data.append(contentsOf: $0) }
      }
      data.append(content)
    }
    func add(_ kind: AdmixLaunchOrder, _ text: String) { add(kind, Data(text.utf8)) }
    add(ADMIX_LAUNCH_PROGRAM, request.program)
    for argument in request.arguments { add(ADMIX_LAUNCH_ARGUMENT, argument) }
    for (name, value) in request.environment.sorted(by: { $0.key < $1.key }) {
      add(ADMIX_LAUNCH_ENVIRONMENT, "\(name)=\(value)")
    }
    add(ADMIX_LAUNCH_FOLDER, request.folder)
    for path in request.readable { add(ADMIX_LAUNCH_READABLE, path) }
    for path in request.listable { add(ADMIX_LAUNCH_LISTABLE, path) }
    for path in request.writable { add(ADMIX_LAUNCH_WRITABLE, path) }
    var flags: UInt32 = 0
    if request.isSandboxed {
      if request.usesLandlock { flags |= ADMIX_LAUNCH_CONFINED.rawValue }
      flags |= ADMIX_LAUNCH_WATCHED.rawValue
    }
    if request.allowsNetwork || !request.isSandboxed { flags |= ADMIX_LAUNCH_NETWORK.rawValue }
    func limit(_ value: Int?) -> UInt64 { UInt64(max(0, value ?? 0)) }
    var limits = AdmixLaunchLimits(
      flags: flags,
      graceMilliseconds: UInt32(
        clamping: request.grace.components.seconds * 1000
          + request.grace.components.attoseconds / 1_000_000_000_000_000),
      memory: limit(request.limits.memory), processes: limit(request.limits.processes),
      fileBytes: limit(request.limits.fileBytes), openFiles: limit(request.limits.openFiles),
      keptDescriptors: UInt64(kept))
    add(ADMIX_LAUNCH_LIMITS, withUnsafeBytes(of: &limits) { Data($0) })
    add(ADMIX_LAUNCH_GO, Data())
    return data
  }
}

/// Why a launcher could not be started.
package struct ProcessHostError: Error, Hashable, Sendable {
  package var what: String
  package var reason: String

  init(_ what: String, _ number: Int32) {
    self.what = what
    reason = String(cString: strerror(number))
  }
}
