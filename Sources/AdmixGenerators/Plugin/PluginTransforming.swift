package import AdmixData
package import AdmixModel
package import AdmixProcess
import Foundation

/// Has a plugin make one table of named tables: each a file with its schema in, one file with its own out.
package struct PluginTransforming {
  private let plugin: Plugin
  private let manifest: PluginManifest
  private let place: PluginPlace
  private var inputs: [String: Input] = [:]

  private struct Input {
    var schema: Schema
    var rows: Int
    var table: String
    var description: String
  }

  package init(_ plugin: Plugin, _ manifest: PluginManifest, _ place: PluginPlace) {
    self.plugin = plugin
    self.manifest = manifest
    self.place = place
  }

  private var table: String { "\(place.work)/\(PluginTable.fileName("output", manifest.exchange))" }
  private var description: String { "\(place.work)/output.schema.json" }

  /// Writes a table that it is to read.
  ///
  /// - Parameters:
  ///   - name: as `PipelineFields.isName` has it.
  ///   - next: gives batches of the schema, nil after the last.
  package mutating func write(_ name: String, _ schema: Schema, next: () throws -> Batch?) throws {
    let input = inputs.count
    let path = "\(place.given)/\(PluginTable.fileName("input-\(input)", manifest.exchange))"
    var rows = 0
    try PluginTable.write(schema, to: path, manifest.exchange) {
      let batch = try next()
      rows += batch?.rows ?? 0
      return batch
    }
    let description = "\(place.given)/input-\(input).schema.json"
    try Data(PluginTable.json(schema).text.utf8).write(to: URL(fileURLWithPath: description))
    inputs[name] = Input(schema: schema, rows: rows, table: path, description: description)
  }

  package struct Made {
    package var schema: Schema
    package var rows: Int
    package var sandbox: SandboxLevel
  }

  /// - Parameter take: gets the rows, a partition's at a time; none where there are none.
  package func transform(
    _ session: PluginSession, parameters: JSONValue, seed: Int, take: (Batch) throws -> Void
  ) throws -> Made {
    let request: JSONValue = [
      "type": "transform", "parameters": parameters, "seed": JSONValue(seed),
      "inputs": .object(
        inputs.mapValues { input in
          [
            "table": .string(input.table), "schema": .string(input.description),
            "rows": JSONValue(input.rows),
          ]
        }),
      "output": ["table": .string(table), "schema": .string(description)],
    ]
    var told: Int?
    let level = try session.converse(first: request) { answer in
      told = answer["rows"]?.int
      return nil
    }
    try PluginFile.check(table, "its table", place, session)
    try PluginFile.check(description, "the schema of its table", place, session)
    do {
      guard let told, told >= 0 else {
        throw PluginTable.Flaw(column: nil, fact: "it did not say how many rows it made")
      }
      let output = try PluginOutput(
        table: table, description: description, manifest.exchange, rows: told,
        of: inputs.sorted { $0.key < $1.key }.map(\.value.schema))
      try output.read(place.check, take)
      return Made(schema: output.schema, rows: told, sandbox: level)
    } catch let flaw as PluginTable.Flaw { throw session.flawed(flaw) }
  }
}
