import AdmixModel
import AdmixSpec
import Foundation

/// The folders of plugins that a pipeline file names.
///
/// They are needed before the file can be compiled, since the options that stages may have are the
/// plugins' own. So this looks at the one key, and leaves what is wrong with the file to the compiler.
enum PluginFolders {
  static func named(in path: String) -> [String] {
    guard let content = FileManager.default.contents(atPath: path),
      // Most files name none, and reading them twice would be waste.
      content.range(of: Data("plugins".utf8)) != nil,
      let source = try? SourceText([UInt8](content), file: path),
      let node = try? YAMLReader.document(source)["plugins"]
    else { return [] }
    return (node.text.map { [$0] } ?? node.items.compactMap(\.text)).map {
      $0.hasSuffix("/") ? String($0.dropLast()) : $0
    }
  }
}
