package import Foundation

/// JSON that is handed on more often than it is looked into, such as the parameters of a task and what it
/// found: kept in the form it came in, so that a hundred thousand recorded results cost nothing until
/// somebody reads one.
package struct EncodedJSON: Sendable {
  private enum Form: Sendable {
    case value(JSONValue)
    /// Canonical, as `JSONValue.text` or `CanonicalJSON` writes it.
    case text(String)
  }

  private let form: Form

  package init(_ value: JSONValue) { form = .value(value) }

  /// - Parameter text: one document that `text` gave.
  package init(recorded text: String) { form = .text(text) }

  /// The JSON of any value.
  package init(encoding value: some Encodable) throws {
    form = .text(String(decoding: try CanonicalJSON.encode(value), as: UTF8.self))
  }

  /// An object of documents, which are not read for it.
  package init(members: [String: EncodedJSON]) {
    let parts = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map {
      "\(JSONValue.string($0.key).text):\($0.value.text)"
    }
    form = .text("{" + parts.joined(separator: ",") + "}")
  }

  package static let null = EncodedJSON(.null)
  package static func object(_ members: [String: JSONValue]) -> EncodedJSON {
    EncodedJSON(.object(members))
  }
  package static func int(_ value: Int64) -> EncodedJSON { EncodedJSON(.int(value)) }

  package var text: String {
    switch form {
    case .value(let value): value.text
    case .text(let text): text
    }
  }

  /// Reads it whole; what is no JSON, which nobody but damage writes, is null.
  package var json: JSONValue {
    switch form {
    case .value(let value): value
    case .text(let text): (try? JSONValue(parsing: text)) ?? .null
    }
  }

  package subscript(key: String) -> JSONValue? { json[key] }

  /// Reads back what `init(encoding:)` made.
  package func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
    do {
      return try CanonicalJSON.decode(type, from: Data(text.utf8))
    } catch is DecodingError {
      throw Diagnostic.error("AX0909", "a recorded value has another shape than expected")
    }
  }
}

extension EncodedJSON: Hashable {
  package static func == (a: EncodedJSON, b: EncodedJSON) -> Bool { a.text == b.text }
  package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

extension EncodedJSON: Codable {
  package init(from decoder: any Decoder) throws { self.init(try JSONValue(from: decoder)) }
  package func encode(to encoder: any Encoder) throws { try json.encode(to: encoder) }
}

extension EncodedJSON {
  /// The members of an object as they are written, none of them read.
  ///
  /// - Parameter text: what `text` of an object gave; anything else gives nothing or members that cannot
  ///   be read.
  package static func members(of text: String) -> [String: EncodedJSON]? {
    var text = text
    return text.withUTF8 { bytes in
      guard bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}") else { return nil }
      var members: [String: EncodedJSON] = [:]
      var key: String?
      var start = 1
      var level = 0
      var isQuoted = false
      var index = 1
      while index < bytes.count {
        let byte = bytes[index]
        if isQuoted {
          if byte == UInt8(ascii: "\\") { index += 1 }
          if byte == UInt8(ascii: "\"") { isQuoted = false }
        } else {
          switch byte {
          case UInt8(ascii: "\""): isQuoted = true
          case UInt8(ascii: "{"), UInt8(ascii: "["): level += 1
          case UInt8(ascii: ":") where level == 0:
            guard index - start >= 2 else { return nil }
            key = String(decoding: bytes[(start + 1)..<(index - 1)], as: UTF8.self)
            start = index + 1
          case UInt8(ascii: ",") where level == 0, UInt8(ascii: "}") where level == 0:
            if let key {
              members[key] = EncodedJSON(
                recorded: String(decoding: bytes[start..<index], as: UTF8.self))
            } else if index > start {
              return nil
            }
            key = nil
            start = index + 1
          case UInt8(ascii: "}"), UInt8(ascii: "]"): level -= 1
          default: break
          }
        }
        index += 1
      }
      return level == 0 && !isQuoted ? members : nil
    }
  }
}
