import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import AdmixStatistics
import Foundation

/// Holds a dataset against what is expected of it, and a synthetic one against the real one: fidelity,
/// copies, privacy and utility.
package struct Validate: StageKind {
  package static let description = KindDescription(
    name: "validate", revision: 3,
    summary:
      "Checks expectations of a dataset, and measures how faithful, how private and how useful its synthetic rows are.",
    fields: [
      .required("of", .edge(.dataset), "The dataset that is checked."),
      .optional(
        "reference", .edge(.dataset), "The real dataset it is compared with: what was learned from."
      ),
      .optional(
        "holdout", .edge(.dataset),
        "Real rows that nothing was learned from: what chance looks like."),
      .optional(
        "synthetic", .listOrOne(.text),
        "Which origins of a mixed dataset are synthetic; all but those of `reference` and `holdout` unless given."
      ),
      .optional(
        "expect", .list(.object(Expectation.fields)),
        "What should hold, each entry one check: `{column: age, between: [17, 90]}`."),
      .optional(
        "fidelity", .object([]),
        "Compares columns and pairs of columns with the reference; gives `fidelity.overall`."),
      .optional(
        "copies", .object([]),
        "Counts synthetic rows that are equal to a row of the reference; part of `privacy` too."),
      .optional(
        "privacy", .object(PrivacyOptions.fields),
        "Whether synthetic rows lie closer to the rows that were learned from than to others."),
      .optional(
        "anonymity", .object(AnonymityOptions.fields),
        "How well rows hide among others that look alike: k-anonymity, l-diversity, t-closeness and their kin, of the dataset and of the reference beside it."
      ),
      .optional(
        "disclosure", .object(DisclosureOptions.fields),
        "How well synthetic rows tell a secret of real people from what is known of them (CAP), beside people of the holdout."
      ),
      .optional(
        "utility", .object(UtilityOptions.fields),
        "What a model learns from the dataset, tested on the holdout."),
      Gates.field,
    ],
    outputs: ["report"], usesRandomness: true,
    tasks: [
      .init("expect", "Checks one partition.", ["of", "expect"]),
      .init(
        "keys", "For `unique`, `references` and the like: notes a partition's keys.",
        ["of", "expect"]),
      .init("collect", "Looks at keys of all partitions.", ["of", "expect"]),
      .init(
        "profile", "For `fidelity`: counts a partition's values.",
        ["of", "reference", "holdout", "synthetic", "fidelity"]),
      .init(
        "plan", "For `fidelity`: divides columns into what is compared.",
        ["of", "reference", "holdout", "synthetic", "fidelity"]),
      .init(
        "pairs", "For `fidelity`: counts pairs of columns in a partition.",
        ["of", "reference", "holdout", "synthetic", "fidelity"]),
      .init(
        "scores", "For `fidelity`: compares.",
        ["of", "reference", "holdout", "synthetic", "fidelity"]),
      .init(
        "hashes", "For `copies` and `privacy`: notes a partition's rows.",
        ["of", "reference", "holdout", "synthetic", "copies", "privacy"]),
      .init(
        "copies", "For `copies` and `privacy`: counts equal rows.",
        ["of", "reference", "holdout", "synthetic", "copies", "privacy"]),
      .init(
        "sample", "For `privacy` and `utility`: takes rows.",
        ["of", "reference", "holdout", "synthetic", "privacy", "utility"]),
      .init(
        "neighbours", "For `privacy`: finds nearest rows.",
        ["of", "reference", "holdout", "synthetic", "privacy"]),
      .init(
        "classes", "For `anonymity`: counts a partition's classes.",
        ["of", "reference", "holdout", "synthetic", "anonymity"]),
      .init(
        "anonymity", "For `anonymity`: adds up classes and judges them.",
        ["of", "reference", "holdout", "synthetic", "anonymity"]),
      .init(
        "secrets", "For `disclosure`: counts a partition's known and secret values.",
        ["of", "reference", "holdout", "synthetic", "disclosure"]),
      .init(
        "disclosure", "For `disclosure`: guesses secrets.",
        ["of", "reference", "holdout", "synthetic", "disclosure"]),
      .init(
        "utility", "For `utility`: learns from one dataset and tests on the holdout.",
        ["of", "reference", "holdout", "synthetic", "utility"]),
      .init("", "Scores, verdicts and gates.", ["gates"]),
    ],
    example: """
      validate:
        of: blend
        reference: parts.train
        holdout: parts.holdout
        expect:
          - {column: age, between: [17, 90]}
          - {column: income, in: ["<=50K", ">50K"]}
        fidelity: {}
        privacy: {}
        gates:
          - fail: fidelity.overall < 0.85
      """)

  let expectations: [Expectation]
  let syntheticOrigins: [Node]?
  let measuresFidelity: Bool
  let countsCopies: Bool
  let privacy: PrivacyOptions?
  let anonymity: AnonymityOptions?
  let disclosure: DisclosureOptions?
  let utility: UtilityOptions?
  let gates: Gates
  let span: SourceSpan

  package init(_ options: OptionValues, report: inout Diagnostics) {
    span = options.span
    expectations = (options["expect"]?.items ?? []).enumerated().compactMap {
      Expectation($1, index: $0, report: &report)
    }
    syntheticOrigins = options["synthetic"]?.items
    measuresFidelity = options["fidelity"] != nil
    privacy = options["privacy"].map(PrivacyOptions.init)
    countsCopies = options["copies"] != nil || privacy != nil
    anonymity = options["anonymity"].map { AnonymityOptions($0, report: &report) }
    disclosure = options["disclosure"].map { DisclosureOptions($0, report: &report) }
    utility = options["utility"].map { UtilityOptions($0, report: &report) }
    gates = Gates(options["gates"], report: &report)
    for (name, needs) in [
      ("fidelity", ["reference"]), ("copies", ["reference"]),
      ("privacy", ["reference", "holdout"]), ("disclosure", ["reference", "holdout"]),
      ("utility", ["reference", "holdout"]),
    ] {
      guard let node = options[name] else { continue }
      for edge in needs where options[edge] == nil {
        report.append(
          .error(
            "AX0741", at: node.span, "'\(name)' needs '\(edge):'",
            cause: edge == "reference"
              ? "it compares the dataset with a real one"
              : "real rows that nothing was learned from tell what chance looks like",
            hint: edge == "reference"
              ? "add 'reference:' with the stage that was learned from"
              : "split the real data, learn from one part, and name the other here"))
      }
    }
    if expectations.isEmpty, options["expect"]?.items.isEmpty != false, !measuresFidelity,
      !countsCopies, anonymity == nil, disclosure == nil, utility == nil
    {
      report.append(
        .error(
          "AX0742", at: options["expect"]?.span ?? options.span, "nothing is checked",
          hint: "add 'expect:', 'fidelity: {}', 'privacy: {}' or 'utility:'"))
    }
    report.append(contentsOf: unknownMetrics(nil, nil))
  }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    if let table = inputs["of"] {
      for expectation in expectations {
        expectation.check(against: table, report: &report)
        if case .references(let column) = expectation.check,
          let keys = inputs[expectation.edgeRole]
        {
          checkKeys(expectation, column, keys, table, report: &report)
        }
      }
      anonymity?.check(against: table, report: &report)
      disclosure?.check(against: table, report: &report)
      utility?.check(against: table, report: &report)
      // What is unknown whatever the columns are was said when the options were read.
      let said = Set(unknownMetrics(nil, nil).items.map(\.span))
      report.append(
        contentsOf: Diagnostics(
          unknownMetrics(table, inputs["reference"]).items.filter { !said.contains($0.span) }))
    }
    return [:]
  }

  func checkKeys(
    _ expectation: Expectation, _ column: String, _ keys: Schema, _ table: Schema,
    report: inout Diagnostics
  ) {
    guard let target = keys[column] else {
      report.append(Expectation.unknown(column, keys, at: expectation.checkSpan))
      return
    }
    guard let own = expectation.columns.first.flatMap({ table[$0] }) else { return }
    func family(_ type: ColumnType) -> String {
      switch type {
      case .text, .category: "texts"
      case .int, .double: "numbers"
      default: type.rawValue
      }
    }
    if family(own.type) != family(target.type) {
      report.append(
        .error(
          "AX0759", at: expectation.checkSpan,
          "'\(own.name)' holds \(family(own.type)), '\(column)' holds \(family(target.type))",
          cause: "values of different types are never equal"))
    }
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    let frame = try ValidateFrame(self, stage)
    var report = CheckReport(title: "Validation: \(stage.stageName)")
    var outcome = StageOutputs()
    var said: [String] = []

    if !expectations.isEmpty {
      let results = try await checkExpectations(frame)
      outcome.gates += results.filter { !$0.passed }.map(\.gate)
      ExpectationResult.tell(results, in: &report, &said)
    }
    if measuresFidelity { try await measureFidelity(frame, &report, &said) }
    if countsCopies { try await countCopies(frame, &report, &said) }
    if let privacy { try await measurePrivacy(privacy, frame, &report, &said) }
    if let anonymity { try await measureAnonymity(anonymity, frame, &report, &said) }
    if let disclosure { try await measureDisclosure(disclosure, frame, &report, &said) }
    if let utility { try await measureUtility(utility, frame, &report, &said) }

    outcome.gates += gates.evaluate(report.metrics)
    let failed = outcome.gates.count { !$0.passed && $0.action == .fail }
    if failed > 0 {
      said.append("\(failed) \(failed == 1 ? "failure stops" : "failures stop") what comes after")
    }
    report.summary = said.joined(separator: "; ")
    outcome.artifacts["report"] = try stage.artifacts.publish(report, kind: .report)
    outcome.warnings += frame.warnings
    return outcome
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case "expect": try performExpect(task)
    case "keys": try performKeys(task)
    case "collect": try performCollect(task)
    case "profile": try performProfile(task)
    case "plan": try performPlan(task)
    case "pairs": try performPairs(task)
    case "scores": try performScores(task)
    case "hashes": try performHashes(task)
    case "copies": try performCopies(task)
    case RowSample.step: try RowSample.perform(task)
    case "neighbours": try performNeighbours(task)
    case "classes": try performClasses(task)
    case "anonymity": try performAnonymity(task)
    case "secrets": try performSecrets(task)
    case "disclosure": try performDisclosure(task)
    case "utility": try performUtility(task)
    default:
      throw TaskFailure(
        .error("AX0901", "stage kind 'validate' has no step '\(task.request.step)'"))
    }
  }
}

/// What all parts of one validation share.
struct ValidateFrame: Sendable {
  let stage: any StageContext
  let table: DatasetManifest
  let reference: DatasetManifest?
  let holdout: DatasetManifest?
  /// The origins whose rows are synthetic; nil where the dataset does not say where rows came from.
  let origins: [String]?
  var warnings: [Diagnostic] = []

  init(_ options: Validate, _ stage: any StageContext) throws {
    self.stage = stage
    func manifest(_ role: String) throws -> DatasetManifest? {
      try stage.inputs[role].map { try stage.artifacts.dataset($0) }
    }
    guard let table = try manifest("of") else {
      throw TaskFailure(.error("AX0909", "the stage has no dataset to check"))
    }
    self.table = table
    reference = try manifest("reference")
    holdout = try manifest("holdout")
    var report = Diagnostics()
    // The schema is known for certain only now.
    var inputs = ["of": table.schema]
    inputs["reference"] = reference?.schema
    for expectation in options.expectations {
      if let keys = try manifest(expectation.edgeRole) {
        inputs[expectation.edgeRole] = keys.schema
      }
    }
    _ = options.schemas(of: inputs, report: &report)

    guard let column = table.schema[Schema.originSource] else {
      origins = nil
      if let node = options.syntheticOrigins?.first {
        report.append(
          .error(
            "AX0743", at: node.span, "the dataset does not say where its rows came from",
            cause: "only what 'mix' gives has origins", hint: "remove 'synthetic:'"))
      }
      try Self.check(report)
      return
    }
    if let named = options.syntheticOrigins {
      for node in named where !column.categories.contains(node.text ?? "") {
        report.append(
          .error(
            "AX0744", at: node.span, "no row comes from '\(node.text ?? "")'",
            cause: "rows come from \(column.categories.joined(separator: ", "))",
            hint: Spelling.closest(to: node.text ?? "", among: column.categories).map {
              "did you mean '\($0)'?"
            }))
      }
      origins = named.compactMap(\.text)
    } else {
      // `parts.train` and `parts` are the same real data here: an origin names a stage or an output.
      let real = Set(
        ["reference", "holdout"].compactMap { stage.inputNames[$0] }.map(Self.stageName))
      origins = column.categories.filter { !real.contains(Self.stageName($0)) }
    }
    try Self.check(report)
  }

  private static func check(_ report: Diagnostics) throws {
    if report.hasErrors { throw TaskFailure(report) }
  }

  private static func stageName(_ name: String) -> String {
    String(name.prefix { $0 != "." })
  }

  /// The columns of a dataset as a parameter: with their types and categories, in this order.
  static func parameter(_ schema: Schema, _ names: [String]) throws -> JSONValue {
    try json(Schema(names.compactMap { schema[$0] }))
  }

  /// The same for a task that reads one partition, which needs no categories of others.
  static func shape(_ schema: Schema, _ names: [String]) throws -> JSONValue {
    try parameter(schema.shape, names)
  }

  static func json(_ value: some Encodable) throws -> JSONValue {
    try CanonicalJSON.decode(JSONValue.self, from: CanonicalJSON.encode(value))
  }
}

extension TaskContext {
  /// A parameter that `ValidateFrame.json` made.
  func parameter<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
    guard let value = request.parameters[name] else {
      throw TaskFailure(.error("AX0909", "the task lacks its parameter '\(name)'"))
    }
    return try CanonicalJSON.decode(type, from: CanonicalJSON.encode(value))
  }

  /// The rows of the task's partition that are in scope: all of them, or those of some origins.
  func rows(_ schema: Schema) throws -> Batch {
    guard let partition = request.inputs["partition"]?.first else {
      throw TaskFailure(.error("AX0909", "the task has no partition"))
    }
    let batch = try artifacts.batch(partition, shape: schema)
    guard let origins = request.parameters["origins"]?.array?.compactMap(\.string) else {
      return batch
    }
    let keep = batch.rows(from: origins)
    return keep.count == batch.rows ? batch : batch.taking(keep)
  }
}

extension ArtifactAccess {
  /// The bytes of an artifact, of which a large one costs memory only where it is looked at.
  func mapped(_ artifact: Artifact) throws -> Data {
    if artifact.bytes <= 1 << 16 { return try read(artifact) }
    return try Data(
      contentsOf: URL(fileURLWithPath: file(of: artifact)), options: .alwaysMapped)
  }
}

extension Batch {
  /// The rows whose origin is one of these.
  func rows(from origins: [String]) -> [Int] {
    guard let column = self[Schema.originSource],
      case .category(let codes, let names) = column.values
    else { return [] }
    let wanted = names.map { origins.contains($0) }
    return (0..<rows).filter { !column.isMissing($0) && wanted[Int(codes[$0])] }
  }
}
