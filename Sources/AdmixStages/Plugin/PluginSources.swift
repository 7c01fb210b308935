import AdmixEngine
import AdmixGenerators
import AdmixModel

extension SourceRequest {
  /// The files that decide what a plugin does: its own, and what says in what it runs.
  static func requests(
    of plugin: Plugin, _ manifest: PluginManifest, _ environment: PluginEnvironment?,
    _ span: SourceSpan
  ) -> [SourceRequest] {
    let code = PluginPart(plugin.name, .code, folder: plugin.folder)
    let around = PluginPart(plugin.name, .environment, folder: plugin.folder)
    var requests = plugin.locations.map {
      SourceRequest(location: $0, digest: nil, span: span, part: code)
    }
    if let environment {
      requests.append(
        SourceRequest(location: environment.record, digest: nil, span: span, part: around))
    } else if let program = manifest.command.first, !program.contains("{") {
      requests.append(
        SourceRequest(
          location: program.contains("/") && !program.hasPrefix("/")
            ? "\(plugin.folder)/\(program)" : program,
          digest: nil, span: span, isProgram: true, part: around))
    }
    return requests
  }
}
