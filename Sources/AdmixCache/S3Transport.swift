package import AdmixModel
import CFetch
package import Foundation
import Synchronization

/// A cache in a bucket of an S3-compatible object store.
///
/// Three requests are all it makes, GET, HEAD and PUT, each signed with the digest of what is sent, which
/// for an object is its name. Nothing rests on what servers differ in: no listing, no conditional
/// writes, no multipart, no checksum headers.
package struct S3Transport: CacheTransport {
  /// What one PUT may carry, by S3's own limits; longer objects stay here.
  package static let longest = 5 << 30

  private let base: String
  private let host: String
  private let prefix: String
  private let region: String
  private let credentials: AWSCredentials
  /// Seconds that an answer, or the next piece of one, may take.
  private let patience: Double
  private let sessions = Sessions()

  /// - Parameters:
  ///   - endpoint: `http://host:port` or `https://host`; AWS's own for the region where nil.
  ///   - prefix: what names begin with in the bucket; may be empty.
  package init?(
    endpoint: String?, bucket: String, prefix: String, region: String,
    credentials: AWSCredentials, patience: Double
  ) {
    let endpoint = endpoint ?? "https://s3.\(region).amazonaws.com"
    guard let url = URL(string: endpoint), let host = url.host(), let scheme = url.scheme,
      ["http", "https"].contains(scheme), url.user() == nil, url.query() == nil
    else { return nil }
    let usual = scheme == "http" ? 80 : 443
    self.host = url.port.flatMap { $0 == usual ? nil : "\(host):\($0)" } ?? host
    base = "\(scheme)://\(self.host)"
    let parts = url.path().split(separator: "/") + [bucket[...]] + prefix.split(separator: "/")
    self.prefix = parts.map { "/" + AWSSignature.encoded($0) }.joined()
    self.region = region
    self.credentials = credentials
    self.patience = patience
  }

  package func read(_ name: String, limit: Int, _ pulse: Pulse) throws(CacheFailure) -> Data? {
    let answer = try exchange(.init(method: "GET", name: name, limit: limit), pulse)
    return answer.status == 200 ? answer.body : nil
  }

  package func read(_ name: String, limit: Int, into path: String, _ pulse: Pulse)
    throws(CacheFailure) -> Bool
  {
    try exchange(.init(method: "GET", name: name, limit: limit, sink: path), pulse).status == 200
  }

  package func size(of name: String, _ pulse: Pulse) throws(CacheFailure) -> Int? {
    let answer = try exchange(.init(method: "HEAD", name: name), pulse)
    return answer.status == 200 ? answer.length : nil
  }

  package func write(
    _ content: CacheContent, _ digest: Digest, as name: String, _ pulse: Pulse
  ) throws(CacheFailure) {
    if case .file(_, let bytes) = content, bytes > Self.longest {
      throw .refused("it is longer than one request may carry")
    }
    _ = try exchange(.init(method: "PUT", name: name, content: content, digest: digest), pulse)
  }

  // MARK: Requests

  private struct Exchange {
    var method: String
    var name: String
    var limit = 1 << 16
    var sink: String?
    var content: CacheContent?
    var digest = Digest(of: "")
  }

  private struct Answer {
    var status: Int
    var length: Int?
    var body: Data
  }

  /// Busy servers and connections that broke are given two more chances.
  private func exchange(_ what: Exchange, _ pulse: Pulse) throws(CacheFailure) -> Answer {
    var tries = 0
    while true {
      tries += 1
      do throws(CacheFailure) {
        let answer = try once(what, pulse)
        switch answer.status {
        case 200..<300: return answer
        case 404:
          if Self.code(answer.body) == "NoSuchBucket" {
            throw .unreachable("there is no such bucket")
          }
          if what.method == "PUT" { throw .unreachable("the server answers 404") }
          return answer
        case 401, 403:
          throw .denied(Self.code(answer.body) ?? "the server answers \(answer.status)")
        case 500, 502, 503, 504, 429:
          throw .unreachable("the server answers \(answer.status)")
        default:
          let code = Self.code(answer.body).map { " (\($0))" } ?? ""
          throw .unreachable("the server answers \(answer.status)\(code)")
        }
      } catch {
        guard case .unreachable = error, tries < 3, Self.isWorthAnotherTry(error), pulse.beat()
        else { throw error }
        usleep(UInt32(100_000 << tries))
      }
    }
  }

  private static func isWorthAnotherTry(_ failure: CacheFailure) -> Bool {
    guard case .unreachable(let text) = failure else { return false }
    return ["500", "502", "503", "504", "429"].contains { text == "the server answers \($0)" }
      || text.hasPrefix("broken:")
  }

  /// The word S3 has for an error, from the first lines of its answer.
  private static func code(_ body: Data) -> String? {
    let text = String(decoding: body, as: UTF8.self)
    guard let begin = text.range(of: "<Code>"),
      let end = text.range(of: "</Code>", range: begin.upperBound..<text.endIndex)
    else { return nil }
    let word = text[begin.upperBound..<end.lowerBound]
    return word.count <= 60 && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
      ? String(word) : nil
  }

  private func once(_ what: Exchange, _ pulse: Pulse) throws(CacheFailure) -> Answer {
    let path = "\(prefix)/\(what.name)"
    let headers = AWSSignature.signed(
      .init(method: what.method, host: host, path: path, payload: what.digest), credentials,
      region: region, time: Int(Date().timeIntervalSince1970))
    let session = try sessions.take()
    defer { sessions.give(session) }
    var result = AdmixHTTPResult()
    let lines = headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    Self.withCStrings(lines) { lines in
      Self.withCStrings([what.method, base + path, what.sink ?? ""]) { texts in
        let milliseconds = Int32(min(patience, 5) * 1000)
        var request = AdmixHTTPRequest(
          method: texts[0], url: texts[1], headers: lines.baseAddress,
          header_count: Int32(lines.count), body: nil, body_path: nil, length: 0,
          sink_path: what.sink == nil ? nil : texts[2], limit: Int64(what.limit),
          connect_milliseconds: max(1, milliseconds),
          stall_seconds: Int32(max(1, min(patience.rounded(.up), 3600))),
          progress: { context, bytes in
            guard let context else { return 1 }
            let pulse = Unmanaged<Pulse>.fromOpaque(context).takeUnretainedValue()
            return pulse.moved(to: bytes) ? 0 : 1
          }, context: Unmanaged.passUnretained(pulse).toOpaque())
        switch what.content {
        case nil: admix_http_perform(session.handle, &request, &result)
        case .data(let data):
          // A pointer even to nothing, as without one a file would be meant.
          (data.isEmpty ? Data([0]) : data).withUnsafeBytes { bytes in
            request.body = bytes.baseAddress
            request.length = Int64(data.count)
            admix_http_perform(session.handle, &request, &result)
          }
        case .file(let file, let bytes):
          file.withCString { file in
            request.body_path = file
            request.length = Int64(bytes)
            admix_http_perform(session.handle, &request, &result)
          }
        }
      }
    }
    _ = pulse.beat()
    let text = withUnsafeBytes(of: result.text) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    switch AdmixHTTPOutcome(UInt32(result.outcome)) {
    case ADMIX_HTTP_ANSWERED: break
    case ADMIX_HTTP_FILE: throw .local(text)
    case ADMIX_HTTP_TOO_LONG: throw .refused("it is longer than it may be")
    case ADMIX_HTTP_STOPPED: throw .stopped
    default:
      // What had begun may go better a second time; what nobody listens to will not.
      throw .unreachable(result.status > 0 || result.received > 0 ? "broken: \(text)" : text)
    }
    let body = result.data.map { Data(bytes: $0, count: Int(result.data_length)) } ?? Data()
    let status = Int(result.status)
    if status == 200, what.method == "GET", result.content_length >= 0,
      result.content_length != result.received
    {
      throw .unreachable("broken: the answer ended too early")
    }
    return Answer(
      status: status, length: result.content_length >= 0 ? Int(result.content_length) : nil,
      body: body)
  }

  private static func withCStrings(
    _ texts: [String], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Void
  ) {
    let copies = texts.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    copies.map { UnsafePointer($0) }.withUnsafeBufferPointer(body)
  }
}

/// Connections that are kept; each is used by one thread at a time.
private final class Sessions: Sendable {
  /// Unchecked because of the pointer: whoever has taken it from the list is alone with it.
  struct Session: @unchecked Sendable { let handle: OpaquePointer }

  private let free = Mutex<[Session]>([])

  func take() throws(CacheFailure) -> Session {
    if let session = free.withLock({ $0.popLast() }) { return session }
    var text = [CChar](repeating: 0, count: 256)
    guard let handle = admix_http_open(&text, Int32(text.count)) else {
      let reason = text.withUnsafeBytes { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      throw .unreachable("libcurl is not installed: \(reason)")
    }
    return Session(handle: handle)
  }

  func give(_ session: Session) { free.withLock { $0.append(session) } }

  deinit { free.withLock { for session in $0 { admix_http_close(session.handle) } } }
}
