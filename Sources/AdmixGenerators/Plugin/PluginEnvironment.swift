package import AdmixModel
import Foundation

/// What a plugin runs in, made once by `admix plugin install` in the user's folder.
///
/// Its name has the digest of what it is made from, so that another lock is another environment, and plugins
/// and projects with one lock share one.
package struct PluginEnvironment: Hashable, Sendable {
  /// Absolute.
  package var folder: String
  /// Digest of the lock file, or of the sources that it is built from.
  package var origin: Digest
  /// The lock file, below the plugin's folder; nil where there is none.
  package var lock: String?

  /// A file that says what it is, and that it is whole.
  package var record: String { folder + "/admix-environment.json" }
  package var isInstalled: Bool { FileManager.default.fileExists(atPath: record) }

  /// - Parameters:
  ///   - environments: where they are kept.
  ///   - lock: the lock file to make it from; else the first that it has been made from, or the first.
  /// - Returns: nil where the plugin needs none, or where what it is made from is not there.
  package init?(
    _ plugin: Plugin, _ manifest: PluginManifest, environments: String?, lock: String? = nil
  ) {
    guard let environments else { return nil }
    switch manifest.environment {
    case .system: return nil
    case .python(let locks):
      let all = (lock.map { [$0] } ?? locks).compactMap {
        Self.python($0, of: plugin, in: environments)
      }
      guard let chosen = all.first(where: \.isInstalled) ?? all.first else { return nil }
      self = chosen
    case .swift:
      origin = Self.sources(plugin.path)
      folder = "\(environments)/\(plugin.name)-\(origin.hex.prefix(16))"
    }
  }

  private init(folder: String, origin: Digest, lock: String) {
    self.folder = folder
    self.origin = origin
    self.lock = lock
  }

  private static func python(_ lock: String, of plugin: Plugin, in folder: String)
    -> PluginEnvironment?
  {
    guard let content = FileManager.default.contents(atPath: "\(plugin.path)/\(lock)") else {
      return nil
    }
    let origin = Digest(of: content)
    return PluginEnvironment(
      folder: "\(folder)/python-\(origin.hex.prefix(16))", origin: origin, lock: lock)
  }

  private static func sources(_ folder: String) -> Digest {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    let parts = names.filter { name in
      name.hasSuffix(".swift") && !name.split(separator: "/").contains { $0.hasPrefix(".") }
    }.sorted().map { name in
      let content = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
      return "\(name)\u{0}\(Digest(of: content).hex)"
    }
    return Digest(of: parts.joined(separator: "\n"))
  }
}
