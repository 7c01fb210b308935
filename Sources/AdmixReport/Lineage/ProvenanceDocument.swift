package import AdmixEngine
package import AdmixModel
import AdmixStore
import Foundation

/// A run as W3C PROV, in PROV-JSON (member submission of 24 April 2013).
///
/// Entities are artifacts and files, activities the stages as they were carried out, in this run or in
/// the earlier one whose result was found; the agent is admix. It names no machine, no user and no
/// absolute path.
package struct ProvenanceDocument {
  private let map: LineageMap
  private let version: String

  package init(_ map: LineageMap, version: String) {
    self.map = map
    self.version = version
  }

  private struct Document {
    var parts: [String: [String: JSONValue]] = [:]
    private var counts: [String: Int] = [:]

    mutating func declare(_ kind: String, _ name: String, _ members: [String: JSONValue]) {
      if parts[kind]?[name] == nil { parts[kind, default: [:]][name] = .object(members) }
    }

    /// A relation; they have no names of their own.
    mutating func relate(_ kind: String, _ members: [String: JSONValue]) {
      let number = counts[kind, default: 0] + 1
      counts[kind] = number
      parts[kind, default: [:]]["_:\(kind)\(number)"] = .object(members)
    }
  }

  package var json: JSONValue {
    var document = Document()
    let agent = "admix:program/\(Self.escaped(version))"
    document.declare(
      "agent", agent,
      [
        "prov:type": Self.qualified("prov:SoftwareAgent"),
        "prov:label": .string("admix \(version)"), "admix:version": .string(version),
      ])
    let actions = (try? map.store.actions(ofRun: map.record.run)) ?? [:]
    var activities: [String: String] = [:]
    for stage in map.record.stages {
      guard stage.status == .executed || stage.status == .cached || stage.status == .failed else {
        continue
      }
      let made = actions[stage.name].flatMap { making($0.result, of: stage) }
      let run = stage.status == .cached ? made?.run ?? map.record.run : map.record.run
      let activity = "admix:run/\(Self.escaped(run))/\(Self.escaped(stage.name))"
      activities[stage.name] = activity
      document.declare("activity", activity, members(stage, made))
      document.relate(
        "wasAssociatedWith", ["prov:activity": .string(activity), "prov:agent": .string(agent)])
      tell(stage, activity, activities, &document)
    }
    var members: [String: JSONValue] = document.parts.mapValues { .object($0) }
    members["prefix"] = ["admix": "urn:admix:"]
    return .object(members)
  }

  private func members(_ stage: StageRecord, _ made: LineageAction?) -> [String: JSONValue] {
    var members: [String: JSONValue] = [
      "prov:label": .string("\(map.record.pipeline): \(stage.name)"),
      "admix:kind": .string(stage.kind), "admix:status": .string(stage.status.rawValue),
    ]
    if let found = stage.determinism {
      members["admix:determinism"] = .string(DeterminismText.words(found))
    }
    if stage.status == .cached {
      // Only its end was written down by the run that did it.
      if let end = made?.created { members["prov:endTime"] = Self.time(end.timeIntervalSince1970) }
    } else if let start = stage.started {
      members["prov:startTime"] = Self.time(start)
      members["prov:endTime"] = Self.time(start + stage.seconds)
    }
    return members
  }

  /// The result that a stage had, with the run that made it.
  private func making(_ result: Int64?, of stage: StageRecord) -> LineageAction? {
    guard let result, let artifact = stage.artifacts.values.first,
      let makings = try? map.store.makings(of: artifact.digest)
    else { return nil }
    return makings.first { $0.action.result == result }?.action
  }

  private func tell(
    _ stage: StageRecord, _ activity: String, _ activities: [String: String],
    _ document: inout Document
  ) {
    var used: [String] = []
    for source in stage.sources {
      let entity = "admix:file/\(source.digest.hex)"
      document.declare(
        "entity", entity,
        [
          "prov:type": Self.qualified("admix:SourceFile"),
          "prov:label": .string(PublicName.of(source.name)),
          "admix:sha256": .string(source.digest.hex), "admix:bytes": JSONValue(source.bytes),
        ])
      used.append(entity)
      document.relate(
        "used",
        [
          "prov:activity": .string(activity), "prov:entity": .string(entity),
          "prov:role": .string("file"),
        ])
    }
    for input in stage.inputs {
      guard let artifact = map[input.stage]?.artifacts[input.output] else { continue }
      let entity = self.entity(input.stage, input.output, artifact, &document)
      used.append(entity)
      document.relate(
        "used",
        [
          "prov:activity": .string(activity), "prov:entity": .string(entity),
          "prov:role": .string(input.role),
        ])
    }
    for before in Set(stage.inputs.map(\.stage) + stage.after).sorted() {
      guard let informant = activities[before] else { continue }
      document.relate(
        "wasInformedBy",
        ["prov:informed": .string(activity), "prov:informant": .string(informant)])
    }
    guard stage.status != .failed else { return }
    for output in stage.outputs {
      guard let artifact = stage.artifacts[output] else { continue }
      let entity = self.entity(stage.name, output, artifact, &document)
      document.relate(
        "wasGeneratedBy",
        [
          "prov:entity": .string(entity), "prov:activity": .string(activity),
          "prov:role": .string(output),
        ])
      for source in used {
        document.relate(
          "wasDerivedFrom",
          [
            "prov:generatedEntity": .string(entity), "prov:usedEntity": .string(source),
            "prov:activity": .string(activity),
          ])
      }
    }
    for delivery in map.deliveries[stage.name] ?? [] {
      let entity = "admix:delivery/\(Self.escaped(delivery.path))/\(delivery.artifact.digest.hex)"
      document.declare(
        "entity", entity,
        [
          "prov:type": Self.qualified("admix:DeliveredFile"), "prov:label": .string(delivery.path),
          "admix:sha256": .string(delivery.artifact.digest.hex),
          "admix:bytes": JSONValue(delivery.artifact.bytes),
        ])
      document.relate(
        "wasGeneratedBy",
        [
          "prov:entity": .string(entity), "prov:activity": .string(activity),
          "prov:role": .string("delivery"),
        ])
      for source in used {
        document.relate(
          "wasDerivedFrom",
          [
            "prov:generatedEntity": .string(entity), "prov:usedEntity": .string(source),
            "prov:activity": .string(activity),
          ])
      }
    }
  }

  private func entity(
    _ stage: String, _ output: String, _ artifact: Artifact, _ document: inout Document
  ) -> String {
    let name =
      "admix:artifact/\(Self.escaped(stage))/\(Self.escaped(output))/\(artifact.digest.hex)"
    var members: [String: JSONValue] = [
      "prov:type": Self.qualified("admix:" + artifact.kind.rawValue),
      "prov:label": .string("\(stage).\(output)"), "admix:sha256": .string(artifact.digest.hex),
      "admix:bytes": JSONValue(artifact.bytes),
    ]
    if let rows = artifact.rows { members["admix:rows"] = JSONValue(rows) }
    document.declare("entity", name, members)
    return name
  }

  private static func qualified(_ name: String) -> JSONValue {
    .object(["$": .string(name), "type": "prov:QUALIFIED_NAME"])
  }

  private static func time(_ seconds: Double) -> JSONValue { .string(OpenLineage.time(seconds)) }

  /// What may stand in the local part of a qualified name (PROV-N, PN_LOCAL); the rest in percents.
  private static func escaped(_ text: String) -> String {
    text.utf8.map { byte -> String in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D:
        return String(UnicodeScalar(byte))
      case 0x2E, 0x2F: return String(UnicodeScalar(byte))
      default:
        let hex = String(byte, radix: 16, uppercase: true)
        return "%" + (hex.count == 1 ? "0" : "") + hex
      }
    }.joined()
  }
}
