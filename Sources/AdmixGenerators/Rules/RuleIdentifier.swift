/// Identifiers that people know, as patterns with their check characters.
///
/// Where a scheme keeps a range that nobody is given, numbers are taken from it, so that no row is
/// somebody's by accident.
struct RuleIdentifier: Sendable {
  var name: String
  var summary: String
  var pattern: String
  var check: RuleCheck?

  private init(_ name: String, _ summary: String, _ pattern: String, _ check: RuleCheck? = nil) {
    self.name = name
    self.summary = summary
    self.pattern = pattern
    self.check = check
  }

  static let all: [RuleIdentifier] = [
    .init("card", "16 digits of no issuer (ISO/IEC 7812)", "9[0-9]{14}", .luhn),
    .init("ean-13", "restricted circulation numbers (GS1)", "2[0-9]{11}", .gs1),
    .init("iban", "of a `country` (ISO 13616)", "", .iban),
    .init("icd-10", "a category with one digit, by its form alone", "[A-TV-Z][0-9]{2}\\.[0-9]"),
    .init("imei", "of the test range", "00[0-9]{12}", .luhn),
    .init("isbn-13", "", "979[0-9]{9}", .gs1),
    .init("lei", "ISO 17442", "[0-9A-Z]{18}", .mod97),
    .init("npi", "US national provider", "1[0-9]{8}", .npi),
    .init("orcid", "", "0009-[0-9]{4}-[0-9]{4}-[0-9]{3}", .mod11),
    .init("phone", "US numbers kept for fiction", "\\+1-[2-9][0-9]{2}-555-01[0-9]{2}"),
    .init("ssn", "US social security, of an area never assigned", "000-[0-9]{2}-[0-9]{4}"),
    .init("vin", "49 CFR 565", "[A-HJ-NPR-Z0-9]{16}", .vin),
  ]

  static let byName: [String: RuleIdentifier] = Dictionary(all.map { ($0.name, $0) }) { $1 }

  /// What follows country and check digits, from the IBAN registry (ISO 13616, SWIFT); check digits that
  /// some countries have within are drawn like the others.
  static let countries: [String: String] = [
    "AT": "[0-9]{16}", "BE": "[0-9]{12}", "CH": "[0-9]{5}[0-9A-Z]{12}", "CZ": "[0-9]{20}",
    "DE": "[0-9]{18}", "DK": "[0-9]{14}", "ES": "[0-9]{20}", "FI": "[0-9]{14}",
    "FR": "[0-9]{10}[0-9A-Z]{11}[0-9]{2}", "GB": "[A-Z]{4}[0-9]{14}", "HU": "[0-9]{24}",
    "IE": "[A-Z]{4}[0-9]{14}", "IT": "[A-Z][0-9]{10}[0-9A-Z]{12}",
    "LU": "[0-9]{3}[0-9A-Z]{13}", "NL": "[A-Z]{4}[0-9]{10}", "NO": "[0-9]{11}",
    "PL": "[0-9]{24}", "PT": "[0-9]{21}", "SE": "[0-9]{20}",
  ]
}
