/// A text with `${…}` in it, taken apart.
struct Template {
  enum Part {
    case literal(String)
    /// What stands between the braces; `occurrence` counts every `${` of the text before it.
    case expression(String, occurrence: Int)
    case unclosed(occurrence: Int)
  }

  let parts: [Part]

  /// Whether a text needs taking apart at all.
  static func isTemplate(_ text: String) -> Bool { text.utf8.contains(0x24) && text.contains("${") }

  init(_ text: String) {
    let scalars = Array(text.unicodeScalars)
    var parts: [Part] = []
    var literal = String.UnicodeScalarView()
    var occurrence = 0
    var index = 0
    func flush() {
      if !literal.isEmpty { parts.append(.literal(String(literal))) }
      literal = String.UnicodeScalarView()
    }
    func opens(at place: Int) -> Bool {
      place + 1 < scalars.count && scalars[place] == "$" && scalars[place + 1] == "{"
    }
    while index < scalars.count {
      if scalars[index] == "$", opens(at: index + 1) {
        literal.append(contentsOf: "${".unicodeScalars)
        occurrence += 1
        index += 3
      } else if opens(at: index) {
        flush()
        guard let end = Self.end(of: scalars, from: index + 2) else {
          parts.append(.unclosed(occurrence: occurrence))
          break
        }
        let inside = String(String.UnicodeScalarView(scalars[(index + 2)..<end]))
        parts.append(.expression(inside, occurrence: occurrence))
        occurrence += 1 + Self.count(inside)
        index = end + 1
      } else {
        literal.append(scalars[index])
        index += 1
      }
    }
    flush()
    self.parts = parts
  }

  /// The closing brace, which may not stand in quotes or backticks.
  private static func end(of scalars: [Unicode.Scalar], from start: Int) -> Int? {
    var quote: Unicode.Scalar?
    var index = start
    while index < scalars.count {
      let scalar = scalars[index]
      if let open = quote {
        if scalar == "\\", open != "`" { index += 1 }
        if scalar == open { quote = nil }
      } else if scalar == "'" || scalar == "\"" || scalar == "`" {
        quote = scalar
      } else if scalar == "}" {
        return index
      }
      index += 1
    }
    return nil
  }

  private static func count(_ text: String) -> Int { text.ranges(of: "${").count }
}
