package import AdmixModel
package import AdmixSpec
import Foundation

/// A plugin that was found: where, and what its manifest says, or what is wrong with that.
package struct Plugin: Sendable {
  /// As its folder is called.
  package var name: String
  /// As it was found: relative to the pipeline's folder where that was so.
  package var folder: String
  /// The same, absolute.
  package var path: String
  package var manifest: Result<PluginManifest, Diagnostics>

  /// Reads what is in a folder; nil where no plugin is.
  ///
  /// - Parameters:
  ///   - folder: as people are to see it.
  ///   - path: absolute.
  package init?(folder: String, path: String) {
    guard let content = FileManager.default.contents(atPath: path + "/plugin.yaml") else {
      return nil
    }
    let name = (path as NSString).lastPathComponent
    self.name = name
    self.folder = folder
    self.path = path
    manifest = Result { () throws(Diagnostics) in
      try PluginManifest([UInt8](content), file: folder + "/plugin.yaml", folder: name)
    }
  }

  /// Where the files of the plugin are looked for: its manifest, then what that declares.
  package var locations: [String] {
    guard let manifest = try? manifest.get() else { return ["\(folder)/plugin.yaml"] }
    var patterns = manifest.files
    if case .python(let locks) = manifest.environment { patterns += locks }
    var seen: Set<String> = ["plugin.yaml"]
    return ["\(folder)/plugin.yaml"]
      + patterns.filter { seen.insert($0).inserted }.map { "\(folder)/\($0)" }
  }
}

/// The plugins that a pipeline can use: those beside it, those in the folders it names, and the user's.
///
/// Of two with one name the first counts, in this order. What comes with admix comes before all of them.
package struct PluginCatalog: Sendable {
  /// In the order they were found.
  package let plugins: [Plugin]

  /// Where their environments are made; nil where the user has no folder.
  package let environments: String?

  /// The folders they were looked for in, absolute, with digests of which were there.
  package let folders: [String: Digest]

  package static let none = PluginCatalog(plugins: [], environments: nil, folders: [:])

  private init(plugins: [Plugin], environments: String?, folders: [String: Digest]) {
    self.plugins = plugins
    self.environments = environments
    self.folders = folders
  }

  /// - Parameters:
  ///   - root: the pipeline's folder.
  ///   - folders: what the pipeline names, relative to it.
  ///   - environment: the caller's, which says where the user's own folder is.
  package init(root: String, folders: [String], environment: [String: String]) {
    let user = Self.userFolder(environment)
    var found: [Plugin] = []
    var looked: [String: Digest] = [:]
    for folder in folders + ["plugins", "Plugins"] + [user].compactMap({ $0 }) {
      let path = folder.hasPrefix("/") ? folder : "\(root)/\(folder)"
      let names = Self.names(in: path)
      looked[path] = Self.digest(names)
      for name in names where !found.contains(where: { $0.name == name }) {
        if let plugin = Plugin(folder: "\(folder)/\(name)", path: "\(path)/\(name)") {
          found.append(plugin)
        }
      }
    }
    plugins = found.filter { plugin in
      BuiltinGenerators.named(plugin.name) == nil
        || (try? plugin.manifest.get().kinds) == [.transform]
    }
    self.folders = looked
    environments = Self.environments(environment)
  }

  /// The digest of which plugins are in a folder, as in `folders`.
  package static func digest(of folder: String) -> Digest { digest(names(in: folder)) }

  private static func digest(_ names: [String]) -> Digest {
    Digest(of: names.joined(separator: "\u{0}"))
  }

  /// The names of the plugins in a folder, in order; none where it cannot be read.
  private static func names(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().filter {
      FileManager.default.fileExists(atPath: "\(folder)/\($0)/plugin.yaml")
    }
  }

  package subscript(name: String) -> Plugin? { plugins.first { $0.name == name } }

  /// What may stand in `with` of a stage that has plugins of this kind, beside what is built in.
  ///
  /// One whose manifest is wrong is among them, so that using it says what is wrong.
  package func variants(_ kind: PluginManifest.Kind) -> [Variant] {
    plugins.compactMap { plugin in
      switch plugin.manifest {
      case .success(let manifest): manifest.kinds.contains(kind) ? manifest.variant(kind) : nil
      case .failure:
        Variant(plugin.name, .any, "A plugin that cannot be used.", unknown: kind.unknown)
      }
    }
  }

  /// Where a user's plugins are kept (XDG Base Directory Specification), and what is installed for them.
  package static func userFolder(_ environment: [String: String]) -> String? {
    home(environment).map { $0 + "/plugins" }
  }

  package static func environments(_ environment: [String: String]) -> String? {
    home(environment).map { $0 + "/environments" }
  }

  private static func home(_ environment: [String: String]) -> String? {
    if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/admix" }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return home + "/.local/share/admix"
  }
}
