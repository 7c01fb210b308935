internal import AdmixModel

/// Names a place within options: `parts.real.from`, list items by position.
package enum OptionPath {
  package static func join(_ path: String, _ key: String) -> String {
    let part = isPlain(key) ? key : JSONValue.string(key).text
    return path.isEmpty ? part : path + "." + part
  }

  static func join(_ path: String, _ index: Int) -> String {
    path.isEmpty ? String(index) : "\(path).\(index)"
  }

  /// Anything else is quoted, so that no two places have the same path.
  private static func isPlain(_ key: String) -> Bool {
    var hasLetter = false
    for byte in key.utf8 {
      switch byte {
      case 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D: hasLetter = true
      case 0x30...0x39: break
      default: return false
      }
    }
    return hasLetter
  }
}
