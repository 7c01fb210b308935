package import AdmixData
package import AdmixModel
package import AdmixProcess
import Foundation

/// Has a plugin learn: a table and its schema as files in, a file with the model out.
package struct PluginFitting {
  private let place: PluginPlace
  private let manifest: PluginManifest
  /// Where the model is once it has learned.
  package var model: String { place.work + "/model" }

  package init(_ place: PluginPlace, _ manifest: PluginManifest) {
    self.place = place
    self.manifest = manifest
  }

  private var table: String {
    "\(place.given)/\(PluginTable.fileName("table", manifest.exchange))"
  }

  /// Writes what it is to learn from.
  ///
  /// - Parameter next: gives batches of the schema, nil after the last.
  package func write(_ schema: Schema, next: () throws -> Batch?) throws {
    try PluginTable.write(schema, to: table, manifest.exchange, next: next)
    try Data(PluginTable.json(schema).text.utf8).write(
      to: URL(fileURLWithPath: "\(place.given)/schema.json"))
  }

  package func learn(
    _ session: PluginSession, rows: Int, parameters: JSONValue, seed: Int
  ) throws -> SandboxLevel {
    var request: [String: JSONValue] = [
      "type": "fit", "table": .string(table), "rows": JSONValue(rows),
      "schema": .string("\(place.given)/schema.json"), "parameters": parameters,
      "seed": JSONValue(seed), "model": .string(model),
    ]
    request["checkpoint"] = place.checkpoint.map { .string($0) }
    let level = try session.converse(first: .object(request), next: { _ in nil })
    try PluginFile.check(model, "its model", place, session)
    return level
  }
}

/// A file that a plugin was to write.
enum PluginFile {
  /// Throws unless there is a plain file.
  static func check(_ path: String, _ what: String, _ place: PluginPlace, _ session: PluginSession)
    throws
  {
    var info = stat()
    guard lstat(path, &info) == 0 else { throw session.flawed("it did not write \(what)") }
    // A link could lead to a file that the program itself may not read.
    guard info.st_mode & S_IFMT == S_IFREG else { throw session.flawed("\(what) is no plain file") }
    chmod(path, 0o644)
  }
}
