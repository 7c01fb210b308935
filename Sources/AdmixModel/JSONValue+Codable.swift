import Foundation

extension JSONValue {
  /// The JSON of any value, for parameters of tasks and small results.
  package init(encoding value: some Encodable) throws {
    do {
      self = try JSONValue(parsing: [UInt8](CanonicalJSON.encode(value)))
    } catch let error as JSONError {
      throw Diagnostic.error("AX0909", "a value cannot be written as JSON", cause: error.fact)
    }
  }

  /// Reads back what `init(encoding:)` made.
  package func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
    do {
      return try CanonicalJSON.decode(type, from: Data(text.utf8))
    } catch is DecodingError {
      throw Diagnostic.error("AX0909", "a recorded value has another shape than expected")
    }
  }
}
