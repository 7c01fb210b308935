/// Text that is safe to put between tags and into quoted attributes.
struct HTML: ExpressibleByStringInterpolation, Sendable {
  private(set) var source: String

  /// - Parameter source: markup we wrote ourselves; text from anywhere else goes through `escape`.
  init(markup source: String) { self.source = source }
  init(stringLiteral value: String) { source = value }
  init(stringInterpolation: Interpolation) { source = stringInterpolation.source }

  static func escape(_ text: String) -> String {
    var out = ""
    out.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      case "\n", "\t": out.unicodeScalars.append(scalar)
      // Control characters have no place in markup, not even escaped.
      case "\0"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": out += "\u{FFFD}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  static func + (a: HTML, b: HTML) -> HTML { HTML(markup: a.source + b.source) }
  static func += (a: inout HTML, b: HTML) { a.source += b.source }

  /// Whatever is interpolated is escaped, unless it is markup already.
  struct Interpolation: StringInterpolationProtocol {
    var source = ""
    init(literalCapacity: Int, interpolationCount: Int) { source.reserveCapacity(literalCapacity) }
    mutating func appendLiteral(_ literal: String) { source += literal }
    mutating func appendInterpolation(_ text: String) { source += HTML.escape(text) }
    mutating func appendInterpolation(_ number: Int) { source += String(number) }
    mutating func appendInterpolation(_ markup: HTML) { source += markup.source }
    mutating func appendInterpolation(_ list: [HTML]) { for item in list { source += item.source } }
  }
}
