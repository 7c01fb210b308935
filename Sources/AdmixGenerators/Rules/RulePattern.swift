import AdmixData
import AdmixModel

/// A text of fixed length over small alphabets, such as `[A-Z]{3}-[0-9]{6}`.
///
/// Each position has its alphabet, so texts are the numbers of a mixed-radix system: number k in,
/// text k out, and a permutation of the numbers gives unique texts without remembering any.
struct RulePattern: Sendable {
  /// The alphabet of every position.
  let positions: [[Unicode.Scalar]]
  /// What is computed from a text and put into it.
  var check: RuleCheck?

  /// How many texts there are, or nil where that does not fit 62 bits.
  var count: Int? {
    var product = 1
    for alphabet in positions {
      let (next, overflow) = product.multipliedReportingOverflow(by: alphabet.count)
      if overflow || next >= 1 << 62 { return nil }
      product = next
    }
    return product
  }

  /// What is wrong with a pattern, and how many scalars in.
  struct Problem: Error {
    var offset: Int
    var fact: String
  }

  init(_ pattern: String) throws(Problem) {
    let scalars = Array(pattern.unicodeScalars)
    var positions: [[Unicode.Scalar]] = []
    var index = 0
    while index < scalars.count {
      let start = index
      var alphabet: [Unicode.Scalar]
      switch scalars[index] {
      case "[":
        (alphabet, index) = try Self.set(scalars, from: index)
      case "\\" where index + 1 < scalars.count:
        alphabet =
          scalars[index + 1] == "d" ? Array("0123456789".unicodeScalars) : [scalars[index + 1]]
        index += 2
      case "{", "}", "]", "(", ")", "*", "+", "?", "|":
        throw Problem(
          offset: index,
          fact: "'\(scalars[index])' has no meaning here; put '\\' before it to mean itself")
      default:
        alphabet = [scalars[index]]
        index += 1
      }
      var times = 1
      if index < scalars.count, scalars[index] == "{" {
        guard let close = scalars[index...].firstIndex(of: "}"),
          let number = Int(String(String.UnicodeScalarView(scalars[(index + 1)..<close]))),
          (1...64).contains(number)
        else {
          throw Problem(offset: index, fact: "a repetition is a number from 1 to 64 in braces")
        }
        times = number
        index = close + 1
      }
      guard positions.count + times <= 256 else {
        throw Problem(offset: start, fact: "a pattern makes at most 256 characters")
      }
      positions += Array(repeating: alphabet, count: times)
    }
    guard !positions.isEmpty else { throw Problem(offset: 0, fact: "the pattern is empty") }
    self.positions = positions
  }

  private static func set(_ scalars: [Unicode.Scalar], from start: Int) throws(Problem) -> (
    [Unicode.Scalar], Int
  ) {
    var alphabet: [Unicode.Scalar] = []
    var index = start + 1
    while index < scalars.count, scalars[index] != "]" {
      let low = scalars[index]
      if index + 2 < scalars.count, scalars[index + 1] == "-", scalars[index + 2] != "]" {
        let high = scalars[index + 2]
        guard low.value <= high.value, high.value - low.value < 1000 else {
          throw Problem(offset: index, fact: "the range '\(low)-\(high)' runs backwards or too far")
        }
        alphabet += (low.value...high.value).compactMap(Unicode.Scalar.init)
        index += 3
      } else {
        alphabet.append(low)
        index += 1
      }
    }
    guard index < scalars.count else { throw Problem(offset: start, fact: "'[' is not closed") }
    guard !alphabet.isEmpty else { throw Problem(offset: start, fact: "'[]' holds no character") }
    var seen: Set<Unicode.Scalar> = []
    return (alphabet.filter { seen.insert($0).inserted }, index + 1)
  }

  /// The text of a number below `count`.
  func text(_ number: Int) -> String {
    var rest = number
    var reversed: [Unicode.Scalar] = []
    for alphabet in positions.reversed() {
      reversed.append(alphabet[rest % alphabet.count])
      rest /= alphabet.count
    }
    var text = ""
    text.unicodeScalars.append(contentsOf: reversed.reversed())
    return check?.completed(text) ?? text
  }

  /// A text with every position drawn by itself.
  func text(_ random: RandomSource, row: UInt64, tag: UInt32, draw: UInt32) -> String {
    var text = ""
    for (position, alphabet) in positions.enumerated() {
      let uniform = random.uniform(row: row, tag: tag, draw: draw &+ UInt32(position) &+ 1)
      text.unicodeScalars.append(
        alphabet[min(alphabet.count - 1, Int(uniform * Double(alphabet.count)))])
    }
    return check?.completed(text) ?? text
  }
}
