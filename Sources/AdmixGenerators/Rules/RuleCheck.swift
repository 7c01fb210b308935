/// Check characters of identifiers: computed from the others, so that a typing error shows.
enum RuleCheck: String, CaseIterable, Sendable {
  /// ISO/IEC 7812-1 annex B: cards, IMEI.
  case luhn
  /// The same over 80840 and the number: the US national provider identifier (45 CFR 162.406).
  case npi
  /// GS1 General Specifications 7.9: EAN, UPC, GTIN, ISBN-13, SSCC.
  case gs1
  /// ISO 2108:1992, modulo 11.
  case isbn10 = "isbn-10"
  /// ISO 13616: two digits after the country's letters.
  case iban
  /// ISO/IEC 7064 MOD 97-10: two digits at the end, such as an LEI's (ISO 17442).
  case mod97 = "mod-97"
  /// ISO/IEC 7064 MOD 11-2: a digit or X, such as an ORCID iD's.
  case mod11 = "mod-11-2"
  /// 49 CFR 565.15: the ninth character of a North American vehicle identification number.
  case vin
  /// J. Verhoeff, Error Detecting Decimal Codes, 1969: over the dihedral group of order 10.
  case verhoeff

  /// A text with its check characters; blanks, hyphens and other signs count for nothing.
  func completed(_ text: String) -> String {
    let values = text.unicodeScalars.compactMap(Self.value)
    switch self {
    case .luhn: return text + Self.digit(-Self.luhn(values))
    case .npi: return text + Self.digit(-Self.luhn([8, 0, 8, 4, 0] + values))
    case .gs1:
      let sum = values.reversed().enumerated().reduce(0) {
        $0 + $1.element * ($1.offset % 2 == 0 ? 3 : 1)
      }
      return text + Self.digit(-sum)
    case .isbn10:
      let sum = values.reversed().enumerated().reduce(0) { $0 + $1.element * ($1.offset + 2) }
      return text + Self.mark((11 - sum % 11) % 11)
    case .iban:
      let rest = Self.mod97(Array(values.dropFirst(2)) + values.prefix(2) + [0, 0])
      let place = text.unicodeScalars.index(
        text.unicodeScalars.startIndex, offsetBy: 2, limitedBy: text.unicodeScalars.endIndex)
      let two = Self.two(98 - rest)
      return String(text[..<(place ?? text.endIndex)]) + two
        + String(text[(place ?? text.endIndex)...])
    case .mod97: return text + Self.two(98 - Self.mod97(values + [0, 0]))
    case .mod11:
      let sum = values.reduce(0) { ($0 + $1) * 2 % 11 }
      return text + Self.mark((12 - sum) % 11)
    case .vin: return vin(text)
    case .verhoeff:
      var check = 0
      for (place, digit) in values.reversed().enumerated() {
        check = Self.product(check, Self.permuted(digit % 10, place + 1))
      }
      return text + String(Self.inverse[check])
    }
  }

  /// What is wrong with making it of texts of these alphabets; nil where nothing is.
  func problem(with positions: [[Unicode.Scalar]]) -> String? {
    let signs = positions.map { $0.compactMap(Self.value) }
    switch self {
    case .luhn, .npi, .gs1, .isbn10, .mod11, .verhoeff:
      if signs.joined().contains(where: { $0 > 9 }) { return "it is made of digits, not letters" }
      let digits = positions.count { $0.contains { Self.value($0) != nil } }
      if self == .isbn10, digits != 9 { return "it comes after nine digits" }
      if self == .npi, digits != 9 { return "it comes after nine digits" }
    case .iban:
      let letters = positions.prefix(2).allSatisfy { $0.allSatisfy { ("A"..."Z").contains($0) } }
      if positions.count < 3 || !letters { return "it comes after the two letters of a country" }
    case .mod97: break
    case .vin:
      if positions.count != 16 { return "it is put among sixteen characters" }
      let known = Set(Self.vinValues.keys)
      if positions.joined().contains(where: { !known.contains($0) }) {
        return "a vehicle's number has digits and letters but I, O and Q"
      }
    }
    return nil
  }

  // MARK: Sums

  /// Digits as they are, letters from 10.
  private static func value(_ scalar: Unicode.Scalar) -> Int? {
    switch scalar {
    case "0"..."9": Int(scalar.value) - 48
    case "A"..."Z": Int(scalar.value) - 55
    case "a"..."z": Int(scalar.value) - 87
    default: nil
    }
  }

  private static func digit(_ value: Int) -> String { String((value % 10 + 10) % 10) }
  private static func mark(_ value: Int) -> String { value == 10 ? "X" : String(value) }
  private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : String(value) }

  /// The sum to which the check digit is added.
  private static func luhn(_ digits: [Int]) -> Int {
    digits.reversed().enumerated().reduce(0) { sum, item in
      let doubled = item.offset % 2 == 0 ? item.element * 2 : item.element
      return sum + (doubled > 9 ? doubled - 9 : doubled)
    }
  }

  private static func mod97(_ values: [Int]) -> Int {
    values.reduce(0) { rest, value in (rest * (value > 9 ? 100 : 10) + value) % 97 }
  }

  // MARK: Vehicles

  private static let vinValues: [Unicode.Scalar: Int] = {
    var values: [Unicode.Scalar: Int] = [:]
    for digit in 0...9 { values[Unicode.Scalar(UInt8(48 + digit))] = digit }
    for (letters, first) in [("ABCDEFGH", 1), ("JKLMN", 1), ("P", 7), ("R", 9), ("STUVWXYZ", 2)] {
      for (offset, letter) in letters.unicodeScalars.enumerated() {
        values[letter] = first + offset
      }
    }
    return values
  }()
  private static let vinWeights = [8, 7, 6, 5, 4, 3, 2, 10, 9, 8, 7, 6, 5, 4, 3, 2]

  private func vin(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    let sum = zip(scalars, Self.vinWeights).reduce(0) { sum, item in
      sum + (Self.vinValues[item.0] ?? 0) * item.1
    }
    let check = Self.mark(sum % 11)
    var out = String.UnicodeScalarView(scalars.prefix(8))
    out.append(contentsOf: check.unicodeScalars)
    out.append(contentsOf: scalars.dropFirst(8))
    return String(out)
  }

  // MARK: Verhoeff

  private static let inverse = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9]

  /// In the dihedral group: 0 to 4 turn, 5 to 9 turn over.
  private static func product(_ a: Int, _ b: Int) -> Int {
    switch (a < 5, b < 5) {
    case (true, true): (a + b) % 5
    case (true, false): 5 + (a + b - 5) % 5
    case (false, true): 5 + (a - 5 - b + 5) % 5
    case (false, false): (a - b + 5) % 5
    }
  }

  private static func permuted(_ digit: Int, _ times: Int) -> Int {
    let permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    return (0..<times % 8).reduce(digit) { value, _ in permutation[value] }
  }
}
