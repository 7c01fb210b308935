package import AdmixModel
import AdmixStore
import Foundation

/// What a person named: a stage, an output, a column, a digest, or a file.
package enum LineageTarget: Hashable, Sendable {
  case stage(String, output: String?)
  case column(stage: String, output: String, column: String)
  case digest(Digest)
  /// A file beside the project that an export wrote.
  case delivery(stage: String, path: String, digest: Digest)
  /// A source file of the present plan.
  case file(name: String, digest: Digest)

  /// Fewer digits name too much.
  static let fewestDigits = 4

  /// Stages come first, then outputs, columns, files and digests: what the pipeline file names is nearer
  /// than what the store numbers.
  ///
  /// - Parameters:
  ///   - text: as typed.
  ///   - folder: what a relative path starts from, beside the pipeline's own folder.
  package init(_ text: String, in map: LineageMap, root: String, folder: String) throws {
    if map[text] != nil {
      self = .stage(text, output: nil)
      return
    }
    if let found = try Self.within(text, map) {
      self = found
      return
    }
    if let found = try Self.file(text, map, root: root, folder: folder) {
      self = found
      return
    }
    if let found = try Self.digest(text, map.store) {
      self = found
      return
    }
    throw Self.unknown(text, map)
  }

  /// `stage.output`, `stage.column`, `stage.output.column`; the longest name of a stage counts.
  private static func within(_ text: String, _ map: LineageMap) throws -> LineageTarget? {
    let dots = text.indices.filter { text[$0] == "." }.reversed()
    guard let dot = dots.first(where: { map[String(text[..<$0])] != nil }),
      let stage = map[String(text[..<dot])]
    else { return nil }
    let rest = String(text[text.index(after: dot)...])
    if stage.outputs.contains(rest) { return .stage(stage.name, output: rest) }
    let schemas = map.schemas(of: stage.name)
    let tables = map.columns(of: stage.name)?.tables ?? [:]
    func has(_ output: String, _ column: String) -> Bool {
      schemas[output]?[column] != nil || tables[output]?.columns[column] != nil
    }
    for output in stage.outputs where rest.hasPrefix(output + ".") {
      let column = String(rest.dropFirst(output.count + 1))
      if has(output, column) {
        return .column(stage: stage.name, output: output, column: column)
      }
    }
    if let output = stage.outputs.first(where: { has($0, rest) }) {
      return .column(stage: stage.name, output: output, column: rest)
    }
    // `data.csv` may be a file beside a stage that is called 'data'.
    if FileManager.default.fileExists(atPath: text) { return nil }
    // Of `stage.output.colum` the column is what was misspelt.
    let output = stage.outputs.first { rest.hasPrefix($0 + ".") }
    throw missing(rest, in: output, of: stage, schemas, tables)
  }

  private static func missing(
    _ name: String, in output: String?, of stage: StageRecord, _ schemas: [String: Schema],
    _ tables: [String: ColumnLineage.Table]
  ) -> Diagnostic {
    let columns = stage.outputs.flatMap { output in
      schemas[output]?.names ?? tables[output]?.columns.keys.sorted() ?? []
    }
    let column = output.map { String(name.dropFirst($0.count + 1)) } ?? name
    let own = output.flatMap { schemas[$0]?.names } ?? []
    if let near = output.flatMap({ output in
      Spelling.closest(to: column, among: own).map { "\(output).\($0)" }
    }) ?? Spelling.closest(to: name, among: stage.outputs + columns) {
      return .error(
        "AX0961", "stage '\(stage.name)' has no output and no column '\(name)'",
        hint: "did you mean '\(stage.name).\(near)'?")
    }
    let isKnown = !columns.isEmpty || stage.outputs.allSatisfy { tables[$0] != nil }
    guard isKnown || stage.outputs.isEmpty else {
      return .error(
        "AX0964", "the columns of stage '\(stage.name)' are not known yet",
        cause:
          "it has not run as the pipeline file has it now, and what it gives is known only then",
        hint: "run the pipeline first; its outputs are \(listed(stage.outputs))")
    }
    let things = [("output", stage.outputs), ("column", columns)].filter { !$0.1.isEmpty }.map {
      "the \($0.0)\($0.1.count == 1 ? "" : "s") \(listed($0.1))"
    }
    return .error(
      "AX0961", "stage '\(stage.name)' has no output and no column '\(name)'",
      hint: things.isEmpty
        ? "it gives nothing that others could use" : "it has " + things.joined(separator: " and "))
  }

  private static func listed(_ names: [String]) -> String {
    var seen: Set<String> = []
    let each = names.filter { seen.insert($0).inserted }
    let shown = each.prefix(12).map { "'\($0)'" }.joined(separator: ", ")
    return each.count > 12 ? "\(shown) and \(each.count - 12) more" : shown
  }

  private static func file(_ text: String, _ map: LineageMap, root: String, folder: String) throws
    -> LineageTarget?
  {
    let places = Set([root, folder].map { path(text, from: $0) })
    for stage in map.record.stages {
      for delivery in map.deliveries[stage.name] ?? []
      where delivery.path == text || places.contains(path(delivery.path, from: root)) {
        return .delivery(
          stage: stage.name, path: delivery.path, digest: delivery.artifact.digest)
      }
    }
    for stage in map.record.stages {
      for source in stage.sources
      where source.name == text
        || !source.path.isEmpty && places.contains(path(source.path, from: root))
      {
        return .file(name: source.name, digest: source.digest)
      }
    }
    // Any other file is known by its bytes, if it is known.
    for place in places.sorted() {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: place, isDirectory: &isFolder),
        !isFolder.boolValue
      else { continue }
      guard let digest = SourceLocator.digest(place) else {
        throw Diagnostic.error(
          "AX0962", "'\(text)' cannot be read", cause: String(cString: strerror(errno)))
      }
      guard try !map.store.digests(beginningWith: digest.hex, limit: 1).isEmpty else {
        throw Diagnostic.error(
          "AX0962", "nothing on record made or used the file '\(text)'",
          cause: "no artifact and no source has its digest, \(digest.short)",
          hint: "a file that was changed since has another digest")
      }
      return .digest(digest)
    }
    return nil
  }

  private static func path(_ text: String, from folder: String) -> String {
    let full = text.hasPrefix("/") ? text : folder + "/" + text
    return URL(fileURLWithPath: full).standardizedFileURL.resolvingSymlinksInPath().path
  }

  private static func digest(_ text: String, _ store: Store) throws -> LineageTarget? {
    let prefix = text.lowercased().hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
    let digits = prefix.lowercased()
    guard !digits.isEmpty, digits.utf8.count <= 64,
      digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { return nil }
    guard digits.count >= fewestDigits else {
      throw Diagnostic.error(
        "AX0963", "'\(text)' is too short for a digest",
        hint: "give at least \(fewestDigits) of its digits")
    }
    let found = try store.digests(beginningWith: digits, limit: 9)
    if found.count > 1 {
      let shown = found.prefix(8).map { $0.short }.joined(separator: ", ")
      throw Diagnostic.error(
        "AX0963",
        "'\(text)' begins the digests of \(found.count > 8 ? "more than 8" : "\(found.count)") things",
        cause: "they are \(shown)\(found.count > 8 ? ", …" : "")",
        hint: "give more digits")
    }
    return found.first.map { .digest($0) }
  }

  private static func unknown(_ text: String, _ map: LineageMap) -> Diagnostic {
    let files =
      map.deliveries.values.joined().map(\.path)
      + map.record.stages.flatMap { $0.sources.map(\.name) }
    let near = Spelling.closest(to: text, among: map.record.stages.map(\.name) + files)
    return .error(
      "AX0960", "'\(text)' is no stage, column, digest or file that is known here",
      cause: near == nil
        ? "the pipeline has no stage and no file of this name, and the store holds no digest that begins so"
        : nil,
      hint: near.map { "did you mean '\($0)'?" }
        ?? "name a stage, 'stage.output', 'stage.column', the first digits of a digest, or a path")
  }
}
