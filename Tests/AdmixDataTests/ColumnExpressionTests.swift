import AdmixData
import AdmixExpression
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// Expressions over columns: what they compute row by row, what they refuse, and where.
struct ColumnExpressionTests {
  private static let span = SourceSpan(file: "p.yaml", line: 3, column: 10)

  /// Four rows; the third misses every value.
  private static let table = Table.batch([
    ("i", .int, [7, -7, nil, .int(.max)]), ("z", .int, [2, 0, nil, -3]),
    ("d", .double, [2.5, -0.3, nil, 1e308]), ("s", .text, ["Straße", "e\u{301}a", nil, ""]),
    ("c", .category, ["a", "b", nil, "a"]), ("b", .bool, [true, false, nil, true]),
    ("day", .date, ["2024-02-29", "1969-12-31", nil, "2000-01-01"]),
    (
      "t", .datetime,
      ["2024-02-29T23:59:59.250000", "1969-12-31T00:00:01", nil, "2000-01-01T12:30:00"]
    ),
    ("hours-per-week", .int, [40, 20, nil, 0]),
  ])

  private static func value(_ text: String) throws -> [JSONValue] {
    var report = Diagnostics()
    guard
      let expression = ColumnExpression(text, at: span, schema: table.schema, report: &report)
    else { throw report }
    let column = try expression.evaluate(table)
    guard column.type == expression.type, column.count == table.rows else {
      throw Diagnostic.error("AX0901", "\(text): \(column.type) instead of \(expression.type)")
    }
    return Table.cells(column)
  }

  /// Division and remainder are those of Python 3.11 and numpy 2, days of the week pandas'.
  private static let computed: [(String, [JSONValue])] = [
    // Precedence.
    ("z + 2 * z", [6, 0, nil, -9]), ("(z + 2) * z", [8, 0, nil, 3]),
    ("-z ** 2", [-4.0, -0.0, nil, -9.0]),
    ("2 ** -1 * d < 2", [true, true, nil, false]), ("not z == 0 and b", [true, false, nil, true]),
    ("b or z == 0 and false", [true, false, nil, true]), ("10 - 3 - z", [5, 7, nil, 10]),
    ("2 ** 3 ** 0", [2.0, 2.0, 2.0, 2.0]),
    // Whole numbers.
    ("i // 2", [3, -4, nil, 4_611_686_018_427_387_903]), ("i % 2", [1, 1, nil, 1]),
    ("i % -2", [-1, -1, nil, -1]), ("7 // z", [3, nil, nil, -3]), ("7 % z", [1, nil, nil, -2]),
    ("i / z", [3.5, nil, nil, .double(-0x1p63 / 3)]), ("-i", [-7, 7, nil, .int(-.max)]),
    ("abs(-z)", [2, 0, nil, 3]), ("min(i, z)", [2, -7, nil, -3]),
    ("max(z, 0.5)", [2.0, 0.5, nil, 0.5]),
    ("9007199254740993 == 9007199254740992.0", [false, false, false, false]),
    ("i > 9223372036854775806.0", [false, false, nil, false]),
    ("i <= 9223372036854775807", [true, true, nil, true]),
    // Fractions; what is not a finite number is missing.
    ("d // 0.1", [24.0, -3.0, nil, nil]), ("d % 1", [0.5, 0.7, nil, 0.0]),
    ("d * 10", [25.0, -3.0, nil, nil]), ("d / 0", [nil, nil, nil, nil]),
    ("1 // 0.1 + z * 0", [9.0, 9.0, nil, 9.0]),
    ("z * 0 + 1 % 0.1", [0.09999999999999995, 0.09999999999999995, nil, 0.09999999999999995]),
    ("7.5 // (z * 0 - 2)", [-4.0, -4.0, nil, -4.0]),
    ("7.5 % (z * 0 - 2)", [-0.5, -0.5, nil, -0.5]),
    ("sqrt(d)", [.double(2.5.squareRoot()), nil, nil, 1e154]),
    ("log(z)", [.double(log(2)), nil, nil, nil]),
    ("exp(d)", [.double(exp(2.5)), .double(exp(-0.3)), nil, nil]),
    ("d ** 0.5", [.double(2.5.squareRoot()), nil, nil, 1e154]),
    ("round(d)", [3, 0, nil, nil]), ("round(d, 0)", [3.0, 0.0, nil, 1e308]),
    ("round(-2.5) + z * 0", [-3, -3, nil, -3]),
    ("round(d * 1.001, 2)", [2.5, -0.3, nil, 1.001e308]),
    ("round(1234.5 + z * 0, -2)", [1200.0, 1200.0, nil, 1200.0]),
    ("round(d, 400)", [2.5, -0.3, nil, 1e308]), ("floor(d)", [2, -1, nil, nil]),
    ("ceil(d)", [3, 0, nil, nil]),
    // Missing values: Kleene's logic, and what sees them.
    ("b and true", [true, false, nil, true]), ("b and false", [false, false, false, false]),
    ("b or true", [true, true, true, true]), ("not b", [false, true, nil, false]),
    ("i is null", [false, false, true, false]), ("s is not missing", [true, true, false, true]),
    ("coalesce(i, z, 5)", [7, -7, 5, .int(.max)]),
    ("if(b, 'yes', 'no')", ["yes", "no", "no", "yes"]),
    ("if(z > 0, z, null)", [2, nil, nil, nil]), ("z in [2, null]", [true, false, nil, false]),
    ("z not in [2, 0.0]", [false, false, nil, true]),
    ("c in ['a', 'x']", [true, false, nil, true]),
    ("c in []", [false, false, nil, false]), ("'a' == c", [true, false, nil, true]),
    // A written null, wherever it stands.
    ("null + 1", [nil, nil, nil, nil]), ("-null + z", [nil, nil, nil, nil]),
    ("z == null", [nil, nil, nil, nil]),
    ("null in [1]", [nil, nil, nil, nil]), ("lower(null)", [nil, nil, nil, nil]),
    ("length(null) > 3", [nil, nil, nil, nil]),
    ("matches(null, 'x')", [nil, nil, nil, nil]), ("date(null)", [nil, nil, nil, nil]),
    ("text(null)", [nil, nil, nil, nil]),
    ("s + null", [nil, nil, nil, nil]), ("min(z, null)", [nil, nil, nil, nil]),
    ("not null or b", [true, nil, nil, true]),
    ("coalesce(null, z)", [2, 0, nil, -3]), ("if(null, 1, 2)", [2, 2, 2, 2]),
    ("null is null", [true, true, true, true]),
    // Texts, by bytes and scalars.
    ("length(s)", [6, 3, nil, 0]), ("upper(s)", ["STRASSE", "E\u{301}A", nil, ""]),
    ("s == 'éa'", [false, false, nil, false]),
    ("contains(s, 'e')", [true, true, nil, false]),
    ("starts_with(s, 'e')", [false, true, nil, false]),
    ("ends_with(s, 'aße')", [true, false, nil, false]),
    ("contains(s, '')", [true, true, nil, true]),
    ("replace(s, 'a', 'aa')", ["Straaße", "e\u{301}aa", nil, ""]),
    ("replace(c, 'a', s)", ["Straße", "b", nil, ""]),
    ("s + '-' + c", ["Straße-a", "e\u{301}a-b", nil, "-a"]),
    ("concat(c, c)", ["aa", "bb", nil, "aa"]),
    ("s < 'e\u{302}'", [true, true, nil, true]), ("c >= 'b'", [false, true, nil, false]),
    ("s < c", [true, false, nil, true]),
    ("matches(s, '...')", [false, true, nil, false]),
    ("matches(c, 'a|x')", [true, false, nil, true]),
    ("trim('  a ')", ["a", "a", "a", "a"]), ("'it''s' == s", []),
    ("`hours-per-week` - 1", [39, 19, nil, -1]),
    ("hours-per-week + 1", [41, 21, nil, 1]),
    // Dates.
    ("year(day)", [2024, 1969, nil, 2000]), ("month(t)", [2, 12, nil, 1]),
    ("day(day)", [29, 31, nil, 1]),
    ("weekday(day)", [4, 3, nil, 6]), ("hour(t)", [23, 0, nil, 12]),
    ("day + 1", ["2024-03-01", "1970-01-01", nil, "2000-01-02"]),
    ("day - date('2024-01-01')", [59, -19724, nil, -8766]),
    ("day > '2000-01-01'", [true, false, nil, false]),
    ("t < '2000-01-01 12:30:00.000001'", [false, true, nil, true]),
    ("t == day", [false, false, nil, false]),
    ("day <= t", [true, true, nil, true]), ("days_between(day, t)", [0, 0, nil, 0]),
    ("day in ['2024-02-29']", [true, false, nil, false]),
    ("'2024-02-29' in [day]", [true, false, false, false]),
    ("'2000-01-01' not in [day, t]", [true, true, true, false]),
    ("'2000-01-01 12:30:00' in ['2024-02-29', t, day]", [false, false, false, true]),
    ("text(t)", ["2024-02-29T23:59:59.250000", "1969-12-31T00:00:01", nil, "2000-01-01T12:30:00"]),
    ("date(text(day)) == day", [true, true, nil, true]), ("date(s)", [nil, nil, nil, nil]),
    // From one type to another.
    ("int(d)", [2, 0, nil, nil]), ("double(z)", [2.0, 0.0, nil, -3.0]),
    ("text(d)", ["2.5", "-0.3", nil, "1e+308"]),
    ("text(b)", ["true", "false", nil, "true"]), ("c", ["a", "b", nil, "a"]),
    ("int('0x10')", [nil, nil, nil, nil]), ("double('nan')", [nil, nil, nil, nil]),
    ("int('-12.9')", [-12, -12, -12, -12]), ("int(b)", [1, 0, nil, 1]),
  ]

  @Test func computesRowByRow() throws {
    for (text, expected) in Self.computed {
      if expected.isEmpty {
        #expect(throws: Diagnostics.self, "\(text)") { try Self.value(text) }
        continue
      }
      let found = Result { try Self.value(text) }
      #expect((try? found.get()) == expected, "\(text): \(found)")
    }
  }

  /// Code, column in the file, and a part of the fact or hint.
  private static let refused: [(String, String, Int, String)] = [
    ("zz + 1", "AX0512", 10, "did you mean 'z'"), ("i-z", "AX0512", 10, "blanks around '-'"),
    ("1 + s", "AX0510", 10, "a number and a text"),
    ("z + (s * 2)", "AX0510", 15, "'*' needs numbers"),
    ("not z", "AX0510", 10, "'not' needs"), ("-s", "AX0510", 10, "'-' needs a number"),
    ("b and z", "AX0510", 10, "true or false and a number"),
    ("z == 'a'", "AX0510", 10, "cannot be compared"),
    ("day > 'soon'", "AX0510", 16, "is not a date"),
    ("z in ['a']", "AX0510", 10, "cannot be compared"),
    ("'2024-02-29' in [s, day]", "AX0510", 10, "cannot be compared"),
    ("'soon' in [day]", "AX0510", 10, "is not a date"),
    ("[1] == z", "AX0510", 10, "after 'in'"), ("z in z", "AX0502", 15, "a list"),
    ("lower(z)", "AX0510", 16, "needs texts"), ("year(s)", "AX0510", 10, "needs a date"),
    ("hour(day)", "AX0510", 10, "a date with time"), ("matches(s, c)", "AX0510", 21, "written out"),
    ("matches(s, '(')", "AX0510", 21, "regular expression"),
    ("if(z, 1, 2)", "AX0510", 13, "decides by"),
    ("if(b, 1, 'a')", "AX0510", 10, "mixes"), ("abs()", "AX0510", 10, "is written abs(x)"),
    ("length(s, s)", "AX0510", 10, "is written"),
    ("lenght(s)", "AX0504", 10, "did you mean 'length'"),
    ("null", "AX0510", 10, "always missing"), ("b +", "AX0502", 13, "the end"),
    ("coalesce(null, null)", "AX0510", 10, "always missing"),
    ("z & b", "AX0501", 12, "write 'and'"),
    ("z \u{1b} 1", "AX0501", 12, "U+1B"), ("1 + not b", "AX0502", 14, "'not' is not expected"),
    // At run: the row is named, its values are not.
    ("i + 1", "AX0513", 10, "row 3"), ("i * i", "AX0513", 10, "row 3"),
    ("-i - 2 + z * 0", "AX0513", 10, "row 3"),
    ("day + 3000000000", "AX0513", 10, "row 0"),
  ]

  @Test func refusesWithThePlace() {
    for (text, code, column, words) in Self.refused {
      var found = Diagnostics()
      do { _ = try Self.value(text) } catch let report as Diagnostics { found = report } catch let
        problem as Diagnostic
      { found = Diagnostics([problem]) } catch {}
      let first = found.items.first
      let said = [first?.fact, first?.cause, first?.hint].compactMap { $0 }.joined(separator: " ")
      #expect(
        first?.code == code && first?.span?.column == column && said.contains(words),
        "\(text): \(found)")
    }
  }

  /// A date of another program may lie further away than microseconds reach.
  @Test func farDatesAreComparedAndCounted() throws {
    let days = Column(.date(Buffer([Int32.max, .min, 0])))
    let batch = Batch(schema: Schema([ColumnSchema("day", .date)]), columns: [days])
    var report = Diagnostics()
    for (text, expected): (String, [JSONValue]) in [
      ("day > '2024-01-01 00:00:00'", [true, false, false]),
      ("day - date('1970-01-01')", [2_147_483_647, -2_147_483_648, 0]),
      ("year(day)", [5_881_580, -5_877_641, 1970]),
    ] {
      let expression = try #require(
        ColumnExpression(text, at: Self.span, schema: batch.schema, report: &report))
      #expect(Table.cells(try expression.evaluate(batch)) == expected, "\(text)")
    }
    #expect(CivilDate.text(microseconds: .min).hasPrefix("-290308-12-21T19:59:05"))
  }

  @Test func notANumberIsMissing() throws {
    let numbers = Column(.double(Buffer([1, .nan, .infinity])))
    let batch = Batch(schema: Schema([ColumnSchema("x", .double)]), columns: [numbers])
    var report = Diagnostics()
    for (text, expected): (String, [JSONValue]) in [
      ("x is null", [false, true, false]), ("x > 0", [true, nil, true]),
      ("x - x", [0.0, nil, nil]), ("coalesce(x, 7) == 7", [false, true, false]),
    ] {
      let expression = try #require(
        ColumnExpression(text, at: Self.span, schema: batch.schema, report: &report))
      #expect(Table.cells(try expression.evaluate(batch)) == expected, "\(text)")
    }
  }

  /// The same row by itself and among others; a column constant or not; written or not.
  @Test func aRowDoesNotDependOnItsNeighbours() throws {
    var report = Diagnostics()
    for (text, expected) in Self.computed where !expected.isEmpty {
      let expression = try #require(
        ColumnExpression(text, at: Self.span, schema: Self.table.schema, report: &report))
      let alone = try (0..<Self.table.rows).flatMap {
        Table.cells(try expression.evaluate(Self.table.taking([$0])))
      }
      #expect(alone == expected, "\(text)")
      #expect(try expression.evaluate(Self.table.taking([])).count == 0, "\(text)")
    }
  }

  @Test func replaysWhatFuzzingFound() throws {
    let root = testsFolder.appendingPathComponent("Fuzz/corpus/expression")
    let files = try FileManager.default.contentsOfDirectory(atPath: root.path).sorted()
    #expect(files.count > 20)
    for file in files {
      let bytes = Array(try Data(contentsOf: root.appendingPathComponent(file)))
      #expect(ExpressionProbe.complaint(about: bytes) == nil, "\(file)")
    }
  }

  @Test func holdsForAnyWords() {
    let words = [
      "i", "z", "d", "s", "c", "b", "day", "t", "`odd name`", "1", "0", "2.5", "'a'", "null",
      "true",
      "(", ")", "[", "]", ",", ".", " + ", "-", " - ", "*", "/", "//", "%", "**", " == ", "<", ">=",
      " in ", " not in ", "not ", " and ", " or ", " is null", "if(", "coalesce(", "lower(", "abs(",
      "min(", "date(", "int(", "text(", "f.", "é", "\u{0}", "\\", "'",
    ]
    forEverySeed(4000) { random in
      let text = (0..<Int.random(in: 1...9, using: &random)).map { _ in
        words[Int.random(in: 0..<words.count, using: &random)]
      }.joined()
      guard let complaint = ExpressionProbe.complaint(about: Array(text.utf8)) else { return true }
      Issue.record("\(text): \(complaint)")
      return false
    }
  }
}
