package import AdmixModel
import CFetch
import Foundation

/// Files from http, https and file URLs, taken only with the digest that was promised.
package enum Download {
  /// Fetches what a URL names into a new file.
  ///
  /// A transfer that breaks off leaves `path` with `.part` behind it, and the next one goes on from
  /// there. A file whose digest is another is not kept.
  ///
  /// - Parameter progress: told how many bytes there are and, where known, how many there will be;
  ///   what it throws ends the transfer and is thrown on.
  package static func fetch(
    _ url: String, to path: String, expecting digest: Digest,
    progress: (_ received: Int, _ total: Int?) throws -> Void = { _, _ in }
  ) throws {
    let part = path + ".part"
    let start = size(part)
    var isResumed = start > 0
    do {
      isResumed = try transfer(url, to: part, from: start, progress) && isResumed
    } catch is RangeRefused {
      isResumed = false
      // Nothing may follow because all of it is here.
      if try self.digest(of: part) != digest { _ = try transfer(url, to: part, from: 0, progress) }
    }
    var found = try self.digest(of: part)
    if found != digest, isResumed {
      // The part belonged to another state of the file.
      _ = try transfer(url, to: part, from: 0, progress)
      found = try self.digest(of: part)
    }
    guard found == digest else {
      unlink(part)
      throw Diagnostic.error(
        "AX0471", "\(shown(url)) has another digest than the one given",
        cause: "expected \(digest.hex), found \(found.hex)",
        hint: "if the change is meant, write 'sha256: \(found.hex)'")
    }
    guard rename(part, path) == 0 else {
      throw Diagnostic.error(
        "AX0472", "\(path) cannot be written", cause: String(cString: strerror(errno)))
    }
  }

  /// The server does not give what follows the part that is here.
  private struct RangeRefused: Error {}

  /// What the C callback reaches through its context.
  private final class Watch {
    let progress: (Int, Int?) throws -> Void
    var failure: (any Error)?

    init(_ progress: @escaping (Int, Int?) throws -> Void) { self.progress = progress }
  }

  /// False where the server began anew.
  private static func transfer(
    _ url: String, to part: String, from start: Int, _ progress: (Int, Int?) throws -> Void
  ) throws -> Bool {
    var result = AdmixFetchResult()
    let failure: (any Error)? = withoutActuallyEscaping(progress) { progress in
      let watch = Watch(progress)
      withExtendedLifetime(watch) {
        admix_fetch(
          url, part, Int64(start),
          { context, received, total in
            guard let context else { return 1 }
            let watch = Unmanaged<Watch>.fromOpaque(context).takeUnretainedValue()
            do {
              try watch.progress(Int(received), total > 0 ? Int(total) : nil)
              return 0
            } catch {
              watch.failure = error
              return 1
            }
          }, Unmanaged.passUnretained(watch).toOpaque(), &result)
      }
      return watch.failure
    }
    if let failure { throw failure }
    let text = withUnsafeBytes(of: result.text) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    switch AdmixFetchOutcome(UInt32(result.outcome)) {
    case ADMIX_FETCH_DONE: return result.restarted == 0
    case ADMIX_FETCH_NO_LIBRARY:
      throw Diagnostic.error(
        "AX0473", "\(shown(url)) cannot be fetched: libcurl is not installed", cause: text,
        hint: "apt-get install libcurl4, or put the file beside the pipeline with --distdir")
    case ADMIX_FETCH_FILE:
      throw Diagnostic.error("AX0472", "\(part) cannot be written", cause: text)
    case ADMIX_FETCH_REFUSED where result.status == 416: throw RangeRefused()
    case ADMIX_FETCH_REFUSED:
      if size(part) == 0 { unlink(part) }
      throw Diagnostic.error("AX0470", "\(shown(url)) cannot be fetched", cause: text)
    default:
      if size(part) == 0 { unlink(part) }
      throw Diagnostic.error(
        "AX0470", "\(shown(url)) cannot be fetched", cause: text,
        hint: size(part) > 0 ? "run again: it goes on where it broke off" : nil)
    }
  }

  /// Without the name and password that a URL may carry.
  private static func shown(_ url: String) -> String {
    guard let scheme = url.range(of: "://") else { return url }
    let rest = url[scheme.upperBound...]
    let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    guard let at = rest[..<end].lastIndex(of: "@") else { return url }
    return String(url[..<scheme.upperBound] + rest[rest.index(after: at)...])
  }

  private static func size(_ path: String) -> Int {
    var info = stat()
    return stat(path, &info) == 0 ? Int(info.st_size) : 0
  }

  private static func digest(of path: String) throws -> Digest {
    let file = try OwnedDescriptor(reading: path, name: path)
    var hasher = DigestHasher()
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = try piece.withUnsafeMutableBytes { try file.read(into: $0) }
      if count == 0 { return hasher.finish() }
      piece.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
    }
  }
}
