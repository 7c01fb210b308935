import AdmixData
package import AdmixModel
import AdmixProcess
import AdmixSpec
import Foundation
import Synchronization

/// Holds a plugin against the protocol: what `admix plugin check` says.
///
/// It is run for real, in the sandbox it has in a pipeline, on a small table of the types it takes.
package struct PluginConformance {
  package struct Finding: Hashable, Sendable, Codable {
    package var name: String
    package var passed: Bool
    /// What was found, for people.
    package var text: String
  }

  let plugin: Plugin
  let manifest: PluginManifest
  private let environment: PluginEnvironment?
  private let files: [String]
  private let launcher: String
  private let variables: [String: String]
  /// Absolute and empty, for everything that is made on the way.
  private let folder: String
  /// What its options are while it is checked.
  let parameters: JSONValue
  private var number = 0
  package private(set) var findings: [Finding] = []

  package static let rows = 240

  /// - Parameters:
  ///   - files: what the plugin consists of, absolute.
  ///   - options: its options, checked; defaults are filled in.
  package init(
    _ plugin: Plugin, _ manifest: PluginManifest, _ environment: PluginEnvironment?,
    files: [String], launcher: String, variables: [String: String], folder: String,
    options: JSONValue
  ) {
    self.plugin = plugin
    self.manifest = manifest
    self.environment = environment
    self.files = files
    self.launcher = launcher
    self.variables = variables
    self.folder = folder
    parameters = options
  }

  struct Failed: Error { var text: String }

  // MARK: The checks

  package mutating func run() {
    let before = Self.listing(plugin.path)
    refusesBadOptions()
    if manifest.kinds.contains(.transform) {
      guard transforms() else { return }
    }
    if manifest.kinds.contains(.generator) {
      guard generates() else { return }
    }
    answersWhatItCannotDo()
    stops()
    attempt("no writes elsewhere") { check in
      guard Self.listing(check.plugin.path) == before else {
        throw Failed(text: "its folder is not what it was")
      }
      return "its folder is as it was, and the sandbox refused nothing"
    }
  }

  /// - Returns: whether there is more to look at.
  private mutating func generates() -> Bool {
    var model: String?
    if manifest.learns {
      attempt("fit") { check in
        model = try check.fit("first", Self.table(check.manifest))
        return "it learned from \(Self.rows) rows"
      }
      guard model != nil else { return false }
      if manifest.determinism != .none {
        attempt("fit is deterministic") { check in
          let again = try check.fit("again", Self.table(check.manifest))
          guard Self.content(model) == Self.content(again) else {
            throw Failed(text: "another model from the same data, options and seed")
          }
          return "the same bytes from the same data, options and seed"
        }
      }
    }
    samples(model)
    return true
  }

  private mutating func samples(_ model: String?) {
    let all = 0..<Self.rows
    var first: Batch?
    attempt("schema and count") { check in
      first = try check.sample(model, all, seed: 1)
      return "\(Self.rows) rows with the columns that were asked for"
    }
    guard let first else { return }
    attempt("no rows") { check in
      _ = try check.sample(model, 5..<5, seed: 1)
      return "none where none are asked for"
    }
    if manifest.determinism != .none {
      attempt("sample is deterministic") { check in
        let again = try check.sample(model, all, seed: 1)
        if let difference = again.difference(from: first) { throw Failed(text: difference) }
        return "the same rows from the same model, options and seed"
      }
    }
    attempt("the seed counts") { check in
      let other = try check.sample(model, all, seed: 2)
      guard other.difference(from: first) != nil else {
        throw Failed(text: "the same rows from another seed")
      }
      return "other rows from another seed"
    }
    if manifest.determinism == .rows {
      attempt("rows follow from their numbers") { check in
        for range in [0..<1, 0..<77, 77..<Self.rows, 200..<Self.rows] {
          let part = try check.sample(model, range, seed: 1)
          if let difference = part.difference(from: first.slice(range)) {
            throw Failed(text: "rows \(range.lowerBound) to \(range.upperBound - 1): \(difference)")
          }
        }
        return "the same rows however they are asked for"
      }
    }
  }

  private mutating func refusesBadOptions() {
    attempt("bad options are refused") { check in
      for parameter in check.manifest.parameters {
        guard let bad = Self.bad(parameter.field.type) else { continue }
        let place = SourceSpan(file: "options", line: 1, column: 1)
        let node = Node(.object([parameter.name: bad]), at: place)
        do {
          _ = try FormReader.check(
            node, fields: check.manifest.optionFields.map { Self.optional($0) }, name: "options")
        } catch { continue }
        throw Failed(text: "'\(parameter.name)' takes \(bad.text)")
      }
      return "values outside their range or type are refused before anything runs"
    }
  }

  private mutating func answersWhatItCannotDo() {
    attempt("errors are structured") { check in
      let place = try check.place("verb")
      let session = PluginSession(check.plugin, check.manifest, place)
      do {
        _ = try session.converse(first: ["type": "no-such-verb"], next: { _ in nil })
      } catch let failure as PluginFailure where failure.diagnostic.code == "AX0884" {
        return "a verb it does not know is answered with an error"
      }
      throw Failed(text: "a verb it does not know is answered with a result")
    }
    guard manifest.learns else { return }
    attempt("a hopeless table is no crash") { check in
      let empty = Self.table(check.manifest).slice(0..<0)
      do { _ = try check.fit("empty", empty) } catch let failure as PluginFailure
        where failure.diagnostic.code == "AX0884"
      {
        return "an empty table is answered with an error"
      }
      return "it learned from an empty table"
    }
  }

  private mutating func stops() {
    attempt("stops when it is told to") { check in
      // What cannot look up meanwhile, such as the loading of a library, takes longer on a busy machine.
      for _ in 1..<Self.triesToStop {
        if let answer = try? check.stopped() { return answer }
      }
      return try check.stopped()
    }
  }

  private static let triesToStop = 3

  private mutating func stopped() throws -> String {
    // Once it has said something, as what takes time before that is its libraries; or after a while.
    let word = Word()
    let moment = ContinuousClock.now + .seconds(20)
    var place = try self.place("stop")
    place.progress = { _, _, _ in word.wasSaid.store(true, ordering: .relaxed) }
    place.check = {
      if word.wasSaid.load(ordering: .relaxed) || ContinuousClock.now > moment { throw Told() }
    }
    let session = PluginSession(plugin, manifest, place)
    do {
      if !manifest.kinds.contains(.generator) {
        _ = try transform(Self.tables(manifest), at: place, session)
      } else if manifest.learns {
        let fitting = PluginFitting(place, manifest)
        let table = Self.table(manifest)
        try fitting.write(table, place)
        _ = try fitting.learn(
          session, rows: table.rows, parameters: parameters, seed: 7)
      } else {
        let sampling = try self.sampling(place, nil, seed: 1)
        _ = try sampling.rows(0..<Self.rows, session)
      }
    } catch is Told {
      if session.wasEndedByForce {
        throw Failed(
          text:
            "it went on for \(PluginSession.grace.components.seconds) seconds and was ended by force"
        )
      }
    }
    return "it left within \(PluginSession.grace.components.seconds) seconds"
  }

  private struct Told: Error {}

  /// Whether the plugin has told its progress.
  private final class Word: Sendable {
    let wasSaid = Atomic<Bool>(false)
  }

  // MARK: How

  mutating func attempt(
    _ name: String, _ body: (inout PluginConformance) throws -> String
  ) {
    do {
      findings.append(Finding(name: name, passed: true, text: try body(&self)))
    } catch let failed as Failed {
      findings.append(Finding(name: name, passed: false, text: failed.text))
    } catch let failure as PluginFailure {
      let cause = failure.diagnostic.cause.map { "; \($0)" } ?? ""
      findings.append(
        Finding(name: name, passed: false, text: failure.diagnostic.fact + cause))
    } catch {
      findings.append(Finding(name: name, passed: false, text: "\(error)"))
    }
  }

  mutating func place(_ what: String) throws -> PluginPlace {
    number += 1
    let base = "\(folder)/\(number)-\(what)"
    for name in ["in", "work"] {
      try FileManager.default.createDirectory(
        atPath: "\(base)/\(name)", withIntermediateDirectories: true)
    }
    return PluginPlace(
      stage: "check", span: nil, given: "\(base)/in", work: "\(base)/work",
      readable: files, environment: environment?.folder, launcher: launcher, variables: variables,
      isSandboxed: true, log: try ProgramLog(path: "\(base)/log"))
  }

  private mutating func fit(_ what: String, _ table: Batch) throws -> String {
    var place = try place(what)
    place.checkpoint = "\(place.work)/checkpoint"
    try FileManager.default.createDirectory(
      atPath: "\(place.work)/checkpoint", withIntermediateDirectories: true)
    let fitting = PluginFitting(place, manifest)
    try fitting.write(table, place)
    _ = try fitting.learn(
      PluginSession(plugin, manifest, place), rows: table.rows, parameters: parameters, seed: 7)
    return fitting.model
  }

  private func sampling(_ place: PluginPlace, _ model: String?, seed: Int) throws -> PluginSampling
  {
    try PluginSampling(
      plugin, manifest, place, schema: Self.schema(manifest), model: model,
      parameters: parameters, seed: "\(seed)")
  }

  private mutating func sample(_ model: String?, _ range: Range<Int>, seed: Int) throws -> Batch {
    var place = try place("sample")
    if let model { place.readable.append(model) }
    let sampling = try sampling(place, model, seed: seed)
    return try sampling.rows(range, PluginSession(plugin, manifest, place)).batch
  }

  private static func content(_ path: String?) -> Digest? {
    path.flatMap { FileManager.default.contents(atPath: $0) }.map { Digest(of: $0) }
  }

  /// Names, sizes and dates of what a folder holds.
  private static func listing(_ folder: String) -> [String] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return names.sorted().map { name in
      var info = stat()
      lstat("\(folder)/\(name)", &info)
      return "\(name) \(info.st_size) \(info.st_mtim.tv_sec) \(info.st_mtim.tv_nsec)"
    }
  }

  private static func optional(_ field: Field) -> Field {
    var field = field
    field.isRequired = false
    return field
  }

  /// A value that an option of this type does not take; nil where it takes any text.
  private static func bad(_ type: FieldType) -> JSONValue? {
    switch type {
    case .int(let range): range.upperBound < .max ? .int(range.upperBound + 1) : "many"
    case .number, .bool: "many"
    case .choice: "none of these words"
    case .listOrOne(let element): bad(element)
    default: nil
    }
  }

  // MARK: The table

  private static func schema(_ manifest: PluginManifest) -> Schema {
    manifest.learns ? table(manifest).schema : Schema(manifest.columns)
  }

  /// Rows of the types that the plugin takes, related to each other, with missing values in some columns.
  static func table(_ manifest: PluginManifest, salt: String = "") -> Batch {
    let random = RandomSource(seed: 11, salt: "plugin check" + salt)
    let schema = Schema(
      ColumnType.allCases.filter(manifest.types.contains).map { type in
        ColumnSchema(
          "a \(type.rawValue)", type, categories: type == .category ? ["blue", "green", "red"] : [])
      })
    let columns = schema.columns.enumerated().map { position, column -> Column in
      var builder = ColumnBuilder(column, capacity: rows)
      for row in 0..<rows {
        let base = random.uniform(row: UInt64(row), tag: 0)
        let own = 0.7 * base + 0.3 * random.uniform(row: UInt64(row), tag: UInt32(position + 1))
        if position % 2 == 1, row % 11 == 3 {
          builder.appendMissing()
          continue
        }
        switch column.type {
        case .bool: builder.append(bool: own > 0.4)
        case .int: builder.append(int: Int(own * 60) + 18)
        case .double: builder.append(double: own * own * 1_000)
        case .text: builder.append(text: "text \(Int(own * 20))")
        case .category: builder.append(code: min(2, Int(own * 3)))
        case .date: builder.append(days: 15_000 + Int(own * 3_000))
        case .datetime: builder.append(microseconds: Int(own * 1e9) * 1_000_000)
        }
      }
      return builder.finish()
    }
    return Batch(schema: schema, columns: columns, rows: rows)
  }
}

extension PluginFitting {
  fileprivate func write(_ table: Batch, _ place: PluginPlace) throws {
    var rest: Batch? = table
    try write(table.schema) {
      defer { rest = nil }
      return rest
    }
  }
}
