/// Names that nobody has by intention: syllables put together, of no language.
enum RuleName: String, CaseIterable, Sendable {
  case given, family, person, place, street, address, company

  private static let onsets = [
    "b", "br", "c", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "r", "s", "st",
    "t", "tr", "v", "w", "z", "sh",
  ]
  private static let vowels = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
  private static let codas = ["", "", "n", "r", "l", "s", "m", "th"]

  /// The name of one row, from 128 random bits.
  func text(_ bits: (UInt32, UInt32, UInt32, UInt32)) -> String {
    var first = Source(UInt64(bits.0) | UInt64(bits.1) << 32)
    var second = Source(UInt64(bits.2) | UInt64(bits.3) << 32)
    switch self {
    case .given: return Self.word(&first, 2)
    case .family: return Self.word(&second, 2 + second.below(2))
    case .person: return Self.word(&first, 2) + " " + Self.word(&second, 2 + second.below(2))
    case .place:
      return Self.word(&first, 2) + ["ton", "ham", "ford", "by", "burg", "ville"][second.below(6)]
    case .street: return Self.street(&first)
    case .address: return "\(1 + second.below(199)) " + Self.street(&first)
    case .company:
      return Self.word(&first, 2) + ["", " Works", " Group", " & Co", " Labs"][second.below(5)]
    }
  }

  private static func street(_ source: inout Source) -> String {
    word(&source, 2) + [" Street", " Road", " Lane", " Avenue"][source.below(4)]
  }

  private static func word(_ source: inout Source, _ syllables: Int) -> String {
    var text = ""
    for _ in 0..<syllables {
      text += onsets[source.below(onsets.count)] + vowels[source.below(vowels.count)]
    }
    text += codas[source.below(codas.count)]
    return text.prefix(1).uppercased() + text.dropFirst()
  }

  /// Takes small numbers from a large one.
  private struct Source {
    private var rest: UInt64
    init(_ bits: UInt64) { rest = bits }

    mutating func below(_ count: Int) -> Int {
      let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: UInt64(count))
      rest = quotient
      return Int(remainder)
    }
  }
}
