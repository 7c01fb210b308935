import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Foundation
import Testing

/// Declared columns, from the text of a pipeline file to rows.
@Suite struct RulesTests {
  /// - Parameters:
  ///   - columns: the lines under the key, not indented.
  ///   - key: `columns`, or `tables`.
  static func rules(_ columns: String, under key: String = "columns") throws -> any Generator {
    let lines = columns.split(separator: "\n").map { "            " + $0 }.joined(separator: "\n")
    let text = """
      admix: 1
      name: test
      stages:
        made:
          generate:
            rows: 10
            with:
              rules:
                \(key):
      \(lines)
      """
    let spec = try SpecCompiler(kinds: [Generate.description]).compile(text: text)
    let options = try #require(spec.stages.first?.options["with"]?["rules"])
    var report = Diagnostics()
    let rules = Rules(options, report: &report)
    try report.check()
    return rules
  }

  private static func draw(
    _ columns: String, rows: [Int], seed: UInt64 = 3, attempt: Int = 0
  ) throws -> Batch {
    let rules = try rules(columns)
    let request = SamplingRequest(model: nil, rows: rows.count, seed: seed, salt: "test")
    var report = Diagnostics()
    let batch = try rules.sampler(request).sample(rows, of: "data", attempt: attempt)
    #expect(batch.schema == rules.schemas(learned: nil, report: &report)["data"])
    return batch
  }

  private static func numbers(_ batch: Batch, _ name: String) throws -> [Double?] {
    let column = try #require(batch[name])
    return (0..<column.count).map { row in
      if column.isMissing(row) { return nil }
      return switch column.values {
      case .bool(let bits): bits[row] ? 1 : 0
      case .int(let values), .datetime(let values): Double(values[row])
      case .double(let values): values[row]
      case .date(let values), .category(let values, _): Double(values[row])
      case .text: nil
      }
    }
  }

  private static func texts(_ batch: Batch, _ name: String) throws -> [String] {
    guard case .text(let texts) = try #require(batch[name]).values else { return [] }
    return (0..<texts.count).map { texts[$0] }
  }

  /// Every cell of the named columns, or of all, as text.
  private static func cells(_ batch: Batch, _ names: String...) throws -> [[String]] {
    try (names.isEmpty ? batch.schema.names : names).map { name in
      let numbers = try numbers(batch, name).map { $0.map { "\($0)" } ?? "" }
      let texts = try texts(batch, name)
      return texts.isEmpty ? numbers : texts
    }
  }

  /// Mean, standard deviation, and P(X ≤ q) at some q, from SciPy 1.17 (`scipy.stats`).
  @Test(
    "draws the distribution that was declared",
    arguments: [
      ("normal: {mean: 3, sd: 2}", 3, 2, 2.0, 0.30853754),
      ("lognormal: {mean: 1, sd: 0.5}", 3.08021685, 1.64157185, 3.0, 0.5781741),
      ("uniform: {low: -1, high: 3}", 1, 1.15470054, 0.5, 0.375),
      ("exponential: {mean: 2.5}", 2.5, 2.5, 1.0, 0.32967995),
      ("gamma: {shape: 2, scale: 1.5}", 3, 2.12132034, 2.0, 0.38494001),
      ("beta: {a: 2, b: 5}", 0.28571429, 0.15971914, 0.25, 0.46606445),
      ("weibull: {shape: 1.5, scale: 2}", 1.80549059, 1.22587158, 1.5, 0.47770309),
      ("triangular: {low: 0, mode: 1, high: 4}", 1.66666667, 0.84983659, 1.0, 0.25),
      ("integer: {low: 1, high: 6}", 3.5, 1.70782513, 2, 0.33333333),
      ("poisson: 4", 4, 2, 3, 0.43347012),
      ("binomial: {n: 12, p: 0.3}", 3.6, 1.58745079, 3, 0.49251577),
      ("geometric: 0.25", 4, 3.46410162, 2, 0.4375),
      ("negbinomial: {mean: 3, dispersion: 2}", 3, 2.73861279, 2, 0.5248),
      ("hypergeometric: {good: 7, bad: 13, draws: 12}", 4.2, 1.07213511, 4, 0.60835913),
      ("bernoulli: 0.3", 0.3, 0.45825757, 0, 0.7),
      ("student-t: {df: 5}", 0, 1.29099445, 1, 0.81839127),
      ("wald: {mean: 2, scale: 3}", 2, 1.63299316, 1.51225066, 0.5),
      ("power: {shape: 3}", 0.75, 0.19364917, 0.79370053, 0.5),
      ("f: {df1: 20, df2: 40}", 1.05263158, 0.42251209, 0.98322627, 0.5),
      (
        "mixture: [{weight: 3, of: {normal: {mean: -2}}}, {of: {normal: {mean: 2}}}]", -1, 2, 0,
        0.75
      ),
      (
        "mixture: [{of: {mixture: [{of: {constant: 1}}, {of: {constant: 2}}]}}, {of: {constant: 4}}]",
        2.75, 1.29903811, 1, 0.25
      ),
      (
        "mixture: [{of: {when: [{else: {mixture: [{of: {constant: 1}}, {of: {constant: 2}}]}}]}}, {of: {constant: 4}}]",
        2.75, 1.29903811, 1, 0.25
      ),
      (
        "mixture: [{of: {mixture: [{of: {uniform: {}}}, {of: {uniform: {}}}]}}, {of: {uniform: {}}}]",
        0.5, 0.28867513, 0.1, 0.1
      ),
    ] as [(String, Double, Double, Double, Double)])
  func matchesMoments(text: String, mean: Double, sd: Double, at: Double, share: Double) throws {
    let n = 10_000
    let drawn = try Self.numbers(
      Self.draw("x: {\(text)}", rows: Array(0..<n)), "x"
    ).compactMap { $0 }
    #expect(drawn.count == n)
    let average = drawn.reduce(0, +) / Double(n)
    let variance = drawn.reduce(0) { $0 + ($1 - average) * ($1 - average) } / Double(n)
    let below = Double(drawn.count { $0 <= at }) / Double(n)
    // Four and a half standard errors; the spread's depends on tails, so it has more room.
    #expect((average - mean).magnitude < 4.5 * sd / Double(n).squareRoot())
    #expect((variance.squareRoot() / sd - 1).magnitude < 0.08)
    #expect(
      (below - share).magnitude < 4.5 * (share * (1 - share) / Double(n)).squareRoot() + 1e-9)
  }

  private static let shop = """
    - id: {sequence: {start: 1000, step: 5}, role: id}
    - shipped: {after: {column: placed, gap: {gamma: {shape: 2, scale: 1.5}}, unit: days}}
    - placed: {date: {between: [2024-01-01, 2024-12-31]}}
    - segment: {choice: {retail: 0.8, business: 0.2}}
    - amount:
        given:
          column: segment
          retail: {lognormal: {mean: 3, sd: 0.5}}
          else: {lognormal: {mean: 6, sd: 0.5}}
        round: 0.01
    - vip: {bernoulli: {p: "if(amount > 100, 0.9, 0.1)"}}
    - code: {pattern: {text: "[A-C]{2}-\\\\d{2}", unique: true}, role: id}
    - note: {pattern: "[a-z]{8}", missing: 0.25}
    - total: {expression: "amount * 1.2 + if(vip, 0, 4.5)", round: 0.01}
    - day: {sequence: {start: 2024-02-28, step: 1}}
    - hour: {sequence: {start: '2024-02-28 22:00', step: 2, unit: hours}}
    """

  /// Columns may stand in any order; what depends on others is made after them.
  @Test func relatesColumnsAsDeclared() throws {
    let n = 900
    let batch = try Self.draw(Self.shop, rows: Array(0..<n))
    #expect(
      batch.schema.names
        == [
          "id", "shipped", "placed", "segment", "amount", "vip", "code", "note", "total", "day",
          "hour",
        ])
    let placed = try Self.numbers(batch, "placed").compactMap { $0 }
    let shipped = try Self.numbers(batch, "shipped").compactMap { $0 }
    #expect(zip(placed, shipped).allSatisfy { $0 < $1 } && shipped.count == n)
    #expect(placed.allSatisfy { $0 >= 19_723 && $0 <= 20_088 })
    #expect(try Self.numbers(batch, "id") == (0..<n).map { Double(1_000 + 5 * $0) })
    let segments = batch.schema["segment"]?.categories ?? []
    let amounts = try Self.numbers(batch, "amount").compactMap { $0 }
    let segment = try Self.numbers(batch, "segment").map { segments[Int($0 ?? 0)] }
    // ln 1 % of either is more than four deviations from e^4.5.
    let isSplit = zip(amounts, segment).count { ($0 > 90) == ($1 == "business") }
    #expect(Double(isSplit) > 0.99 * Double(n))
    #expect(amounts.allSatisfy { ($0 * 100).rounded() / 100 == $0 })
    let vip = try Self.numbers(batch, "vip").map { $0 == 1 }
    let rich = zip(amounts, vip).filter { $0.0 > 100 }
    let share = Double(rich.count { $0.1 }) / Double(rich.count)
    #expect((share - 0.9).magnitude < 4.5 * (0.09 / Double(rich.count)).squareRoot())
    let totals = try Self.numbers(batch, "total").compactMap { $0 }
    #expect(
      zip(totals, zip(amounts, vip)).allSatisfy {
        ($0 - (($1.0 * 1.2 + ($1.1 ? 0 : 4.5)) * 100).rounded() / 100).magnitude < 0.0051
      })
    let codes = try Self.texts(batch, "code")
    #expect(Set(codes).count == n)
    #expect(codes.allSatisfy { $0.wholeMatch(of: /[A-C]{2}-[0-9]{2}/) != nil })
    let gaps = (0..<n).count { batch["note"]?.isMissing($0) ?? false }
    #expect((Double(gaps) / Double(n) - 0.25).magnitude < 4.5 * (0.1875 / Double(n)).squareRoot())
    let days = try Self.numbers(batch, "day")
    #expect(days == (0..<n).map { Double(19_781 + $0) })
    let hours = try Self.numbers(batch, "hour")
    #expect(hours[0] == 1_709_157_600e6 && hours[1] == 1_709_164_800e6)
  }

  @Test func aRowIsTheSameWhateverItIsDrawnWith() throws {
    let whole = try Self.draw(Self.shop, rows: Array(0..<300))
    let rows = [299, 7, 120, 8]
    let some = try Self.draw(Self.shop, rows: rows)
    #expect(try Self.cells(some) == Self.cells(whole.taking(rows)))
    #expect(try Self.cells(Self.draw(Self.shop, rows: rows, seed: 4)) != Self.cells(some))
    // Another attempt has other values, but the same keys; a pattern that is no key moves too.
    let again = try Self.draw(Self.shop, rows: rows, attempt: 1)
    #expect(try Self.cells(again, "id", "code") == Self.cells(some, "id", "code"))
    #expect(try Self.cells(again, "amount") != Self.cells(some, "amount"))
    #expect(try Self.texts(again, "note") != Self.texts(some, "note"))
  }

  @Test func truncatesToBoundsWithoutPilingUp() throws {
    let batch = try Self.draw(
      "x: {normal: {mean: 0, sd: 1}, bounds: [0.5, 2]}", rows: Array(0..<5_000))
    let x = try Self.numbers(batch, "x").compactMap { $0 }
    #expect(x.allSatisfy { $0 >= 0.5 && $0 <= 2 } && Set(x).count > 4_990)
    // (φ(½) − φ(2)) / (Φ(2) − Φ(½)).
    #expect((x.reduce(0, +) / 5_000 - 1.04295).magnitude < 0.025)
  }

  @Test(
    "says what is wrong, once, at its place",
    arguments: [
      ("a: {normal: {}}\nb: {normal: {mean: c}}\nc: {expression: b + 1}", "AX0652", 11),
      ("a: {expression: a + 1}", "AX0652", 10),
      ("a: {expression: nothing + 1}\nb: {expression: a * 2}", "AX0512", 10),
      ("a: {constant: 3}\nb: {expression: \"a + 'x'\"}", "AX0510", 11),
      ("a: {beta: {a: 1}}", "AX0650", 10),
      ("a: {normal: {sd: -1}}", "AX0650", 10),
      ("a: {normal: {}}\nb: {after: {column: a, gap: {poisson: 2}}}", "AX0647", 11),
      ("a: {when: [{if: 'true', then: 1}]}", "AX0648", 10),
      ("a: {choice: [x, y]}\nb: {given: {column: a, z: 1}}", "AX0649", 11),
      ("a: {mixture: []}", "AX0648", 10),
      ("a: {mixture: [{weight: 0, of: {constant: 1}}]}", "AX0648", 10),
      ("a: {mixture: [{of: {normal: {}}}, {of: {constant: x}}]}", "AX0648", 10),
      ("a: {mixture: [{of: {normal: {mean: b}}}]}\nb: {mixture: [{of: a + 1}]}", "AX0652", 10),
      ("a: {sequence: {start: soon}}", "AX0646", 10),
      ("a: {sequence: {start: 3, unit: hours}}", "AX0646", 10),
    ])
  func refuses(columns: String, code: String, line: Int) throws {
    let failure = #expect(throws: Diagnostics.self) { _ = try Self.rules(columns) }
    #expect(failure?.items.map(\.code) == [code])
    #expect(failure?.items.first?.span?.line == line)
  }

  /// The last column in row 0, or what is said where it cannot be made; with a chain of so many columns
  /// after `d0`, each 9,999,999 days after the one before.
  @Test(
    "makes the row, or says why not",
    arguments: [
      (
        "d: {sequence: {start: 2024-01-01}}\na: {after: {column: d, gap: {constant: -1.0e+30}}}", 0,
        "19724.0"
      ),
      (
        "d: {sequence: {start: '2024-01-01 00:00:00', unit: hours}}\na: {after: {column: d, gap: {normal: {mean: -1.0e+30}}, unit: hours}}",
        0, "1704067200000001.0"
      ),
      ("d0: {sequence: {start: '2024-01-01 00:00:00', unit: hours}}", 13, "AX0651"),
      ("d0: {sequence: {start: 2024-01-01}}", 215, "AX0651"),
      ("a.b: {constant: 2}\nz: {expression: a.b + 1}", 0, "3.0"),
      ("z: {expression: a.b + 1}\na.b: {constant: 2}\na: {expression: z * a.b}", 0, "6.0"),
    ])
  func makesOrSays(columns: String, links: Int, expected: String) throws {
    let chain = (0..<links).map {
      "\nd\($0 + 1): {after: {column: d\($0), gap: {constant: 9999999}, unit: days}}"
    }
    var found = ""
    do {
      let batch = try Self.draw(columns + chain.joined(), rows: [0])
      found = try Self.cells(batch, try #require(batch.schema.names.last))[0][0]
    } catch let problem as Diagnostic { found = problem.code }
    #expect(found == expected)
  }

  /// Numbers that standards and registries give as examples.
  @Test(
    "gives identifiers the check characters of their standard",
    arguments: [
      ("luhn", "7992739871", "79927398713"), ("luhn", "411111111111111", "4111111111111111"),
      ("luhn", "49015420323751", "490154203237518"),
      ("npi", "123456789", "1234567893"), ("gs1", "400638133393", "4006381333931"),
      ("gs1", "978030640615", "9780306406157"), ("gs1", "03600029145", "036000291452"),
      ("isbn-10", "030640615", "0306406152"), ("isbn-10", "097522980", "097522980X"),
      ("iban", "GBWEST12345698765432", "GB82WEST12345698765432"),
      ("iban", "DE370400440532013000", "DE89370400440532013000"),
      ("iban", "FR20041010050500013M02606", "FR1420041010050500013M02606"),
      ("iban", "NO86011117947", "NO9386011117947"),
      ("mod-97", "7LTWFZYICNSX8D621K", "7LTWFZYICNSX8D621K86"),
      ("mod-11-2", "0000-0002-1825-009", "0000-0002-1825-0097"),
      ("mod-11-2", "0000-0002-1694-233", "0000-0002-1694-233X"),
      ("vin", "1M8GDM9AKP042788", "1M8GDM9AXKP042788"),
      ("vin", "1111111111111111", "11111111111111111"),
      ("verhoeff", "236", "2363"), ("verhoeff", "12345", "123451"),
      ("verhoeff", "142857", "1428570"),
    ])
  func checks(name: String, text: String, complete: String) throws {
    // A pattern that makes this text and no other.
    let pattern = text.map { $0 == "-" ? "-" : "[\($0)]" }.joined()
    let batch = try Self.draw("- id: {pattern: {text: '\(pattern)', check: \(name)}}", rows: [4])
    #expect(try Self.texts(batch, "id") == [complete])
  }

  @Test(arguments: [
    ("card", 16), ("ean-13", 13), ("iban", 22), ("{kind: iban, country: GB}", 22),
    ("{kind: iban, country: FR}", 27), ("icd-10", 5), ("imei", 15), ("isbn-13", 13), ("lei", 20),
    ("npi", 10), ("orcid", 19), ("phone", 15), ("ssn", 11), ("vin", 17),
  ])
  func identifiersHaveTheirLength(kind: String, length: Int) throws {
    let ids = try Self.texts(
      Self.draw("- id: {identifier: \(kind)}", rows: Array(0..<300)), "id")
    #expect(ids.allSatisfy { $0.count == length } && Set(ids).count > 250, "\(ids.prefix(2))")
    let unique =
      kind.hasPrefix("{") ? kind.dropLast() + ", unique: true}" : "{kind: \(kind), unique: true}"
    // Some have more forms than 62 bits count, and say so.
    if ["card", "imei", "npi", "ssn"].contains(kind) {
      let all = try Self.texts(
        Self.draw("- id: {identifier: \(unique)}", rows: Array(0..<20_000)), "id")
      #expect(Set(all).count == 20_000)
    }
  }

  @Test func namesAreManyAndWords() throws {
    let kinds = ["given", "family", "person", "place", "street", "address", "company"]
    let batch = try Self.draw(
      kinds.map { "- \($0): {name: \($0)}" }.joined(separator: "\n"), rows: Array(0..<2_000))
    for kind in kinds {
      let names = try Self.texts(batch, kind)
      #expect(Set(names).count > 1_500, "\(kind)")
      #expect(names.allSatisfy { $0.count >= 4 && !$0.hasSuffix(" ") })
    }
  }

  @Test func timesFollowTheClockAndTheCalendar() throws {
    let batch = try Self.draw(
      """
      - at: {datetime: {between: ['2024-01-01 00:00', '2024-12-31 23:59'], hours: {9-16: 3, 22-1: 1}, weekdays: {mon-fri: 1, sat: 0.5}, months: {dec: 4, else: 1}, holidays: [2024-12-25, 2024-12-26]}}
      - day: {date: {between: [2024-01-01, 2024-12-31], weekdays: {sat-sun: 1}}}
      - edge: {datetime: {between: ['2024-03-04 09:30', '2024-03-04 10:29:59'], hours: {9: 1, 10: 3}}}
      """, rows: Array(0..<20_000))
    let at = try Self.numbers(batch, "at").compactMap { $0.map { Int64($0) } }
    #expect(at.count == 20_000)
    var hours = [Int](repeating: 0, count: 24)
    var weekdays = [Int](repeating: 0, count: 7)
    var december = 0
    for moment in at {
      let day = CivilDate.day(moment)
      hours[Int(CivilDate.timeOfDay(moment) / 3_600_000_000)] += 1
      weekdays[Int((day + 3) % 7)] += 1
      let parts = CivilDate.parts(Int(day))
      #expect(!(parts.month == 12 && (25...26).contains(parts.day)))
      december += parts.month == 12 ? 1 : 0
    }
    for (hour, count) in hours.enumerated() {
      let weight = (9...16).contains(hour) ? 3.0 : hour >= 22 || hour <= 1 ? 1 : 0
      #expect(abs(Double(count) / 20_000 - weight / 28) < 0.01, "hour \(hour)")
    }
    #expect(weekdays[6] == 0 && abs(Double(weekdays[5]) / 20_000 - 0.5 / 5.5) < 0.02)
    // December has 20 week days without the holidays and 4 Saturdays, four times as dense as the other
    // 240 week days and 48 Saturdays.
    #expect(abs(Double(december) / 20_000 - 88.0 / (88 + 264)) < 0.015)
    let days = try Self.numbers(batch, "day").compactMap { $0.map { Int($0) } }
    #expect(days.allSatisfy { ($0 + 3) % 7 >= 5 } && Set(days).count == 104)
    let edge = try Self.numbers(batch, "edge").compactMap { $0 }
    let ten = 1_709_546_400_000_000.0
    #expect(edge.allSatisfy { $0 >= ten - 1.8e9 && $0 < ten + 1.8e9 })
    #expect(abs(Double(edge.count { $0 >= ten }) / 20_000 - 0.75) < 0.02)
  }

  @Test func plantedPatternsLeaveTheOtherRowsAlone() throws {
    let columns = """
      - amount: {lognormal: {mean: 3, sd: 1}, round: 0.01}
      - hour: {when: [{if: amount > 30, then: {integer: {low: 9, high: 17}}}, {else: {integer: {low: 0, high: 23}}}]}
      - code: {pattern: '[A-Z]{6}'}
      """
    let plain = try Self.draw(columns, rows: Array(0..<40_000))
    func planted(_ kind: String) throws -> Batch {
      let lines = """
        admix: 1
        name: test
        stages:
          made:
            generate:
              rows: 10
              with:
                rules:
                  plant:
                    label: fraud
                    \(kind)
                    patterns:
                      testing: {share: 0.01, set: {amount: {uniform: {low: 0.5, high: 2}}, hour: 3}}
                      takeover: {share: 0.02, set: {amount: {normal: {mean: 900, sd: 5}}}}
                  columns:
        """
      let text =
        lines + "\n"
        + columns.split(separator: "\n").map { "            " + $0 }.joined(separator: "\n")
      let spec = try SpecCompiler(kinds: [Generate.description]).compile(text: text)
      let options = try #require(spec.stages.first?.options["with"]?["rules"])
      var report = Diagnostics()
      let rules = Rules(options, report: &report)
      try report.check()
      let request = SamplingRequest(model: nil, rows: 40_000, seed: 3, salt: "test")
      return try rules.sampler(request).sample(Array(0..<40_000), of: "data", attempt: 0)
    }
    let batch = try planted("kind: pattern")
    #expect(batch.schema.names == ["amount", "hour", "code", "pattern", "fraud"])
    #expect(try planted("").schema.names == ["amount", "hour", "code", "fraud"])
    let fraud = try Self.numbers(batch, "fraud")
    let pattern = try Self.numbers(batch, "pattern")
    let categories = try #require(batch.schema["pattern"]?.categories)
    let amount = try Self.numbers(batch, "amount")
    let hour = try Self.numbers(batch, "hour")
    let before = (try Self.numbers(plain, "amount"), try Self.numbers(plain, "hour"))
    #expect(try Self.texts(batch, "code") == Self.texts(plain, "code"))
    var counts = [0, 0]
    for row in 0..<40_000 {
      guard let kind = pattern[row] else {
        #expect(fraud[row] == 0 && amount[row] == before.0[row] && hour[row] == before.1[row])
        continue
      }
      #expect(fraud[row] == 1)
      let isTesting = categories[Int(kind)] == "testing"
      counts[isTesting ? 0 : 1] += 1
      let value = try #require(amount[row])
      #expect(isTesting ? (0.5...2).contains(value) && hour[row] == 3 : value > 850)
    }
    #expect(abs(counts[0] - 400) < 80 && abs(counts[1] - 800) < 110)
  }
}
