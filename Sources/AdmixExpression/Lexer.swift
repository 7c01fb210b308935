import AdmixModel

/// A word of the expression language, with where it begins and how long it is, in scalars.
struct Token: Hashable {
  enum Kind: Hashable {
    case int(Int64)
    case double(Double)
    case text(String)
    /// A name, a keyword or a function.
    case name(String)
    /// A name in backticks: never a keyword.
    case quotedName(String)
    case symbol(String)
    case end
  }

  var kind: Kind
  var offset: Int
  var length: Int
}

/// Cuts a text into tokens; what it cannot read it reports and skips.
struct Lexer {
  private let scalars: [Unicode.Scalar]
  private let span: SourceSpan
  private var index = 0
  private var tokens: [Token] = []

  /// Longer texts are refused before anything is read.
  static let longest = 100_000

  init(_ text: String, at span: SourceSpan) {
    scalars = Array(text.unicodeScalars)
    self.span = span
  }

  static func tokens(_ text: String, at span: SourceSpan, report: inout Diagnostics) -> [Token] {
    var lexer = Lexer(text, at: span)
    guard lexer.scalars.count <= longest else {
      report.append(
        .error("AX0501", at: span, "the expression is longer than \(longest) characters"))
      return [Token(kind: .end, offset: 0, length: 1)]
    }
    lexer.run(&report)
    return lexer.tokens
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || scalar.properties.isAlphabetic
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
    ("0"..."9").contains(scalar)
  }

  private func at(_ position: Int) -> Unicode.Scalar? {
    position < scalars.count ? scalars[position] : nil
  }

  private mutating func add(_ kind: Token.Kind, from start: Int) {
    tokens.append(Token(kind: kind, offset: start, length: max(1, index - start)))
  }

  private mutating func run(_ report: inout Diagnostics) {
    while let scalar = at(index) {
      let start = index
      switch scalar {
      case " ", "\t", "\n", "\r": index += 1
      case "'", "\"": text(scalar, &report)
      case "`": backticked(&report)
      case _ where Self.isDigit(scalar): number(&report)
      case "." where at(index + 1).map(Self.isDigit) == true: number(&report)
      case _ where Self.isLetter(scalar): name()
      default:
        if let symbol = symbol() {
          index += symbol.unicodeScalars.count
          add(.symbol(symbol), from: start)
        } else {
          index += 1
          let hint: String? =
            switch scalar {
            case "=": "compare with '=='"
            case "&": "write 'and'"
            case "|": "write 'or'"
            case "!": "write 'not'"
            default: nil
            }
          // What does not show, or would act on a terminal, is named by its number.
          let shown =
            scalar.properties.generalCategory == .control
              || scalar.properties.generalCategory == .format
            ? "the character U+\(String(scalar.value, radix: 16, uppercase: true))"
            : "'\(scalar)'"
          report.append(
            .error(
              "AX0501", at: span.slice(offset: start), "\(shown) has no meaning here", hint: hint))
        }
      }
    }
    tokens.append(Token(kind: .end, offset: index, length: 1))
  }

  private func symbol() -> String? {
    let two = String(String.UnicodeScalarView(scalars[index..<min(index + 2, scalars.count)]))
    if ["==", "!=", "<=", ">=", "//", "**"].contains(two) { return two }
    let one = String(scalars[index])
    return ["<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "."].contains(one)
      ? one : nil
  }

  /// Letters, digits and `_`; also a `-` that has one of them on either side.
  private mutating func name() {
    let start = index
    index += 1
    while let scalar = at(index) {
      if Self.isLetter(scalar) || Self.isDigit(scalar) {
        index += 1
      } else if scalar == "-", let next = at(index + 1), Self.isLetter(next) || Self.isDigit(next) {
        index += 2
      } else {
        break
      }
    }
    add(.name(String(String.UnicodeScalarView(scalars[start..<index]))), from: start)
  }

  private mutating func backticked(_ report: inout Diagnostics) {
    let start = index
    guard let close = scalars[(index + 1)...].firstIndex(of: "`"), close > index + 1 else {
      report.append(
        .error("AX0501", at: span.slice(offset: start), "the name after '`' is not closed"))
      index = scalars.count
      return
    }
    index = close + 1
    add(.quotedName(String(String.UnicodeScalarView(scalars[(start + 1)..<close]))), from: start)
  }

  private mutating func text(_ quote: Unicode.Scalar, _ report: inout Diagnostics) {
    let start = index
    index += 1
    var text = String.UnicodeScalarView()
    while let scalar = at(index) {
      index += 1
      if scalar == quote {
        add(.text(String(text)), from: start)
        return
      }
      if scalar == "\\", let next = at(index) {
        index += 1
        switch next {
        case "n": text.append("\n")
        case "t": text.append("\t")
        default: text.append(next)
        }
      } else {
        text.append(scalar)
      }
    }
    report.append(.error("AX0501", at: span.slice(offset: start), "the text is not closed"))
  }

  private mutating func number(_ report: inout Diagnostics) {
    let start = index
    var isWhole = true
    while let scalar = at(index), Self.isDigit(scalar) || scalar == "_" { index += 1 }
    if at(index) == ".", at(index + 1).map(Self.isDigit) == true {
      isWhole = false
      index += 1
      while let scalar = at(index), Self.isDigit(scalar) || scalar == "_" { index += 1 }
    }
    if let e = at(index), e == "e" || e == "E" {
      let sign = at(index + 1).map { $0 == "+" || $0 == "-" } == true ? 1 : 0
      if at(index + 1 + sign).map(Self.isDigit) == true {
        isWhole = false
        index += 1 + sign
        while let scalar = at(index), Self.isDigit(scalar) { index += 1 }
      }
    }
    let digits = String(String.UnicodeScalarView(scalars[start..<index].filter { $0 != "_" }))
    if isWhole, let value = Int64(digits) {
      add(.int(value), from: start)
    } else if let value = Double(digits), value.isFinite {
      add(.double(value), from: start)
    } else {
      report.append(
        .error(
          "AX0501", at: span.slice(offset: start, length: index - start),
          "the number is out of range"))
    }
  }
}
