package import AdmixModel

/// Why the store cannot be used, in words for people; nothing was changed.
package struct StoreError: Error, Sendable {
  package var diagnostic: Diagnostic

  init(_ code: String, _ fact: String, cause: String? = nil, hint: String? = nil) {
    diagnostic = .error(code, fact, cause: cause, hint: hint)
  }
}
