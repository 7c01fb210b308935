package import AdmixModel

/// A value of the pipeline file, after interpolation, that still knows its place.
package struct Node: Hashable, Sendable {
  package enum Value: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case text(String)
    case list([Node])
    case map([Member])
  }

  package struct Member: Hashable, Sendable {
    package var key: String
    package var keySpan: SourceSpan
    package var value: Node

    package init(key: String, keySpan: SourceSpan, value: Node) {
      self.key = key
      self.keySpan = keySpan
      self.value = value
    }
  }

  package var value: Value
  package var span: SourceSpan
  /// The scalar as written, such as `0.10` or `Yes`, before it was given a type.
  package var source: String?
  /// Made with the value of an environment variable: neither the value nor anything that shows it may
  /// be stored, printed or put into a message.
  package var isSecret = false

  package init(_ value: Value, at span: SourceSpan, source: String? = nil, isSecret: Bool = false) {
    self.value = value
    self.span = span
    self.source = source
    self.isSecret = isSecret
  }

  /// Whether this or anything in it is secret.
  package var holdsSecret: Bool {
    switch value {
    case .list(let items): isSecret || items.contains { $0.holdsSecret }
    case .map(let members): isSecret || members.contains { $0.value.holdsSecret }
    default: isSecret
    }
  }

  package subscript(key: String) -> Node? {
    if case .map(let members) = value { members.first { $0.key == key }?.value } else { nil }
  }

  package var members: [Member] { if case .map(let members) = value { members } else { [] } }
  package var items: [Node] { if case .list(let items) = value { items } else { [] } }
  package var text: String? { if case .text(let text) = value { text } else { nil } }
  package var bool: Bool? { if case .bool(let value) = value { value } else { nil } }
  package var int: Int? {
    switch value {
    case .int(let value): Int(exactly: value)
    case .double(let value): Int(exactly: value)
    default: nil
    }
  }
  package var double: Double? {
    switch value {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// Without places and spellings: what fingerprints and models keep.
  package var json: JSONValue {
    switch value {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .text(let value): .string(value)
    case .list(let items): .array(items.map(\.json))
    case .map(let members):
      .object(Dictionary(members.map { ($0.key, $0.value.json) }) { first, _ in first })
    }
  }

  package init(_ json: JSONValue, at span: SourceSpan) {
    self.span = span
    switch json {
    case .null: value = .null
    case .bool(let flag): value = .bool(flag)
    case .int(let number): value = .int(number)
    case .double(let number): value = .double(number)
    case .string(let text):
      value = .text(text)
      source = text
    case .array(let items): value = .list(items.map { Node($0, at: span) })
    case .object(let members):
      value = .map(
        members.sorted { $0.key < $1.key }.map {
          Member(key: $0.key, keySpan: span, value: Node($0.value, at: span))
        })
    }
  }
}
