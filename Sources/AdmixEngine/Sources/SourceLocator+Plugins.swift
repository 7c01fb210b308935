import AdmixModel
import AdmixStore
import Foundation

extension SourceLocator {
  /// A plugin's environment is made once, by hand, and what it is stands in a record.
  func checkInstalled(_ request: SourceRequest, _ part: PluginPart) throws {
    guard !isFile(request.location) else { return }
    throw TaskFailure(
      .error(
        "AX0882", at: request.span, "the plugin '\(part.plugin)' is not installed on this machine",
        cause: "what it runs in is made once, from the versions and digests that it has locked",
        hint: "admix plugin install \(part.folder)"), reason: .input)
  }
}

extension SourceLocator {
  /// The files of a plugin outside any run: what trust in it and checks of it are about.
  ///
  /// - Parameters:
  ///   - locations: paths and globs, as `Plugin.locations` has them.
  ///   - root: where relative ones start.
  package static func pluginFiles(_ locations: [String], root: String) throws -> [SourceFile] {
    var seen: Set<String> = []
    return try locations.flatMap { location -> [SourceFile] in
      let request = SourceRequest(
        location: location, digest: nil, span: SourceSpan(file: location, line: 0, column: 0))
      return try local(request, root).compactMap { name in
        let path = absolute(name, root)
        guard seen.insert(path).inserted else { return nil }
        guard let digest = digest(path), let identity = FileIdentity(path: path) else {
          throw TaskFailure(
            .error(
              "AX0404", at: request.span, "'\(name)' cannot be read",
              cause: String(cString: strerror(errno))), reason: .input)
        }
        return SourceFile(path: path, name: name, digest: digest, bytes: Int(identity.size))
      }
    }
  }
}
