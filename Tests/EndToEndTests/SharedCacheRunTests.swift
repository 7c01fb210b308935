import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// Two people, two folders, one cache, the real program.
struct SharedCacheRunTests {
  private static let pipeline = """
    admix: 1
    name: team
    seed: 3
    stages:
      people: {ingest: {from: people}}
      old: {transform: {from: people, steps: [{filter: "age > 40"}]}}
      made: {generate: {rows: 70000, with: {rules: {columns: [{x: {uniform: {low: 0, high: 1}}}]}}}}
      out: {export: {from: old, to: out/old.csv}}
      more: {export: {from: made, to: out/made.parquet}}
    """

  private static func project(_ text: String = pipeline, files: Int = 3) throws -> Product {
    let product = try Product()
    try product.write(text, to: "pipeline.yaml")
    for file in 0..<files {
      let rows = (0..<50).map { "\(20 + ($0 * 7 + file) % 60),\($0 + file)" }
      try product.write(
        "age,score\n" + rows.joined(separator: "\n") + "\n", to: "people/\(file).csv")
    }
    return product
  }

  /// A cache for one test: a fresh folder, or a fresh prefix of a bucket.
  private struct Cache {
    let folder: TemporaryFolder
    var url: String
    var environment: [String: String]

    init(_ place: String) throws {
      folder = try TemporaryFolder()
      url = folder.path + "/cache"
      environment = [:]
      if place == "s3", let server = S3Server.shared {
        url = "s3://\(server.bucket)/\(UUID().uuidString.lowercased())"
        environment = server.environment
      }
    }

    func writing(_ more: [String: String] = [:]) -> [String: String] {
      var all = environment
      all["ADMIX_CACHE"] = url
      all["ADMIX_CACHE_MODE"] = "read-write"
      return all.merging(more) { _, new in new }
    }

    var reading: [String: String] { writing(["ADMIX_CACHE_MODE": ""]) }
  }

  private static let places = S3Server.shared == nil ? ["folder"] : ["folder", "s3"]

  private static func statuses(_ answer: Product.Answer) throws -> String {
    try (JSONValue(parsing: answer.out)["stages"]?.array ?? []).map { stage in
      let whole = stage["cache"]?["whole"]?.bool == true
      let tasks = stage["cache"]?["tasks"]?.int ?? 0
      return (stage["status"]?.string ?? "") + (whole ? "*" : tasks > 0 ? "+\(tasks)" : "")
    }.joined(separator: " ")
  }

  private static func digests(_ answer: Product.Answer) throws -> [String] {
    try (JSONValue(parsing: answer.out)["stages"]?.array ?? []).flatMap { stage in
      (stage["outputs"]?.array ?? []).compactMap { $0["digest"]?.string }
    }
  }

  @Test("what one made the other need not make", arguments: places)
  func shared(place: String) throws {
    let cache = try Cache(place)
    let first = try Self.project()
    let made = try first.admix("run", "--json", environment: cache.writing())
    #expect(made.code == 0 && made.err.contains("out: wrote"), "\(made.err)")
    #expect(try Self.statuses(made) == "executed executed executed executed executed")

    let second = try Self.project()
    let taken = try second.admix("run", "--json", environment: cache.reading)
    #expect(taken.code == 0, "\(taken.err)")
    #expect(try Self.statuses(taken) == "cached* cached* cached* cached* cached*", "\(taken.err)")
    #expect(try Self.digests(taken) == Self.digests(made))
    #expect(
      try second.shell(
        "cmp out/old.csv '\(first.folder.path)/out/old.csv' && cmp out/made.parquet '\(first.folder.path)/out/made.parquet'"
      ).code == 0)
    #expect(try second.admix("verify").code == 0)
    let document = try JSONValue(parsing: taken.out)
    #expect(document["cache"]?["taken"]?.int == 5 && document["cache"]?["sent"]?.int == 0)
    let why = try second.admix("why", "pipeline.yaml", "old")
    #expect(why.out.contains("it came from the shared cache in run"), "\(why.out)")

    // Nothing to do: the cache is not asked, and its loss not noticed.
    let gone = cache.writing([
      "ADMIX_CACHE": cache.folder.path + "/no/such/place",
      "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
    ])
    let again = try second.admix("run", environment: gone)
    #expect(again.err.hasPrefix("nothing to do"), "\(again.err)")

    // One more file, here: what is not new comes from the cache.
    let third = try Self.project(files: 4)
    let mixed = try third.admix("run", "--json", environment: cache.reading)
    let statuses = try Self.statuses(mixed)
    #expect(statuses.hasPrefix("executed+6 executed+3 cached* executed"), "\(statuses)")
    let alone = try Self.project(files: 4)
    #expect(try Self.digests(alone.admix("run", "--json")) == Self.digests(mixed))
    // "Why" compares with what came from there.
    try second.write(
      Self.pipeline.replacing("age > 40", with: "age > 41"), to: "pipeline.yaml")
    let changed = try second.admix("why", "pipeline.yaml", "old")
    #expect(changed.out.contains("age > 40") && changed.out.contains("age > 41"), "\(changed.out)")
  }

  @Test("the file may say which cache, and the command line has the last word")
  func settings() throws {
    let cache = try Cache("folder")
    let text = Self.pipeline.replacing(
      "seed: 3", with: "seed: 3\ncache: {url: \"\(cache.url)\", mode: read-write}")
    let first = try Self.project(text)
    #expect(try first.admix("run", "--no-cache").code == 0)
    #expect(!FileManager.default.fileExists(atPath: cache.url))
    let sent = try first.admix("run", "--force", "all", "--json")
    let count = try JSONValue(parsing: sent.out)["cache"]?["sent"]?.int ?? 0
    #expect(count > 5, "\(sent.out)")
    for arguments in [["--cache-mode", "off"], ["--cache", cache.folder.path + "/other"]] {
      let other = try Self.project(text)
      let answer = try other.shell("admix run --json \(arguments.joined(separator: " "))")
      #expect(try Self.statuses(answer).hasPrefix("executed"), "\(arguments): \(answer.err)")
    }
    // The cache is nothing that a result rests on.
    let quiet = try first.admix("run", "--no-cache")
    #expect(quiet.err.hasPrefix("nothing to do"), "\(quiet.err)")
    let offline = try Self.project(text)
    #expect(try Self.statuses(offline.admix("run", "--offline", "--json")).hasPrefix("cached*"))
    let wrong = try offline.admix("run", "--cache", "ftp://host/x", "--force", "all")
    #expect(wrong.code == 2 && wrong.err.contains("[AX0920]"), "\(wrong.err)")
  }

  @Test("secrets, and what is made of them, stay here")
  func secrets() throws {
    let cache = try Cache("folder")
    let text = """
      admix: 1
      name: secret
      stages:
        a: {ingest: {from: people}}
        b: {transform: {from: a, steps: [{derive: {k: "'${env.ADMIX_TEST_WORD}'"}}]}}
        c: {transform: {from: b, steps: [{filter: "age > 40"}]}}
        d: {transform: {from: a, steps: [{filter: "age > 40"}]}, share: false}
        e: {transform: {from: d, steps: [{filter: "age > 50"}]}}
      """
    let word = ["ADMIX_TEST_WORD": "hush-hush"]
    let first = try Self.project(text)
    let made = try first.admix("run", "--json", environment: cache.writing(word))
    #expect(made.code == 0, "\(made.err)")
    let grep = try first.shell("grep -rlc hush '\(cache.url)'")
    #expect(grep.code == 1 && grep.out.isEmpty, "\(grep.out)")
    let second = try Self.project(text)
    let taken = try second.admix("run", "--json", environment: cache.reading.merging(word) { $1 })
    #expect(try Self.statuses(taken) == "cached* executed executed executed cached*")
    #expect(try Self.digests(taken) == Self.digests(made))
  }

  struct Trouble: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var code: String
    var url: String?
    var environment: [String: String] = [:]
    var shell: String?
  }

  static let troubles: [Trouble] = [
    .init(testDescription: "an unreachable folder", code: "AX0921", url: "/no/such/place/cache"),
    .init(testDescription: "a file", code: "AX0921", url: "/etc/passwd"),
    .init(
      testDescription: "a server that is not there", code: "AX0921", url: "s3://bucket/p",
      environment: [
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "hush-hush",
      ]),
    .init(
      testDescription: "no credentials", code: "AX0922", url: "s3://bucket/p",
      environment: ["HOME": "/nowhere", "AWS_ACCESS_KEY_ID": ""]),
  ]

  @Test("a run goes on without its cache, and says so once", arguments: troubles)
  func trouble(_ trouble: Trouble) throws {
    let product = try Self.project()
    var environment = trouble.environment
    environment["ADMIX_CACHE"] = trouble.url
    environment["ADMIX_CACHE_MODE"] = "read-write"
    let answer = try product.admix("run", environment: environment)
    #expect(answer.code == 0, "\(answer.err)")
    #expect(answer.err.components(separatedBy: "[\(trouble.code)]").count == 2, "\(answer.err)")
    #expect(answer.err.components(separatedBy: "warning:").count == 2, "\(answer.err)")
    #expect(!answer.err.contains("hush"))
    #expect(product.exists("out/old.csv"))
  }

  @Test func aCacheThatMayOnlyBeReadIsRead() throws {
    let cache = try Cache("folder")
    let first = try Self.project()
    #expect(try first.admix("run", environment: cache.writing()).code == 0)
    let second = try Self.project(files: 4)
    let asNobody =
      getuid() == 0
      ? "chown -R 65534 . && setpriv --reuid=65534 --regid=65534 --clear-groups" : "env"
    guard try second.shell("\(asNobody) admix --version").code == 0 else {
      FileHandle.standardError.write(
        Data("NOT RUN: a cache that may only be read (nobody cannot start admix here)\n".utf8))
      return
    }
    let close = "chmod -R a+rX '\(cache.folder.path)'; chmod -R go-w '\(cache.folder.path)'"
    let answer = try second.shell(
      "\(close); [ $(id -u) = 0 ] || chmod -R a-w '\(cache.url)'; \(asNobody) admix run --cache '\(cache.url)' --cache-mode read-write"
    )
    _ = try second.shell("chmod -R u+w '\(cache.url)'")
    #expect(answer.code == 0, "\(answer.err)")
    #expect(answer.err.contains("3 tasks from the shared cache"), "\(answer.err)")
    #expect(answer.err.components(separatedBy: "[AX0923]").count == 2, "\(answer.err)")
  }

  /// Whoever dies while sending leaves nothing that hurts: others take what is whole, or make it.
  @Test("a kill at any moment leaves a cache that others can use", arguments: places)
  func kills(place: String) throws {
    let cache = try Cache(place)
    let undisturbed = try Self.digests(Self.project().admix("run", "--json"))
    if place == "folder" {
      try FileManager.default.createDirectory(
        atPath: cache.url, withIntermediateDirectories: true)
    }
    for attempt in 0..<3 {
      let product = try Self.project()
      let delay = 0.15 * Double(attempt) + Double.random(in: 0.05...0.2)
      _ = try product.shell(
        cache.writing().map { "\($0.key)='\($0.value)' " }.joined()
          + "timeout -s KILL \(delay) admix run")
      let reader = try Self.project()
      let answer = try reader.admix("run", "--json", environment: cache.reading)
      #expect(answer.code == 0 && !answer.err.contains("[AX09"), "\(answer.err)")
      #expect(try Self.digests(answer) == undisturbed)
      let again = try product.admix("run", "--json", environment: cache.reading)
      #expect(try Self.digests(again) == undisturbed, "\(again.err)")
    }
  }
}
