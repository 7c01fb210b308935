// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A plugin that makes one table of named tables.
///
///     struct Below: Transformer { … }
///     Plugin(Below()).run()
public protocol Transformer: Sendable {
  /// - Parameters:
  ///   - inputs: by the names that the pipeline file gives them.
  ///   - request: options, seed and progress; it has no columns.
  /// - Returns: a table whose columns say what they are; categories need not be listed.
  func transform(_ inputs: [String: Table], _ request: Request) throws -> Table
}

extension Plugin {
  public init(_ transformer: some Transformer) {
    self.init(verbs: ["transform"]) { request, session in
      let inputs = try (request["inputs"] as? [String: Any] ?? [:]).mapValues { file in
        let columns = try Self.columns(of: file)
        return try JSONLines.read(Self.path("table", of: file), columns)
      }
      let made = try transformer.transform(
        inputs, Request(columns: [], request: request, session: session))
      let output = request["output"] ?? [:]
      try JSONLines.write(made, made.columns, to: Self.path("table", of: output))
      try JSONEncoder().encode(Schema(columns: made.columns))
        .write(to: Self.path("schema", of: output), options: .atomic)
      return ["rows": made.rows]
    }
  }
}

extension Column {
  /// A column of the plugin's own.
  ///
  /// - Parameters:
  ///   - type: `bool`, `int`, `double`, `text`, `category`, `date` or `datetime`.
  ///   - utc: whether the values of a datetime are instants.
  public init(_ name: String, type: String, utc: Bool = false) {
    self.init(name: name, type: type, roles: [], categories: nil, decimals: nil, utc: utc)
  }
}
