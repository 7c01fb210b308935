package import AdmixModel
package import AdmixStore
import Foundation
import Synchronization

/// Finished results that a team shares: looked into before something is run, and filled with what was.
///
/// It is never in the way. What is not there, or not sound, is a miss; one that does not answer is told
/// of once and not asked again; what could not be sent is counted. Nothing is done before the first
/// question, so a run with nothing to do does not touch it.
package final class SharedCache: Sendable {
  package struct Tally: Hashable, Sendable, Codable {
    /// Results that came from the cache, and the bytes that came with them.
    package var hits = 0
    package var received = 0
    /// Results that were sent, and the bytes that went with them.
    package var sent = 0
    package var uploaded = 0
    /// What was damaged or made to deceive, or not what we asked for.
    package var refused = 0
    /// Results that should have been sent and were not.
    package var unsent = 0
  }

  private struct State {
    var tally = Tally()
    var transport: (any CacheTransport)?
    var isPrepared = false
    /// Reading is no use any more.
    var isDead = false
    /// Writing is not.
    var isMute = false
    var firstRefusal: String?
    /// Objects that are not what they should be: they are written again.
    var spoiled: Set<Digest> = []
    /// Objects that are there.
    var present: Set<Digest> = []
    var queue: [Digest] = []
    /// All that was to be sent.
    var offered: Set<Digest> = []
    var writers = 0
    var isClosed = false
    var active: [Int: Active] = [:]
    var count = 0
    var watchdog: (any DispatchSourceTimer)?
  }

  /// A call under way, and the way to give it up.
  private struct Active {
    var pulse: Pulse
    var giveUp: @Sendable (CacheFailure) -> Void
  }

  package let settings: CacheSettings
  private let open: @Sendable () throws(CacheFailure) -> any CacheTransport
  private let state = Mutex(State())
  /// Calls at once, for reading and for writing: a server is further away than a disk.
  private let readers: Int
  private let writers: Int
  /// Bytes of entries that are asked for together; those beyond are misses.
  private final class Room: Sendable { let left = Atomic(256 << 20) }
  /// Keys that may wait to be sent.
  private static let queueLimit = 1_000_000

  package init(_ settings: CacheSettings, environment: [String: String]) {
    self.settings = settings
    (readers, writers) = settings.callsAtOnce
    open = { () throws(CacheFailure) in try settings.transport(environment: environment) }
  }

  /// Over a transport of one's own, for tests.
  package init(_ settings: CacheSettings, transport: any CacheTransport) {
    self.settings = settings
    (readers, writers) = settings.callsAtOnce
    open = { transport }
  }

  package var tally: Tally { state.withLock { $0.tally } }
  package var writes: Bool { settings.mode == .readWrite }

  // MARK: Reading

  /// What a run gives the cache to work with.
  package struct Place: Sendable {
    package var objects: ObjectFolder
    /// For what is under way; private to the run.
    package var folder: String
    package var wantsToStop: @Sendable () -> Bool
    package var warn: @Sendable (Diagnostic) -> Void

    package init(
      objects: ObjectFolder, folder: String, wantsToStop: @escaping @Sendable () -> Bool,
      warn: @escaping @Sendable (Diagnostic) -> Void
    ) {
      self.objects = objects
      self.folder = folder
      self.wantsToStop = wantsToStop
      self.warn = warn
    }
  }

  /// The results that are there, whole: their large contents are in the object folder by then.
  ///
  /// - Parameter accept: a last look at each by somebody who knows what it should be.
  package func results(
    for keys: [Digest], _ scope: Scope, at place: Place,
    accept: @Sendable (Finding) -> Bool = { _ in true }
  ) async -> [Finding] {
    // Entries that claim to be long must not fill the memory, however many they are.
    let room = Room()
    let entries = await each(keys, place) {
      (key: Digest, transport: any CacheTransport, pulse: Pulse) throws(CacheFailure) -> Finding? in
      guard room.left.load(ordering: .relaxed) > 0 else { return nil }
      return try self.entry(key, scope, transport, pulse) {
        room.left.subtract($0, ordering: .relaxed)
      }
    }
    let free = Self.freeBytes(place.folder)
    let found = entries.filter { finding in
      let bytes = Self.wanted(finding, place).reduce(0) { $0 + $1.bytes }
      if bytes <= free { return true }
      refuse("there is no room for what it claims to hold", key: finding.fingerprint.digest)
      return false
    }
    let wanted = Set(found.flatMap { Self.wanted($0, place) })
    let here = await each(Array(wanted), place) { artifact, transport, pulse throws(CacheFailure) in
      try self.object(artifact, place, transport, pulse) ? artifact.digest : nil
    }
    let lacking = Set(wanted.map(\.digest)).subtracting(here)
    return found.filter { finding in
      guard !finding.outputs.values.joined().contains(where: { lacking.contains($0.digest) })
      else { return false }
      do throws(CacheFailure) {
        try CacheEntry.check(finding) { artifact in
          finding.contents[artifact.digest]
            ?? FileManager.default.contents(atPath: place.objects.path(of: artifact.digest))
        }
        guard accept(finding) else { throw .refused("it is not what this stage gives") }
      } catch {
        refuse(error, key: finding.fingerprint.digest)
        return false
      }
      state.withLock { $0.tally.hits += 1 }
      return true
    }
  }

  private func entry(
    _ key: Digest, _ scope: Scope, _ transport: any CacheTransport, _ pulse: Pulse,
    _ took: (Int) -> Void
  ) throws(CacheFailure) -> Finding? {
    do throws(CacheFailure) {
      guard
        let data = try transport.read(CacheEntry.name(key), limit: CacheEntry.limit, pulse)
      else { return nil }
      took(data.count)
      let finding = try CacheEntry.decode(data, for: key, scope)
      state.withLock { $0.tally.received += data.count }
      return finding
    } catch {
      guard case .refused = error else { throw error }
      refuse(error, key: key)
      return nil
    }
  }

  private func object(
    _ artifact: Artifact, _ place: Place, _ transport: any CacheTransport, _ pulse: Pulse
  ) throws(CacheFailure) -> Bool {
    let path = "\(place.folder)/\(artifact.digest.hex)-\(UUID().uuidString)"
    defer { unlink(path) }
    do throws(CacheFailure) {
      guard
        try transport.read(
          CacheEntry.name(ofObject: artifact.digest), limit: artifact.bytes, into: path, pulse)
      else { return false }
      let isRight: Bool
      do { isRight = try place.objects.publish(file: path, as: artifact) } catch {
        throw .local(Self.reason(error))
      }
      guard isRight else { throw .refused("an object is not what its digest says") }
      state.withLock { state in
        state.tally.received += artifact.bytes
        state.present.insert(artifact.digest)
      }
      return true
    } catch {
      guard case .refused = error else { throw error }
      state.withLock { _ = $0.spoiled.insert(artifact.digest) }
      refuse(error, key: artifact.digest)
      return false
    }
  }

  /// The large contents of a result that are not here.
  private static func wanted(_ finding: Finding, _ place: Place) -> Set<Artifact> {
    Set(
      finding.outputs.values.joined().filter {
        !Store.isInline($0.kind, bytes: $0.bytes) && !place.objects.holds($0)
      })
  }

  private static func reason(_ error: any Error) -> String {
    guard let known = error as? StoreError else { return "\(error)" }
    return known.diagnostic.cause ?? known.diagnostic.fact
  }

  private static func freeBytes(_ folder: String) -> Int {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return .max }
    return Int(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
  }

  private func refuse(_ failure: CacheFailure, key: Digest) {
    guard case .refused(let reason) = failure else { return }
    refuse(reason, key: key)
  }

  private func refuse(_ reason: String, key: Digest) {
    state.withLock { state in
      state.tally.refused += 1
      state.firstRefusal =
        state.firstRefusal ?? "the first is \(key.short): \(reason)"
    }
  }

  /// Does something for many items, some at once; stops asking when the cache turns out to be dead.
  private func each<Item: Sendable, Value: Sendable>(
    _ items: [Item], _ place: Place,
    _ body:
      @escaping @Sendable (Item, any CacheTransport, Pulse) throws(CacheFailure) -> Value?
  ) async -> [Value] {
    guard !items.isEmpty, let transport = await prepared(place) else { return [] }
    try? FileManager.default.createDirectory(
      atPath: place.folder, withIntermediateDirectories: true)
    return await withTaskGroup(of: Value?.self) { group in
      var values: [Value] = []
      var next = 0
      func add() {
        guard next < items.count, !isDead, !place.wantsToStop() else { return }
        let item = items[next]
        next += 1
        group.addTask {
          do throws(CacheFailure) {
            return try await self.call(place) { pulse throws(CacheFailure) in
              try body(item, transport, pulse)
            }
          } catch {
            self.fail(error, place)
            return nil
          }
        }
      }
      for _ in 0..<readers { add() }
      for await value in group {
        if let value { values.append(value) }
        add()
      }
      return values
    }
  }

  private var isDead: Bool { state.withLock { $0.isDead } }

  /// The transport, once it has shown that the other side is there.
  private func prepared(_ place: Place) async -> (any CacheTransport)? {
    let (known, isPrepared, isDead) = state.withLock { ($0.transport, $0.isPrepared, $0.isDead) }
    if isDead || place.wantsToStop() { return nil }
    if isPrepared, let known { return known }
    do throws(CacheFailure) {
      let transport = try state.withLock { state throws(CacheFailure) in
        if let transport = state.transport { return transport }
        let transport = try open()
        state.transport = transport
        return transport
      }
      let writes = self.writes
      try await call(place) { pulse throws(CacheFailure) in try transport.prepare(writes: writes) }
      state.withLock { $0.isPrepared = true }
      return transport
    } catch {
      fail(error, place)
      return nil
    }
  }

  /// Says once that the cache is of no use, and has it left alone from then on.
  private func fail(_ failure: CacheFailure, _ place: Place) {
    if failure == .stopped { return }
    if case .refused = failure { return }
    let isFirst = state.withLock { state in
      defer { state.isDead = true }
      return !state.isDead
    }
    if !isFirst { return }
    switch failure {
    case .unreachable(let reason): place.warn(settings.words.unreachable(reason))
    case .denied(let reason): place.warn(settings.words.denied(reason))
    case .local(let reason): place.warn(settings.words.unkept(reason))
    case .refused, .stopped: break
    }
  }

  // MARK: Calls

  /// Does a blocking call on a thread that it may hold, and gives it up when it shows no life.
  private func call<Value: Sendable>(
    _ place: Place, _ body: @escaping @Sendable (Pulse) throws(CacheFailure) -> Value
  ) async throws(CacheFailure) -> Value {
    let pulse = Pulse()
    let result = await withCheckedContinuation {
      (done: CheckedContinuation<Result<Value, CacheFailure>, Never>) in
      let id = state.withLock { state in
        state.count += 1
        return state.count
      }
      // Whoever takes the call off the list is the one who answers.
      let answer = { @Sendable (result: Result<Value, CacheFailure>) in
        let isOurs = self.state.withLock { $0.active.removeValue(forKey: id) != nil }
        if isOurs { done.resume(returning: result) }
      }
      state.withLock { state in
        state.active[id] = Active(pulse: pulse) { failure in
          pulse.stop()
          done.resume(returning: .failure(failure))
        }
        if state.watchdog == nil { state.watchdog = self.newWatchdog(place) }
      }
      // A thread of its own: Dispatch adds one for a blocked one only after a while, so that a server
      // that is far away would be asked two questions at a time.
      Thread.detachNewThread {
        do throws(CacheFailure) { answer(.success(try body(pulse))) } catch {
          answer(.failure(error))
        }
      }
    }
    return try result.get()
  }

  private func newWatchdog(_ place: Place) -> any DispatchSourceTimer {
    let timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .now() + .milliseconds(50), repeating: .milliseconds(50))
    timer.setEventHandler { [weak self] in self?.look(place) }
    timer.resume()
    return timer
  }

  private func look(_ place: Place) {
    let wantsToStop = place.wantsToStop()
    // A transport has limits of its own, which say better what is wrong; this one is for a file system
    // that hangs.
    let patience = settings.patience * 1.5 + 1
    let (silent, isClosed) = state.withLock { state in
      let isClosed = state.isClosed
      let silent = state.active.filter {
        wantsToStop || isClosed || $0.value.pulse.silence > patience
      }
      for id in silent.keys { state.active[id] = nil }
      return (silent, isClosed)
    }
    for call in silent.values {
      call.giveUp(
        wantsToStop || isClosed
          ? .stopped : .unreachable("no answer within \(Duration.seconds(settings.patience))"))
    }
  }

  // MARK: Writing

  /// Has a committed result sent when there is time.
  ///
  /// - Parameter compose: gives it from the store, by then.
  package func send(
    _ keys: [Digest], at place: Place, compose: @escaping @Sendable (Digest) throws -> Finding?
  ) {
    guard writes else { return }
    let more = state.withLock { state -> Int in
      for key in keys where state.offered.insert(key).inserted {
        if state.queue.count < Self.queueLimit { state.queue.append(key) }
      }
      if state.isMute || state.isDead || state.isClosed { return 0 }
      let more = min(writers - state.writers, state.queue.count)
      state.writers += max(0, more)
      return more
    }
    if more <= 0 { return }
    for _ in 0..<more {
      Task {
        await self.write(place, compose)
      }
    }
  }

  private func write(_ place: Place, _ compose: @escaping @Sendable (Digest) throws -> Finding?)
    async
  {
    while true {
      let key = state.withLock { state -> Digest? in
        if let key = state.isMute || state.isDead || state.isClosed ? nil : state.queue.popLast() {
          return key
        }
        state.writers -= 1
        return nil
      }
      guard let key else { return }
      guard let transport = await prepared(place) else { continue }
      do throws(CacheFailure) {
        try await call(place) { pulse throws(CacheFailure) in
          try self.upload(key, place, transport, pulse, compose)
        }
      } catch {
        if case .denied(let reason) = error {
          let isFirst = state.withLock { state in
            defer { state.isMute = true }
            return !state.isMute
          }
          if isFirst { place.warn(settings.words.mute(reason)) }
        } else if case .local = error {
          // Not the cache's fault: the result alone stays here.
        } else {
          fail(error, place)
        }
      }
    }
  }

  /// Objects first and the entry last, so that whoever sees the entry finds all it names.
  private func upload(
    _ key: Digest, _ place: Place, _ transport: any CacheTransport, _ pulse: Pulse,
    _ compose: (Digest) throws -> Finding?
  ) throws(CacheFailure) {
    let finding: Finding
    let entry: Data
    do {
      // Somebody may have cleared the store meanwhile.
      guard let found = try compose(key) else { throw CacheFailure.local("it is gone") }
      finding = found
      entry = try CacheEntry.encode(found)
    } catch { throw .local(Self.reason(error)) }
    guard entry.count <= CacheEntry.limit else { throw .local("the entry would be too long") }
    var bytes = entry.count
    for artifact in Set(finding.outputs.values.joined())
    where !Store.isInline(artifact.kind, bytes: artifact.bytes) {
      let (isThere, isSpoiled) = state.withLock {
        ($0.present.contains(artifact.digest), $0.spoiled.contains(artifact.digest))
      }
      if isThere { continue }
      let name = CacheEntry.name(ofObject: artifact.digest)
      // Asking costs as much as sending something small.
      let isAsked = !isSpoiled && artifact.bytes >= 16 << 10
      let size = isAsked ? try transport.size(of: name, pulse) : nil
      if size != artifact.bytes {
        guard place.objects.isSound(artifact) else { throw .local("an object is damaged") }
        try transport.write(
          .file(path: place.objects.path(of: artifact.digest), bytes: artifact.bytes),
          artifact.digest, as: name, pulse)
        bytes += artifact.bytes
      }
      state.withLock { state in
        state.present.insert(artifact.digest)
        state.spoiled.remove(artifact.digest)
      }
      guard pulse.beat() else { throw .stopped }
    }
    try transport.write(.data(entry), Digest(of: entry), as: CacheEntry.name(key), pulse)
    state.withLock { state in
      state.tally.sent += 1
      state.tally.uploaded += bytes
    }
  }

  // MARK: The end

  /// Waits for what is to be sent, not for ever, and says what went wrong.
  ///
  /// - Parameter slow: told once, after a second, how many results are still to go.
  package func finish(at place: Place, _ slow: (Int) -> Void = { _ in }) async -> Tally {
    let begin = ContinuousClock.now
    let end = begin + .seconds(settings.drain)
    var hasSaid = false
    while state.withLock({ $0.writers > 0 }), !place.wantsToStop(), ContinuousClock.now < end {
      if !hasSaid, ContinuousClock.now - begin > .seconds(1) {
        hasSaid = true
        slow(state.withLock { $0.queue.count + $0.writers })
      }
      try? await Task.sleep(for: .milliseconds(5))
    }
    let (tally, refusal, left, isLame) = state.withLock { state in
      state.isClosed = true
      // Every writer has one in hand.
      let left = state.queue.count + state.writers
      state.tally.unsent = state.offered.count - state.tally.sent
      state.queue = []
      return (state.tally, state.firstRefusal, left, state.isDead || state.isMute)
    }
    look(place)
    state.withLock { state in
      state.watchdog?.cancel()
      state.watchdog = nil
    }
    if let refusal { place.warn(settings.words.refused(tally.refused, refusal)) }
    // One that is dead has been told of.
    if tally.unsent > 0, !isLame {
      place.warn(
        settings.words.unsent(
          tally.unsent,
          place.wantsToStop()
            ? "the run was interrupted"
            : left == 0
              ? "they could not be read from the store, or are too large"
              : "the time for it, \(Duration.seconds(settings.drain)), was over"))
    }
    return tally
  }
}
