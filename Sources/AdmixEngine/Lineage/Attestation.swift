package import AdmixModel
import Foundation

/// A statement of what an exported file was made from: in-toto Statement v1 with a SLSA provenance v1
/// predicate.
///
/// It is an output like any other, so equal inputs give equal bytes: no run, no time, no program version
/// and no machine is in it. What a run was is in the store, which `admix verify --attestation` asks.
package struct Attestation: Hashable, Sendable {
  package static let ending = ".intoto.json"
  package static let statementType = "https://in-toto.io/Statement/v1"
  package static let predicateType = "https://slsa.dev/provenance/v1"
  /// Explained in docs/lineage.md.
  package static let buildType = "urn:admix:build-type:export:1"
  package static let builder = "urn:admix:builder"

  package struct Dependency: Hashable, Sendable {
    /// As in the pipeline file; of an absolute path the last part.
    package var name: String
    package var digest: Digest
  }

  /// The file's name, without folders: the statement lies beside it.
  package var subject: String
  package var digest: Digest
  /// By stage: its kind, the stages behind its inputs, and its options without secrets.
  package var parameters: JSONValue
  /// Source files, sorted by name.
  package var dependencies: [Dependency]
  /// Behaviour revisions of the kinds and generators that were at work.
  package var revisions: [String: Int]

  /// - Parameter path: where the file is put.
  package init(path: String, file: Artifact, facts: PipelineFacts) {
    subject = (path as NSString).lastPathComponent
    digest = file.digest
    let stages = facts.ancestry + (facts.own.map { [$0] } ?? [])
    parameters = .object([
      "pipeline": .string(facts.name), "seed": .string("\(facts.seed)"),
      "stages": .object(Dictionary(stages.map { ($0.stage, Self.json($0)) }) { first, _ in first }),
    ])
    dependencies = Self.dependencies(
      stages.flatMap { stage in stage.sources.map { (name: $0.key, digest: $0.value) } })
    revisions = stages.reduce(into: [:]) { sum, stage in
      sum.merge(stage.revisions ?? [:]) { max($0, $1) }
    }
  }

  private static func json(_ stage: PipelineFacts.Ancestor) -> JSONValue {
    .object([
      "kind": .string(stage.kind), "inputs": .array(stage.inputs.map { .string($0) }),
      "parameters": .object(
        (stage.parameters ?? [:]).mapValues { (try? JSONValue(parsing: $0)) ?? .string($0) }),
    ])
  }

  /// Each name with each digest once, in one order.
  package static func dependencies(_ files: [(name: String, digest: Digest)]) -> [Dependency] {
    Set(files.map { Dependency(name: PublicName.of($0.name), digest: $0.digest) })
      .sorted { ($0.name, $0.digest.hex) < ($1.name, $1.digest.hex) }
  }

  package var json: JSONValue {
    func descriptor(_ name: String, _ digest: Digest) -> [String: JSONValue] {
      ["name": .string(name), "digest": .object(["sha256": .string(digest.hex)])]
    }
    return .object([
      "_type": .string(Self.statementType),
      "subject": .array([.object(descriptor(subject, digest))]),
      "predicateType": .string(Self.predicateType),
      "predicate": .object([
        "buildDefinition": .object([
          "buildType": .string(Self.buildType), "externalParameters": parameters,
          "resolvedDependencies": .array(
            dependencies.map { dependency in
              var members = descriptor(dependency.name, dependency.digest)
              if dependency.name.contains("://") { members["uri"] = .string(dependency.name) }
              return .object(members)
            }),
        ]),
        "runDetails": .object([
          "builder": .object([
            "id": .string(Self.builder),
            "version": .object(revisions.mapValues { .string("\($0)") }),
          ])
        ]),
      ]),
    ])
  }

  /// Reads a statement that admix wrote; what is not one is said.
  package init(_ json: JSONValue) throws(Diagnostic) {
    func unfit(_ cause: String) -> Diagnostic {
      .error(
        "AX0970", "the file is no attestation of an export", cause: cause,
        hint: "name the file '….intoto.json' that an export with 'attestation: true' wrote")
    }
    guard json["_type"]?.string == Self.statementType else {
      throw unfit("it is no in-toto statement of version 1")
    }
    guard json["predicateType"]?.string == Self.predicateType,
      let definition = json["predicate"]?["buildDefinition"],
      definition["buildType"]?.string == Self.buildType
    else { throw unfit("it states something else than what admix built") }
    guard let subjects = json["subject"]?.array, subjects.count == 1,
      let name = subjects.first?["name"]?.string, !name.isEmpty, !name.contains("/"),
      name != "..",
      let digest = subjects.first?["digest"]?["sha256"]?.string.flatMap({
        Digest(hex: $0)
      })
    else { throw unfit("it has not one subject with a name and a SHA-256") }
    subject = name
    self.digest = digest
    parameters = definition["externalParameters"] ?? .null
    var dependencies: [Dependency] = []
    for item in definition["resolvedDependencies"]?.array ?? [] {
      guard let name = item["name"]?.string,
        let digest = item["digest"]?["sha256"]?.string.flatMap({ Digest(hex: $0) })
      else { throw unfit("a dependency has no name or no SHA-256") }
      dependencies.append(Dependency(name: name, digest: digest))
    }
    self.dependencies = dependencies
    revisions = (json["predicate"]?["runDetails"]?["builder"]?["version"]?.object ?? [:])
      .compactMapValues { $0.string.flatMap { Int($0) } }
  }
}

/// A file's name as strangers may see it: an absolute path would tell of somebody's machine.
package enum PublicName {
  package static func of(_ name: String) -> String {
    if name.contains("://") { return name }
    // A way up and out of the project tells what lies around it.
    let isOutside =
      name.hasPrefix("/") || name.hasPrefix("~") || name.split(separator: "/").contains("..")
    return isOutside ? (name as NSString).lastPathComponent : name
  }
}
