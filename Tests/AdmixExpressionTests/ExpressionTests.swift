import AdmixExpression
import AdmixModel
import AdmixTestSupport
import Testing

struct ExpressionTests {
  private static let span = SourceSpan(file: "p.yaml", line: 3, column: 10)

  private func parse(_ text: String) -> (Expression?, Diagnostics) {
    var report = Diagnostics()
    let expression = Expression.parse(text, at: Self.span, report: &report)
    return (expression, report)
  }

  @Test(
    "has one spelling",
    arguments: [
      ("disparate_impact( sex )<0.8", "disparate_impact(sex) < 0.8"),
      ("against.disparate_impact(sex, race)", "against.disparate_impact(sex, race)"),
      ("privacy.dcr.closer_share > 0.55", "privacy.dcr.closer_share > 0.55"),
      ("hours-per-week <= 99", "hours-per-week <= 99"), ("a - b", "a - b"), ("a-b", "a-b"),
      ("a -b", "a - b"),
      ("`capital gain` + 1", "`capital gain` + 1"), ("`and` == 1", "`and` == 1"),
      ("1 + 2 * 3", "1 + 2 * 3"), ("(1 + 2) * 3", "(1 + 2) * 3"), ("a - (b - c)", "a - (b - c)"),
      ("(a - b) - c", "a - b - c"), ("-2 ** 2", "-2 ** 2"), ("(-2) ** 2", "(-2) ** 2"),
      ("2 ** -1", "2 ** -1"),
      ("not a or b and c", "not a or b and c"), ("not (a or b)", "not (a or b)"),
      ("x is not null and y in ['a', \"b'c\"]", "x is not null and y in ['a', 'b\\'c']"),
      ("x not in [1,2]", "x not in [1, 2]"), ("if(a == 'x', 1, 2.5)", "if(a == 'x', 1, 2.5)"),
      ("1_000", "1000"),
      ("- - 3", "3"), ("-(-x)", "-(-x)"), ("a is null == true", ""),
    ])
  func canonical(text: String, expected: String) {
    let (expression, report) = parse(text)
    #expect((expression?.canonicalText ?? "") == expected, "\(report)")
  }

  @Test(
    "problems have a place",
    arguments: [
      ("a ==", 14), ("a = 1", 12), ("(a", 12), ("a b", 12), ("'x", 10), ("1 < 2 < 3", 16), ("", 10),
      ("f(1,)", 14),
      ("a in 3", 15), ("x.", 12), ("a && b", 12), ("99999999999999999999e999", 10), ("and", 10),
    ])
  func problems(text: String, column: Int) {
    let (expression, report) = parse(text)
    #expect(expression == nil && report.items.first?.span?.column == column, "\(text): \(report)")
  }

  @Test(
    "depth and length end in a message",
    arguments: [
      String(repeating: "(", count: 100_000), String(repeating: "-", count: 50_000) + "1",
      String(repeating: "not ", count: 20_000) + "a", String(repeating: "1+", count: 40_000) + "1",
      String(repeating: "a.", count: 40_000) + "a", String(repeating: "[", count: 90_000),
      String(repeating: "2**", count: 30_000) + "2", String(repeating: "f(", count: 40_000),
      String(repeating: "x", count: 200_000) + " +",
    ])
  func depth(text: String) { #expect(parse(text).1.hasErrors) }

  @Test(
    "computes",
    arguments: [
      ("2 + 3 * 4", .int(14)), ("7 / 2", .double(3.5)), ("7 // 2", .int(3)), ("-7 // 2", .int(-4)),
      ("-7 % 3", .int(2)),
      ("2 ** 10", .int(1024)), ("rows * share", .double(14000)), ("1 - share", .double(0.65)),
      ("if(rows > 10, 'big', 'small')", .text("big")), ("min(3, 1.5)", .double(1.5)),
      ("max(3, 7)", .int(7)),
      ("null and false", .bool(false)), ("null or true", .bool(true)), ("null == 1", .null),
      ("not null", .null),
      ("'a' + 'b'", .text("ab")), ("round(2.5)", .int(3)), ("round(2.345, 2)", .double(2.35)),
      ("3 in [1, 2, 3.0]", .bool(true)), ("coalesce(null, 4)", .int(4)), ("length('äö')", .int(2)),
      ("0.1 + 0.2 < 0.4", .bool(true)),
    ] as [(String, Scalar)])
  func computes(text: String, expected: Scalar) {
    var report = Diagnostics()
    let value = parse(text).0?.scalar(
      { name, _ in ["rows": .int(40000), "share": .double(0.35)][name] }, report: &report)
    #expect(value == expected && !report.hasErrors, "\(text): \(report)")
  }

  @Test(
    "refuses",
    arguments: [
      "1 / 0", "9223372036854775807 + 1", "'a' * 2", "1 and true", "frob(1)", "year(3)", "min()",
      "log(0)", "exp(1000)",
      "'a' < 1", "sqrt(-1)",
    ])
  func refuses(text: String) {
    var report = Diagnostics()
    let value = parse(text).0?.scalar({ _, _ in nil }, report: &report)
    #expect(
      value == nil && report.items.allSatisfy { $0.span?.line == 3 } && report.hasErrors, "\(text)")
  }

  @Test func canonicalTextReadsBackEqual() {
    forEverySeed(500) { random in
      let tree = Self.tree(4, &random)
      let text = tree.canonicalText
      return parse(text).0?.canonicalText == text
    }
  }

  @Test func noTextCrashes() {
    let pieces = [
      "a", "1", "'", "`", "(", ")", "[", "]", ".", "-", "not ", "in", " is ", "null", "**", "é",
      "\u{0}", ",", "1e5", "==", "\\",
    ]
    forEverySeed(2000) { random in
      let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
        pieces[Int.random(in: 0..<pieces.count, using: &random)]
      }.joined()
      let (expression, report) = parse(text)
      return (expression == nil) == report.hasErrors
    }
  }

  private static func tree(_ depth: Int, _ random: inout SeededRandom) -> Expression {
    let leaves: [Expression] = [
      .int(Int64.random(in: -5...5, using: &random), span), .double(1.5, span), .text("a'b", span),
      .name("x-y", span), .name("odd name", span), .bool(true, span), .null(span),
      .name("not", span),
    ]
    guard depth > 0, Int.random(in: 0..<5, using: &random) > 0 else {
      return leaves[Int.random(in: 0..<leaves.count, using: &random)]
    }
    let operators: [Expression.BinaryOperator] = [
      .or, .and, .equal, .less, .add, .subtract, .multiply, .divide, .power, .remainder,
    ]
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return .unary(.not, tree(depth - 1, &random), span)
    case 1: return .unary(.isNull, tree(depth - 1, &random), span)
    case 2: return .call("f", [tree(depth - 1, &random), tree(depth - 1, &random)], span)
    default:
      return .binary(
        operators[Int.random(in: 0..<operators.count, using: &random)], tree(depth - 1, &random),
        tree(depth - 1, &random), span)
    }
  }
}
