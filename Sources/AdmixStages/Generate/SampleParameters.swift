import AdmixGenerators
import AdmixModel

/// What the steps of a generate stage are told, without places in the file: it is all that makes
/// their results differ.
struct SampleParameters {
  private let members: [String: JSONValue]

  init(_ stage: Generate, seed: UInt64, salt: String) {
    members = [
      "generator": Self.generator(stage),
      "options": stage.generator.samplingParameters,
      "seed": .string(String(seed)),
      "salt": .string(salt),
      "where": .array(stage.conditions.map(Self.json)),
      "keep": .array(stage.keep.map { .string($0.text) }),
    ]
  }

  func json(rows: Int?, table: String? = nil, range: Range<Int>? = nil) throws -> JSONValue {
    var members = members
    if let rows { members["rows"] = JSONValue(rows) }
    if let table { members["table"] = .string(table) }
    if let range {
      members["from"] = JSONValue(range.lowerBound)
      members["to"] = JSONValue(range.upperBound)
    }
    return .object(members)
  }

  static func learning(_ stage: Generate) throws -> JSONValue {
    ["generator": generator(stage), "options": stage.generator.learningParameters]
  }

  private static func generator(_ stage: Generate) -> JSONValue {
    .string("\(stage.generatorName)/\(type(of: stage.generator).description.revision)")
  }

  static func json(_ condition: Condition) -> JSONValue {
    func bound(_ bound: Condition.Bound?) -> JSONValue {
      bound.map { ["value": .string($0.text), "included": .bool($0.isInclusive)] } ?? .null
    }
    let requirement: JSONValue =
      switch condition.requirement {
      case .isMissing: "missing"
      case .isPresent: "present"
      case .oneOf(let texts): .array(texts.map { .string($0) })
      case .range(let low, let high): ["from": bound(low), "to": bound(high)]
      }
    return ["column": .string(condition.column), "is": requirement]
  }

  static func value(_ acceptance: ConstrainedSampler.Acceptance) -> JSONValue {
    [
      "drawn": JSONValue(acceptance.drawn), "accepted": JSONValue(acceptance.accepted),
      "byRule": .array(acceptance.byRule.map { JSONValue($0) }),
    ]
  }

  static func acceptance(_ value: JSONValue) -> ConstrainedSampler.Acceptance? {
    guard let drawn = value["drawn"]?.int, let accepted = value["accepted"]?.int else { return nil }
    return .init(
      drawn: drawn, accepted: accepted, byRule: (value["byRule"]?.array ?? []).compactMap(\.int))
  }
}
