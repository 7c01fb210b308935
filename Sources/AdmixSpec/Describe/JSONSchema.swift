package import AdmixModel

/// The JSON Schema of pipeline files (draft 2020-12), for editors; made from the same fields as the
/// checks.
///
/// It is as strict as a schema can be that knows neither params nor stages: wherever a value may stand,
/// so may a text with `${…}`.
package enum JSONSchema {
  package static func document(kinds: [KindDescription]) -> JSONValue {
    var definitions: [String: JSONValue] = [
      "interpolated": ["type": "string", "pattern": "\\$\\{"],
      "stage": stage(kinds),
    ]
    for kind in kinds {
      definitions["options-\(kind.name)"] = options(kind)
    }
    return [
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "admix pipeline",
      "type": "object",
      "properties": .object(topLevel(kinds)),
      "required": .array(
        PipelineFields.all.filter(\.isRequired).map { .string($0.name) }),
      "anyOf": [["required": ["stages"]], ["required": ["include"]]],
      "additionalProperties": false,
      "$defs": .object(definitions),
    ]
  }

  private static func topLevel(_ kinds: [KindDescription]) -> [String: JSONValue] {
    var properties: [String: JSONValue] = [:]
    for field in PipelineFields.all { properties[field.name] = property(field) }
    properties["admix"]?.set("const", .int(PipelineFields.version))
    properties["admix"]?.set("anyOf", nil)
    properties["stages"]?.set("anyOf", nil)
    properties["stages"]?.set("type", "object")
    properties["stages"]?.set(
      "propertyNames", ["pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$"])
    properties["stages"]?.set("additionalProperties", ["$ref": "#/$defs/stage"])
    let defaults = kinds.map { ($0.name, JSONValue.reference("options-\($0.name)")) }
    properties["defaults"]?.set("anyOf", nil)
    properties["defaults"]?.set("type", ["object", "null"])
    properties["defaults"]?.set(
      "properties", .object(Dictionary(defaults, uniquingKeysWith: { first, _ in first })))
    properties["defaults"]?.set("additionalProperties", false)
    return properties
  }

  private static func stage(_ kinds: [KindDescription]) -> JSONValue {
    var properties: [String: JSONValue] = ["matrix": property(PipelineFields.matrix)]
    // Whether a kind takes seeds, which need not be known to help with typing.
    for field in KindDescription.commonFields + KindDescription.randomnessFields {
      properties[field.name] = property(field)
    }
    for kind in kinds {
      properties[kind.name] = [
        "$ref": .string("#/$defs/options-\(kind.name)"), "description": .string(kind.summary),
      ]
    }
    return [
      "type": "object",
      "properties": .object(properties),
      "oneOf": .array(kinds.map { ["required": [.string($0.name)]] }),
      "additionalProperties": false,
    ]
  }

  /// Nothing is required here: what a stage lacks, `defaults:` may give, in this file or another.
  private static func options(_ kind: KindDescription) -> JSONValue {
    var schema = object(
      kind.allFields.map { field in
        var field = field
        field.isRequired = false
        return field
      })
    schema.set("description", .string(kind.summary))
    return schema
  }

  private static func property(_ field: Field) -> JSONValue {
    var schema = value(field.type)
    schema.set("description", .string(field.summary))
    if let defaultValue = field.defaultValue { schema.set("default", defaultValue) }
    return schema
  }

  private static func object(_ fields: [Field]) -> JSONValue {
    var properties: [String: JSONValue] = [:]
    for field in fields { properties[field.name] = property(field) }
    let required = fields.filter(\.isRequired).map { JSONValue.string($0.name) }
    var schema: JSONValue = [
      "type": required.isEmpty ? ["object", "null"] : "object",
      "properties": .object(properties),
      "additionalProperties": false,
    ]
    if !required.isEmpty { schema.set("required", .array(required)) }
    return schema
  }

  private static func value(_ type: FieldType) -> JSONValue {
    switch type {
    case .any: return [:]
    case .scalar: return ["type": ["string", "number", "boolean", "null"]]
    case .text, .column, .expression, .edge: return ["type": ["string", "number", "boolean"]]
    case .path: return ["type": "string", "minLength": 1]
    case .oneOf(let types): return ["anyOf": .array(types.map(value))]
    default: return ["anyOf": .array(alternatives(type) + [.reference("interpolated")])]
    }
  }

  private static func alternatives(_ type: FieldType) -> [JSONValue] {
    switch type {
    case .bool: return [["type": "boolean"]]
    case .int(let range):
      var schema: JSONValue = ["type": "integer"]
      if range.lowerBound != .min { schema.set("minimum", .int(range.lowerBound)) }
      if range.upperBound != .max { schema.set("maximum", .int(range.upperBound)) }
      return [schema]
    case .number(let range):
      var schema: JSONValue = ["type": "number"]
      let largest = Double.greatestFiniteMagnitude
      if range.lowerBound > -largest { schema.set("minimum", .double(range.lowerBound)) }
      if range.upperBound < largest { schema.set("maximum", .double(range.upperBound)) }
      return [schema]
    case .choice(let words): return [["enum": .array(words.map { .string($0) })]]
    case .digest: return [["type": "string", "pattern": "^[0-9A-Fa-f]{64}$"]]
    case .quantity:
      return [
        ["type": "number", "minimum": 0],
        ["type": "string", "pattern": "^ *[0-9]+(\\.[0-9]+)? *[A-Za-z]*$"],
      ]
    case .list(let element): return [["type": "array", "items": value(element)]]
    case .listOrOne(let element):
      return [["type": "array", "items": value(element)], value(element)]
    case .map(let element):
      return [["type": ["object", "null"], "additionalProperties": value(element)]]
    case .orderedMap(let element):
      return [
        [
          "type": "array",
          "items": [
            "type": "object", "minProperties": 1, "maxProperties": 1,
            "additionalProperties": value(element),
          ],
        ],
        ["type": "object", "additionalProperties": value(element)],
      ]
    case .object(let fields): return [object(fields)]
    case .variant(let variants): return self.variants(variants)
    default: return [value(type)]
    }
  }

  private static func variants(_ variants: [Variant]) -> [JSONValue] {
    let bare = variants.filter { $0.type.canBeAbsent }.map { JSONValue.string($0.name) }
    let full = variants.map { variant -> JSONValue in
      var schema = value(variant.type)
      schema.set("description", .string(variant.summary))
      return [
        "type": "object", "properties": .object([variant.name: schema]),
        "required": [.string(variant.name)], "additionalProperties": false,
      ]
    }
    return (bare.isEmpty ? [] : [["enum": .array(bare)]]) + full
  }
}

extension FieldType {
  /// Whether nothing at all is a value of this type, so that a variant's name may stand alone.
  var canBeAbsent: Bool {
    switch self {
    case .object(let fields): !fields.contains { $0.isRequired }
    case .map, .scalar, .any: true
    case .oneOf(let types): types.contains { $0.canBeAbsent }
    default: false
    }
  }
}

extension JSONValue {
  fileprivate static func reference(_ name: String) -> JSONValue {
    ["$ref": .string("#/$defs/\(name)")]
  }

  fileprivate mutating func set(_ key: String, _ value: JSONValue?) {
    guard case .object(var members) = self else { return }
    members[key] = value
    self = .object(members)
  }
}
