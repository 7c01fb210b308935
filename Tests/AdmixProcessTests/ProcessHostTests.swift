import AdmixProcess
import AdmixTestSupport
import Foundation
import Testing

/// Programs run through the built binary's launcher: what they may do, and that nothing outlives them.
struct ProcessHostTests {
  private static let host: ProcessHost = {
    let runner =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let beside = URL(fileURLWithPath: runner).deletingLastPathComponent()
      .appendingPathComponent("admix").path
    return ProcessHost(
      launcher: FileManager.default.isExecutableFile(atPath: beside)
        ? beside
        : testsFolder.deletingLastPathComponent().appendingPathComponent(".build/debug/admix").path,
      libraryPath: ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"])
  }()

  private func run(
    _ script: String, in folder: TemporaryFolder,
    _ change: (inout ProcessRequest) -> Void = { _ in }
  ) throws -> (outcome: ProcessOutcome, output: String) {
    try FileManager.default.createDirectory(
      at: folder.url.appendingPathComponent("work"), withIntermediateDirectories: true)
    var request = ProcessRequest(
      program: "/bin/sh", arguments: ["sh", "-c", script],
      environment: ["PATH": "/usr/bin:/bin", "WORK": folder.path + "/work"], folder: folder.path)
    request.readable = ProgramRuntime.readable(allowsNetwork: false) + [folder.path + "/declared"]
    request.listable = [folder.path + "/listed"]
    request.writable = ProgramRuntime.writable + [folder.path + "/work"]
    request.grace = .milliseconds(200)
    change(&request)
    var output = Data()
    let outcome = try Self.host.start(request).wait { output.append(contentsOf: $0) }
    return (outcome, String(decoding: output, as: UTF8.self))
  }

  @Test func saysHowAProgramEnded() throws {
    let folder = try TemporaryFolder()
    #expect(try run("echo out; echo err >&2", in: folder).output == "out\nerr\n")
    #expect(try run("exit 7", in: folder).outcome.ending == .exited(7))
    #expect(try run("kill -SEGV $$", in: folder).outcome.ending == .signalled(11))
    let nothing = try run("", in: folder) { $0.program = "/no/such/program" }.outcome.ending
    #expect(nothing == .notStarted("execve", reason: "No such file or directory"))
    // Signals that this process ignores are not ignored in it.
    #expect(try run("kill -PIPE $$; kill -INT $$", in: folder).outcome.ending == .signalled(13))
  }

  @Test func givesNothingThatWasNotDeclared() throws {
    let folder = try TemporaryFolder()
    let seen = try run("env | sort; ulimit -c; ls /proc/self/fd", in: folder).output
    #expect(
      seen.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("_=") } == [
        "PATH=/usr/bin:/bin", "PWD=\(folder.path)", "WORK=\(folder.path)/work", "0", "0", "1", "2",
        "3",
      ], "\(seen)")
  }

  @Test func refusesWhatIsNotDeclaredAndSaysWhat() throws {
    let folder = try TemporaryFolder()
    try folder.write("x\n", to: "listed/deeper/x")
    let root = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path
    let cases: [(script: String, denial: ProcessOutcome.Denial?)] = [
      ("cat declared; echo y > work/new; mv work/new work/newer; rm work/newer", nil),
      ("cat secret", .init(kind: .read, path: root + "/secret")),
      ("cd work && cat ../secret", .init(kind: .read, path: root + "/secret")),
      ("ln -sf ../secret work/link && cat work/link", .init(kind: .read, path: root + "/secret")),
      ("echo z > new", .init(kind: .write, path: root + "/new")),
      ("echo z >> declared", .init(kind: .write, path: root + "/declared")),
      ("rm declared", .init(kind: .write, path: root + "/declared")),
      ("mv declared work/", .init(kind: .write, path: root + "/declared")),
      ("cat missing", nil), ("[ -e secret ]", nil),
      ("ls . ", .init(kind: .other, path: root)), ("ls listed listed/deeper", nil),
      ("cat listed/deeper/*", .init(kind: .read, path: root + "/listed/deeper/x")),
    ]
    for usesLandlock in [true, false] {
      if usesLandlock, SandboxLevel.landlockVersion == 0 {
        print("NOT RUN: refusals, as this kernel has no Landlock")
        continue
      }
      for (script, denial) in cases {
        for name in ["declared", "secret"] { try folder.write("x\n", to: name) }
        let (outcome, output) = try run(script, in: folder) { $0.usesLandlock = usesLandlock }
        guard outcome.sandbox.isWatched else {
          print("NOT RUN: what is refused cannot be seen on this kernel")
          continue
        }
        #expect(outcome.denials == (denial.map { [$0] } ?? []), "\(script): \(output)")
        guard usesLandlock, denial != nil else { continue }
        #expect(outcome.ending != .exited(0), "\(script): \(output)")
        #expect(folder.exists("declared") && !folder.exists("new"), "\(script)")
        #expect(try folder.read("declared") == "x\n", "\(script)")
      }
    }
  }

  @Test func closesTheNetworkUnlessAsked() throws {
    let folder = try TemporaryFolder()
    let script =
      "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM); print(1)'"
    func python(_ change: (inout ProcessRequest) -> Void = { _ in }) throws -> (
      outcome: ProcessOutcome, output: String
    ) {
      try run(script, in: folder) { request in
        request.environment["PATH"] = "/usr/bin:/bin:/usr/local/bin"
        change(&request)
      }
    }
    guard try python({ $0.isSandboxed = false }).outcome.ending == .exited(0) else {
      print("NOT RUN: the network (python3 is not among the system's programs)")
      return
    }
    let closed = try python()
    #expect(closed.outcome.sandbox.network == .closed)
    #expect(closed.outcome.ending == .exited(1))
    #expect(
      closed.outcome.denials.filter { $0.kind != .other } == [.init(kind: .network, path: "")])
    #expect(try python { $0.allowsNetwork = true }.outcome.ending == .exited(0))
    // Nor does a service of the machine answer by its socket, as the one of containers would.
    let service = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(service) }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    let path = folder.path + "/service"
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
    let bound = withUnsafeBytes(of: &name) { bytes in
      bind(
        service, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        socklen_t(bytes.count))
    }
    #expect(bound == 0 && listen(service, 1) == 0)
    let call =
      "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"\(path)\"); print(1)'"
    let refused = try run(call, in: folder) {
      $0.environment["PATH"] = "/usr/bin:/bin:/usr/local/bin"
    }
    #expect(refused.outcome.ending == .exited(1), "\(refused.output)")
    #expect(refused.outcome.denials.contains { $0.path.hasSuffix("/service") })
  }

  @Test func keepsWithinLimits() throws {
    let folder = try TemporaryFolder()
    // Each of the processes is within the limit that the kernel checks; together they are not.
    let hungry = try run(
      "for i in 1 2 3 4; do (x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 30; :) & done; wait",
      in: folder
    ) { $0.limits.memory = 64 << 20 }
    #expect(hungry.outcome.ending == .outOfMemory, "\(hungry)")
    let bomb = try run("f() { f | f & }; f; sleep 20", in: folder) { $0.limits.processes = 40 }
    #expect(bomb.outcome.ending == .tooManyProcesses, "\(bomb.outcome)")
    let file = try run("head -c 2000000 /dev/zero > $WORK/big", in: folder) {
      $0.limits.fileBytes = 1_000_000
    }
    #expect(file.outcome.ending != .exited(0), "\(file)")
  }

  /// Those that end with the program, and those that ask not to: other sessions, other parents.
  private static let stray = """
    (setsid sh -c 'trap "" TERM HUP; echo $$ > "$WORK/one"; sleep 60; sleep 60' &)
    (sh -c 'echo $$ > "$WORK/two"; exec sleep 60' &)
    until [ -s "$WORK/one" ] && [ -s "$WORK/two" ]; do sleep 0.01; done
    """

  private func isAlive(_ name: String, in folder: TemporaryFolder) throws -> Bool {
    let pid = try folder.read("work/\(name)").trimmingCharacters(in: .whitespacesAndNewlines)
    // A process that is only remembered by its parent is dead.
    let state = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
    return !state.isEmpty && state.split(separator: ")").last?.hasPrefix(" Z") == false
  }

  @Test func leavesNothingBehind() throws {
    struct Enough: Error {}
    let folder = try TemporaryFolder()
    #expect(try run(Self.stray, in: folder).outcome.ending == .exited(0))
    for name in ["one", "two"] { #expect(try !isAlive(name, in: folder), "\(name)") }
    // The same when it is told to end in the middle.
    for name in ["one", "two"] { try folder.write("", to: "work/\(name)") }
    var request = ProcessRequest(
      program: "/bin/sh", arguments: ["sh", "-c", "trap '' TERM\n\(Self.stray)\nsleep 60"],
      environment: ["PATH": "/usr/bin:/bin", "WORK": folder.path + "/work"], folder: folder.path)
    request.isSandboxed = false
    request.grace = .milliseconds(50)
    var isReady = false
    #expect(throws: Enough.self) {
      _ = try Self.host.start(request).wait(check: {
        isReady = try !folder.read("work/one").isEmpty && !folder.read("work/two").isEmpty
        if isReady { throw Enough() }
      }) { _ in }
    }
    #expect(isReady)
    for name in ["one", "two"] { #expect(try !isAlive(name, in: folder), "\(name)") }
  }

  @Test func aLogHasNoSecretsHoweverTheyArrive() throws {
    let folder = try TemporaryFolder()
    let text = "key=hush-hush; hush-hush-more hush hushhush-hus\nabc hush-hush"
    try forEverySeed(50) { random in
      let path = folder.path + "/log"
      let log = try ProgramLog(path: path, secrets: ["hush-hush", "hush-hush-more", "abc", ""])
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        let count = Int.random(in: 1...rest.count, using: &random)
        Array(rest.prefix(count)).withUnsafeBytes { log.append($0) }
        rest = rest.dropFirst(count)
      }
      log.finish()
      return try folder.read("log") == "key=***; *** hush hushhush-hus\nabc ***"
    }
  }

  @Test func boundsItsLog() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/log"
    let log = try ProgramLog(path: path)
    let line = Array("0123456789abcde\n".utf8)
    for _ in 0..<1_000_000 { line.withUnsafeBytes { log.append($0) } }
    Array("\u{1B}[2Jthe end".utf8).withUnsafeBytes { log.append($0) }
    log.finish()
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    #expect(size < 6 << 20)
    #expect(ProgramLog.lastLines(of: path, count: 2) == ["0123456789abcde", "[2Jthe end"])
  }
}
