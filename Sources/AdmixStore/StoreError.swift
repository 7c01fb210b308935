package import AdmixModel
import GRDB

/// Why the store cannot be used, in words for people; nothing was changed.
package struct StoreError: Error, Sendable {
  package var diagnostic: Diagnostic

  init(_ code: String, _ fact: String, cause: String? = nil, hint: String? = nil) {
    diagnostic = .error(code, fact, cause: cause, hint: hint)
  }

  static func noLocks(_ folder: String, _ cause: String) -> StoreError {
    StoreError(
      "AX0936", "the store '\(folder)' lies where locks do not work", cause: cause,
      hint: "keep it on a disk of this machine with --store; outputs stay beside the pipeline")
  }

  static func damaged(_ cause: String) -> StoreError {
    StoreError(
      "AX0903", "the store is damaged", cause: cause,
      hint: "move the folder away: everything in it can be made again")
  }
}

extension Row {
  /// A column of a row; what is not of the type asked for is damage, never a trap.
  func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ index: Int, as type: Value.Type = Value.self
  ) throws -> Value {
    do { return try decode(type, atIndex: index) } catch {
      throw StoreError.damaged("a row holds a value of another type")
    }
  }

  func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ index: Int, as type: Value?.Type = Value?.self
  ) throws -> Value? {
    do { return try decode(type, atIndex: index) } catch {
      throw StoreError.damaged("a row holds a value of another type")
    }
  }
}
