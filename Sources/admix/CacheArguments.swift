import AdmixCache
import AdmixModel
import AdmixSpec
import ArgumentParser
import Foundation

/// Which shared cache a run uses: the command line beats the environment, which beats the file.
struct CacheArguments: ParsableArguments {
  @Option(
    help: .init(
      "A cache that a team shares: a folder, or s3://bucket/prefix; also ADMIX_CACHE.",
      valueName: "url"))
  var cache: String?
  @Option(
    help: .init(
      "read-only takes results from it, read-write gives too, off leaves it alone; also ADMIX_CACHE_MODE.",
      valueName: "mode"))
  var cacheMode: String?
  @Flag(help: "Uses no shared cache, whatever the file and the environment say.")
  var noCache = false

  func cache(_ spec: PipelineSpec, _ pipeline: PipelineArguments, offline: Bool) throws
    -> SharedCache?
  {
    if noCache { return nil }
    let environment = ProcessInfo.processInfo.environment
    let here = FileManager.default.currentDirectoryPath
    let file = spec.cache.map { options in
      CacheSettings.Wish(
        url: options["url"]?.text, mode: options["mode"]?.text,
        endpoint: options["endpoint"]?.text, region: options["region"]?.text,
        patience: options["timeout"]?.double, drain: options["drain"]?.double,
        span: options["url"]?.span, folder: pipeline.root, name: "'cache'")
    }
    let wishes = [
      CacheSettings.Wish(
        url: cache, mode: cacheMode, folder: here, name: "--cache", modeName: "--cache-mode"),
      CacheSettings.Wish(
        url: environment["ADMIX_CACHE"], mode: environment["ADMIX_CACHE_MODE"], folder: here,
        name: "ADMIX_CACHE", modeName: "ADMIX_CACHE_MODE"),
    ]
    do {
      let settings = try CacheSettings.resolve(
        wishes + (file.map { [$0] } ?? []), allowsNetwork: !offline)
      return settings.map { SharedCache($0, environment: environment) }
    } catch {
      let isOfFile = wishes.allSatisfy { ($0.url ?? "").isEmpty && ($0.mode ?? "").isEmpty }
      throw pipeline.fail(Diagnostics([error]), isOfFile ? .specInvalid : .usage)
    }
  }
}
