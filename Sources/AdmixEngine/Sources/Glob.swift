import AdmixModel
import Foundation

/// File names by pattern: `*` and `?` within a name, `[a-z]` sets, `**` for any folders.
enum Glob {
  /// The files that fit, relative as the pattern is, sorted by their bytes.
  static func files(_ pattern: String, root: String) -> [String] {
    let isAbsolute = pattern.hasPrefix("/")
    let parts = pattern.split(separator: "/").map(String.init)
    var found: Set<String> = []
    walk(isAbsolute ? "/" : root, shown: isAbsolute ? "/" : "", parts[...], &found)
    return found.sorted { $0.precedesInBytes($1) }
  }

  private static func walk(
    _ folder: String, shown: String, _ parts: ArraySlice<String>, _ found: inout Set<String>
  ) {
    guard let part = parts.first else { return }
    let rest = parts.dropFirst()
    if part == "**" { walk(folder, shown: shown, rest, &found) }
    if part == ".." || part == "." {
      walk("\(folder)/\(part)", shown: shown + part + "/", rest, &found)
      return
    }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      let path = "\(folder)/\(name)"
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { continue }
      let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) != nil
      if part == "**" {
        // A link could lead back up.
        if isFolder.boolValue, !isLink, !name.hasPrefix(".") {
          walk(path, shown: shown + name + "/", parts, &found)
        }
      } else if fits(Array(name.unicodeScalars), Array(part.unicodeScalars)) {
        if rest.isEmpty {
          if !isFolder.boolValue { found.insert(shown + name) }
        } else if isFolder.boolValue {
          walk(path, shown: shown + name + "/", rest, &found)
        }
      }
    }
  }

  /// Whether a name fits; a leading point has to be written.
  static func fits(_ name: [Unicode.Scalar], _ pattern: [Unicode.Scalar]) -> Bool {
    if name.first == ".", pattern.first != "." { return false }
    var n = 0
    var p = 0
    var star: (p: Int, n: Int)?
    while n < name.count {
      if p < pattern.count, pattern[p] == "*" {
        star = (p, n)
        p += 1
      } else if p < pattern.count, let next = one(name[n], pattern, p) {
        n += 1
        p = next
      } else if let back = star {
        star = (back.p, back.n + 1)
        p = back.p + 1
        n = back.n + 1
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == "*" }
  }

  /// The place after the pattern's next element, if the scalar fits it.
  private static func one(_ scalar: Unicode.Scalar, _ pattern: [Unicode.Scalar], _ at: Int) -> Int?
  {
    switch pattern[at] {
    case "?": return at + 1
    case "[":
      guard let close = pattern[(at + 1)...].firstIndex(of: "]"), close > at + 1 else {
        return scalar == "[" ? at + 1 : nil
      }
      var items = pattern[(at + 1)..<close]
      let isNegated = items.first == "!"
      if isNegated { items = items.dropFirst() }
      var index = items.startIndex
      var isIn = false
      while index < items.endIndex {
        if index + 2 < items.endIndex, items[index + 1] == "-" {
          isIn = isIn || (items[index]...max(items[index], items[index + 2])).contains(scalar)
          index += 3
        } else {
          isIn = isIn || items[index] == scalar
          index += 1
        }
      }
      return isIn != isNegated ? close + 1 : nil
    default: return pattern[at] == scalar ? at + 1 : nil
    }
  }
}
