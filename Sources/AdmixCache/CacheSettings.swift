package import AdmixModel
import Foundation

/// Which shared cache, and what may be done with it.
package struct CacheSettings: Sendable, Equatable {
  package enum Mode: String, Sendable, CaseIterable {
    case readWrite = "read-write"
    case readOnly = "read-only"
    case off
  }

  package enum Location: Sendable, Hashable {
    /// An absolute path.
    case folder(String)
    case bucket(String, prefix: String)
  }

  /// What one source of settings says: the file, the environment or the command line.
  package struct Wish: Sendable {
    package var url: String?
    package var mode: String?
    package var endpoint: String?
    package var region: String?
    /// Seconds.
    package var patience: Double?
    /// Seconds.
    package var drain: Double?
    package var span: SourceSpan?
    /// What relative paths start from.
    package var folder: String
    /// What the URL and the mode are called where people wrote them.
    package var name: String
    package var modeName: String

    package init(
      url: String? = nil, mode: String? = nil, endpoint: String? = nil, region: String? = nil,
      patience: Double? = nil, drain: Double? = nil, span: SourceSpan? = nil, folder: String,
      name: String, modeName: String? = nil
    ) {
      self.url = url
      self.mode = mode
      self.endpoint = endpoint
      self.region = region
      self.patience = patience
      self.drain = drain
      self.span = span
      self.folder = folder
      self.name = name
      self.modeName = modeName ?? name
    }
  }

  package static let patience = 10.0
  package static let drain = 120.0

  package var location: Location
  package var mode: Mode
  package var endpoint: String?
  package var region: String?
  /// Seconds that the other side may take for an answer, or for the next piece of one.
  package var patience: Double
  /// Seconds that a run waits at its end for what is still to be sent.
  package var drain: Double
  package var span: SourceSpan?

  package init(
    location: Location, mode: Mode, endpoint: String? = nil, region: String? = nil,
    patience: Double = CacheSettings.patience, drain: Double = CacheSettings.drain,
    span: SourceSpan? = nil
  ) {
    self.location = location
    self.mode = mode
    self.endpoint = endpoint
    self.region = region
    self.patience = patience
    self.drain = drain
    self.span = span
  }

  /// The settings that hold; nil where there is no cache or it is off.
  ///
  /// - Parameters:
  ///   - wishes: the strongest first. How a bucket is reached goes with the URL that names it.
  ///   - allowsNetwork: without it a bucket is no cache.
  package static func resolve(_ wishes: [Wish], allowsNetwork: Bool) throws(Diagnostic)
    -> CacheSettings?
  {
    // An empty variable is one that is not set.
    let wishes = wishes.map { wish in
      var wish = wish
      if wish.url?.isEmpty == true { wish.url = nil }
      if wish.mode?.isEmpty == true { wish.mode = nil }
      return wish
    }
    var mode = Mode.readOnly
    if let wish = wishes.first(where: { $0.mode != nil }), let word = wish.mode {
      guard let known = Mode(rawValue: word) else {
        throw .error(
          "AX0920", at: wish.span, "'\(word)' is no way to use a shared cache",
          cause: "it comes from \(wish.modeName)",
          hint: "it is read-write, read-only or off")
      }
      mode = known
    }
    guard mode != .off, let wish = wishes.first(where: { $0.url != nil }), let url = wish.url
    else { return nil }
    let settings = CacheSettings(
      location: try location(url, wish), mode: mode, endpoint: wish.endpoint, region: wish.region,
      patience: wishes.lazy.compactMap(\.patience).first ?? patience,
      drain: wishes.lazy.compactMap(\.drain).first ?? drain, span: wish.span)
    if case .bucket = settings.location, !allowsNetwork { return nil }
    return settings
  }

  private static func location(_ url: String, _ wish: Wish) throws(Diagnostic) -> Location {
    // It may hold a password: then neither it nor the line that it stands in is repeated.
    func wrong(_ cause: String) -> Diagnostic {
      .error(
        "AX0920", at: url.contains("@") ? nil : wish.span,
        "\(wish.name) does not name a shared cache", cause: cause,
        hint: "name a folder, or a bucket as s3://bucket/prefix")
    }
    if url.contains("\0") { throw wrong("it holds a character that no path has") }
    guard let mark = url.range(of: "://") else { return .folder(absolute(url, wish.folder)) }
    let rest = url[mark.upperBound...]
    switch url[..<mark.lowerBound].lowercased() {
    case "file":
      guard rest.hasPrefix("/"), let path = String(rest).removingPercentEncoding, path.count > 1
      else { throw wrong("a file URL is file:///absolute/path") }
      return .folder(absolute(path, "/"))
    case "s3":
      if rest.contains("@") {
        throw wrong("names and passwords do not belong there; they come from the environment")
      }
      let parts = rest.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
      guard let bucket = parts.first, !rest.hasPrefix("/"),
        bucket.utf8.allSatisfy({ byte in
          (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
            || (0x41...0x5A).contains(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
        }), !parts.contains(where: { $0 == "." || $0 == ".." }), !rest.contains("?"),
        !rest.contains("#")
      else { throw wrong("a bucket is s3://bucket or s3://bucket/prefix") }
      return .bucket(bucket, prefix: parts.dropFirst().joined(separator: "/"))
    case let scheme:
      throw wrong(
        scheme.allSatisfy { $0.isLetter } && scheme.count < 12
          ? "there is no cache behind '\(scheme)://'" : "it is no URL that a cache can have")
    }
  }

  private static func absolute(_ path: String, _ folder: String) -> String {
    URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: folder, isDirectory: true))
      .standardizedFileURL.path
  }

  /// What people call it.
  package var shown: String {
    switch location {
    case .folder(let path): path
    case .bucket(let bucket, let prefix): "s3://\(bucket)" + (prefix.isEmpty ? "" : "/\(prefix)")
    }
  }

  /// For reading and for writing.
  var callsAtOnce: (Int, Int) {
    switch location {
    case .folder: (12, 4)
    case .bucket: (32, 8)
    }
  }

  func transport(environment: [String: String]) throws(CacheFailure) -> any CacheTransport {
    switch location {
    case .folder(let path): return FolderTransport(root: path)
    case .bucket(let bucket, let prefix):
      let profile = AWSProfile(environment: environment)
      guard let credentials = profile.credentials else {
        throw .denied("there are no credentials")
      }
      guard
        let transport = S3Transport(
          endpoint: endpoint ?? profile.endpoint, bucket: bucket, prefix: prefix,
          region: region ?? profile.region ?? "us-east-1", credentials: credentials,
          patience: patience)
      else { throw .unreachable("the endpoint is no http:// or https:// address") }
      return transport
    }
  }

  /// The messages about this cache.
  var words: CacheWords { CacheWords(settings: self) }
}

/// What is said about a shared cache; always a warning, since a run goes on without it.
struct CacheWords {
  let settings: CacheSettings

  private var isBucket: Bool { if case .bucket = settings.location { true } else { false } }

  func unreachable(_ reason: String) -> Diagnostic {
    .warning(
      "AX0921", at: settings.span, "the shared cache does not answer; the run goes on without it",
      cause: "\(settings.shown): \(reason)",
      hint: "run again when it does, or leave it out with --no-cache")
  }

  func denied(_ reason: String) -> Diagnostic {
    .warning(
      "AX0922", at: settings.span,
      "the shared cache does not let us in; the run goes on without it",
      cause: "\(settings.shown): \(reason)",
      hint: isBucket
        ? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, say who you are"
        : "ask for the right to read the folder, or leave it out with --no-cache")
  }

  func unkept(_ reason: String) -> Diagnostic {
    .warning(
      "AX0926", at: settings.span,
      "what the shared cache has cannot be kept here; the run goes on without it", cause: reason,
      hint: "make room, or name another folder with --store")
  }

  func mute(_ reason: String) -> Diagnostic {
    .warning(
      "AX0923", at: settings.span,
      "nothing can be written to the shared cache; what this run makes stays here",
      cause: "\(settings.shown): \(reason)",
      hint: "--cache-mode read-only takes from it and gives nothing")
  }

  func refused(_ count: Int, _ first: String) -> Diagnostic {
    .warning(
      "AX0924", at: settings.span,
      "\(count) \(count == 1 ? "entry" : "entries") of the shared cache \(count == 1 ? "was" : "were") refused",
      cause: first,
      hint: settings.mode == .readWrite
        ? "what was made instead has been sent in its place"
        : "a run with --cache-mode read-write puts what it makes in its place")
  }

  func unsent(_ count: Int, _ cause: String) -> Diagnostic {
    .warning(
      "AX0925", at: settings.span,
      "\(count) \(count == 1 ? "result was" : "results were") not sent to the shared cache",
      cause: cause, hint: "'cache: {drain: …}' gives it more time; the results are safe here")
  }
}
