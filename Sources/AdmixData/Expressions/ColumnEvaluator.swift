import AdmixExpression
import AdmixModel
import Foundation

/// Evaluates a typed expression over a batch, whole columns at a time.
struct ColumnEvaluator {
  let batch: Batch
  private var count: Int { batch.rows }

  init(batch: Batch) { self.batch = batch }

  func vector(_ expression: TypedExpression) throws -> Vector {
    // What is computed from a written `null` is missing everywhere, whatever the operation.
    if expression.isAlwaysMissing { return missing(expression.type) }
    switch expression.kind {
    case .constant(let scalar): return constant(scalar, expression.type)
    case .dateConstant(let days): return Vector(.date(Array(repeating: days, count: count)))
    case .datetimeConstant(let value):
      return Vector(.datetime(Array(repeating: value, count: count)))
    case .column(let name):
      guard let column = batch[name] else {
        throw Diagnostic.error("AX0512", at: expression.span, "there is no column '\(name)'")
      }
      return Vector(column)
    case .not(let operand):
      let value = try vector(operand)
      return Vector(.bool(filled(value.bools, false).map { !$0 }), valid: value.valid)
    case .negate(let operand): return try negated(vector(operand), expression)
    case .isNull(let operand, let negated):
      let valid = try vector(operand).valid
      return Vector(.bool((0..<count).map { (valid?[$0] == false) != negated }))
    case .logic(let isOr, let left, let right):
      return logic(isOr, try vector(left), try vector(right))
    case .compare(let name, let left, let right):
      return compare(name, try vector(left), try vector(right), left, right)
    case .membership(let value, let members, let negated):
      return try membership(vector(value), value, members, negated)
    case .arithmetic(let name, let left, let right):
      return try arithmetic(name, vector(left), vector(right), expression)
    case .concat(let parts): return concat(try parts.map(vector))
    case .call(let name, let arguments): return try call(name, arguments, expression)
    }
  }

  private func missing(_ type: ColumnType?) -> Vector {
    let payload: Vector.Payload =
      switch type {
      case .bool, nil: .bool(Array(repeating: false, count: count))
      case .int: .int(Array(repeating: 0, count: count))
      case .double: .double(Array(repeating: 0, count: count))
      case .text, .category: .codes(Array(repeating: 0, count: count), [""])
      case .date: .date(Array(repeating: 0, count: count))
      case .datetime: .datetime(Array(repeating: 0, count: count))
      }
    return Vector(payload, valid: Array(repeating: false, count: count))
  }

  private func filled<Value>(_ values: [Value], _ fallback: Value) -> [Value] {
    values.count == count ? values : Array(repeating: fallback, count: count)
  }

  private func constant(_ scalar: Scalar, _ type: ColumnType?) -> Vector {
    switch scalar {
    case .null: return missing(type)
    case .bool(let value): return Vector(.bool(Array(repeating: value, count: count)))
    case .int(let value): return Vector(.int(Array(repeating: value, count: count)))
    case .double(let value): return Vector(.double(Array(repeating: value, count: count)))
    case .text(let value): return Vector(.codes(Array(repeating: 0, count: count), [value]))
    }
  }

  private func overflow(_ row: Int, _ expression: TypedExpression) -> Diagnostic {
    .error(
      "AX0513", at: expression.span, "row \(row) of its partition leaves 64-bit whole numbers",
      hint: "compute with double(…)")
  }

  private func negated(_ value: Vector, _ expression: TypedExpression) throws -> Vector {
    if case .int(let values) = value.payload {
      if let row = values.indices.first(where: { values[$0] == .min && value.valid?[$0] != false })
      {
        throw overflow(row, expression)
      }
      return Vector(.int(values.map { 0 &- $0 }), valid: value.valid)
    }
    return Vector(.double(filled(value.doubles, 0).map { -$0 }), valid: value.valid)
  }

  private func logic(_ isOr: Bool, _ a: Vector, _ b: Vector) -> Vector {
    let x = filled(a.bools, false)
    let y = filled(b.bools, false)
    guard a.valid != nil || b.valid != nil else {
      return Vector(.bool(zip(x, y).map { isOr ? $0 || $1 : $0 && $1 }))
    }
    var values = [Bool](repeating: false, count: count)
    var valid = [Bool](repeating: true, count: count)
    for row in 0..<count {
      let left = a.valid?[row] == false ? nil : x[row]
      let right = b.valid?[row] == false ? nil : y[row]
      if left == isOr || right == isOr {
        values[row] = isOr
      } else if left == nil || right == nil {
        valid[row] = false
      } else {
        values[row] = !isOr
      }
    }
    return Vector(.bool(values), valid: valid)
  }

  private func compare(
    _ name: AdmixExpression.Expression.BinaryOperator, _ a: Vector, _ b: Vector,
    _ left: TypedExpression,
    _ right: TypedExpression
  ) -> Vector {
    let valid = Vector.bothValid(a, b)
    func ordered<Value: Comparable>(_ x: [Value], _ y: [Value]) -> Vector {
      var out = [Bool](repeating: false, count: count)
      guard x.count == count, y.count == count else { return Vector(.bool(out), valid: valid) }
      switch name {
      case .equal: for row in 0..<count { out[row] = x[row] == y[row] }
      case .notEqual: for row in 0..<count { out[row] = x[row] != y[row] }
      case .less: for row in 0..<count { out[row] = x[row] < y[row] }
      case .lessOrEqual: for row in 0..<count { out[row] = x[row] <= y[row] }
      case .greater: for row in 0..<count { out[row] = x[row] > y[row] }
      default: for row in 0..<count { out[row] = x[row] >= y[row] }
      }
      return Vector(.bool(out), valid: valid)
    }
    // A category beside a written-out text: once for each category.
    if case .constant(.text(let text)) = right.kind {
      return Vector(.bool(a.mapTexts(false) { Self.holds(name, $0, text) }), valid: valid)
    }
    if case .constant(.text(let text)) = left.kind {
      return Vector(.bool(b.mapTexts(false) { Self.holds(name, text, $0) }), valid: valid)
    }
    switch (a.payload, b.payload) {
    case (.int(let x), .int(let y)): return ordered(x, y)
    case (.bool(let x), .bool(let y)):
      return ordered(x.map { $0 ? 1 : 0 }, y.map { $0 ? 1 : 0 })
    case (.date(let x), .date(let y)): return ordered(x, y)
    case (.date, _), (.datetime, _): return ordered(a.instants, b.instants)
    case (.int(let x), .double(let y)):
      return Vector(
        .bool((0..<count).map { Self.holds(name, Self.order(x[$0], y[$0])) }), valid: valid)
    case (.double(let x), .int(let y)):
      return Vector(
        .bool((0..<count).map { Self.holds(name, 0 - Self.order(y[$0], x[$0])) }), valid: valid)
    case (.text, _), (.codes, _):
      let (x, y) = (a.texts, b.texts)
      guard x.count == count, y.count == count else { break }
      return Vector(.bool((0..<count).map { Self.holds(name, x[$0], y[$0]) }), valid: valid)
    default: return ordered(a.doubles, b.doubles)
    }
    return Vector(.bool(Array(repeating: false, count: count)), valid: valid)
  }

  /// -1, 0 or 1 as a whole number is less than, equal to or greater than a double, exactly: as doubles
  /// 2^53 and 2^53 + 1 would be equal.
  private static func order(_ a: Int64, _ b: Double) -> Int {
    // NaN stands only where a value is missing.
    if b >= 0x1p63 || b.isNaN { return -1 }
    if b < -0x1p63 { return 1 }
    let whole = b.rounded(.down)
    let floor = Int64(whole)
    if a != floor { return a < floor ? -1 : 1 }
    return b > whole ? -1 : 0
  }

  private static func holds(
    _ name: AdmixExpression.Expression.BinaryOperator, _ order: Int
  ) -> Bool {
    switch name {
    case .equal: order == 0
    case .notEqual: order != 0
    case .less: order < 0
    case .lessOrEqual: order <= 0
    case .greater: order > 0
    default: order >= 0
    }
  }

  private static func holds(
    _ name: AdmixExpression.Expression.BinaryOperator, _ a: String, _ b: String
  ) -> Bool {
    // By bytes, as sorting and categories have it: `String` would take two spellings of `é` for one.
    switch name {
    case .equal: a.utf8.elementsEqual(b.utf8)
    case .notEqual: !a.utf8.elementsEqual(b.utf8)
    case .less: CategoryIndex.precedes(a, b)
    case .lessOrEqual: !CategoryIndex.precedes(b, a)
    case .greater: CategoryIndex.precedes(b, a)
    default: !CategoryIndex.precedes(a, b)
    }
  }

  private func membership(
    _ value: Vector, _ left: TypedExpression, _ members: [TypedExpression], _ negated: Bool
  ) throws -> Vector {
    var found = [Bool](repeating: false, count: count)
    let written = members.compactMap { member -> String? in
      if case .constant(.text(let text)) = member.kind { text } else { nil }
    }
    if !written.isEmpty, written.count == members.count {
      let known = CategoryIndex(written)
      let isIn = value.mapTexts(false) { known.code(of: $0) != nil }
      return Vector(.bool(negated ? isIn.map { !$0 } : isIn), valid: value.valid)
    }
    for member in members where member.type != nil {
      let equal = compare(.equal, value, try vector(member), left, member)
      let bools = equal.bools
      for row in 0..<count where bools[row] && equal.valid?[row] != false { found[row] = true }
    }
    return Vector(.bool(negated ? found.map { !$0 } : found), valid: value.valid)
  }

  private func arithmetic(
    _ name: AdmixExpression.Expression.BinaryOperator, _ a: Vector, _ b: Vector,
    _ expression: TypedExpression
  ) throws -> Vector {
    let valid = Vector.bothValid(a, b)
    if case .date(let days) = a.payload, case .int(let shift) = b.payload {
      var out = [Int32](repeating: 0, count: count)
      for row in 0..<count where valid?[row] != false {
        let moved =
          name == .add
          ? Int64(days[row]).addingReportingOverflow(shift[row])
          : Int64(days[row]).subtractingReportingOverflow(shift[row])
        guard !moved.overflow, let day = Int32(exactly: moved.partialValue) else {
          throw Diagnostic.error(
            "AX0513", at: expression.span, "row \(row) of its partition leaves the calendar",
            cause: "days count from 1970-01-01 and are 32-bit whole numbers")
        }
        out[row] = day
      }
      return Vector(.date(out), valid: valid)
    }
    if expression.type == .int, case .int(let x) = a.payload, case .int(let y) = b.payload {
      return try whole(name, x, y, valid, expression)
    }
    let x = filled(a.doubles, 0)
    let y = filled(b.doubles, 0)
    var out = [Double](repeating: 0, count: count)
    switch name {
    case .add: for row in 0..<count { out[row] = x[row] + y[row] }
    case .subtract: for row in 0..<count { out[row] = x[row] - y[row] }
    case .multiply: for row in 0..<count { out[row] = x[row] * y[row] }
    case .divide: for row in 0..<count { out[row] = x[row] / y[row] }
    case .floorDivide:
      for row in 0..<count {
        out[row] = FloorDivision.of(x[row], by: y[row]).quotient
      }
    case .remainder:
      for row in 0..<count { out[row] = FloorDivision.of(x[row], by: y[row]).remainder }
    default: for row in 0..<count { out[row] = pow(x[row], y[row]) }
    }
    return finite(out, valid)
  }

  /// What is not a finite number is missing.
  private func finite(_ values: [Double], _ valid: [Bool]?) -> Vector {
    guard values.contains(where: { !$0.isFinite }) else {
      return Vector(.double(values), valid: valid)
    }
    let there = values.indices.map { values[$0].isFinite && valid?[$0] != false }
    return Vector(.double(values.map { $0.isFinite ? $0 : 0 }), valid: there)
  }

  private func whole(
    _ name: AdmixExpression.Expression.BinaryOperator, _ x: [Int64], _ y: [Int64], _ valid: [Bool]?,
    _ expression: TypedExpression
  ) throws -> Vector {
    var out = [Int64](repeating: 0, count: count)
    var there = valid
    for row in 0..<count where valid?[row] != false {
      let (a, b) = (x[row], y[row])
      var result: (partialValue: Int64, overflow: Bool)
      switch name {
      case .add: result = a.addingReportingOverflow(b)
      case .subtract: result = a.subtractingReportingOverflow(b)
      case .multiply: result = a.multipliedReportingOverflow(by: b)
      default:
        if b == 0 {
          if there == nil { there = Array(repeating: true, count: count) }
          there?[row] = false
          continue
        }
        if a == .min, b == -1 { throw overflow(row, expression) }
        let remainder = a % b
        let isOff = remainder != 0 && (remainder < 0) != (b < 0)
        result = (
          name == .remainder ? (isOff ? remainder + b : remainder) : (isOff ? a / b - 1 : a / b),
          false
        )
      }
      if result.overflow { throw overflow(row, expression) }
      out[row] = result.partialValue
    }
    return Vector(.int(out), valid: there)
  }

  private func concat(_ parts: [Vector]) -> Vector {
    var texts = [String](repeating: "", count: count)
    var valid: [Bool]?
    for part in parts {
      let more = filled(part.texts, "")
      for row in 0..<count { texts[row] += more[row] }
      valid = Vector.bothValid(
        Vector(.bool([]), valid: valid), Vector(.bool([]), valid: part.valid))
    }
    return Vector(.text(texts), valid: valid)
  }

  // MARK: Functions

  private func call(_ name: String, _ arguments: [TypedExpression], _ expression: TypedExpression)
    throws -> Vector
  {
    let values = try arguments.map(vector)
    switch name {
    case "if":
      let condition = filled(values[0].bools, false)
      let decided = values[0].valid
      let takesFirst = (0..<count).map { condition[$0] && decided?[$0] != false }
      return choose(values[1], values[2], expression.type) { takesFirst[$0] }
    case "coalesce":
      return values.dropFirst().reduce(values[0]) { found, next in
        let valid = found.valid
        return choose(found, next, expression.type) { valid?[$0] != false }
      }
    case "abs", "ceil", "exp", "floor", "log", "max", "min", "round", "sigmoid", "sqrt":
      return try number(name, values, expression)
    case "concat": return concat(values)
    case "length":
      return Vector(
        .int(values[0].mapTexts(0) { Int64($0.unicodeScalars.count) }), valid: values[0].valid)
    case "lower": return texts(values[0]) { $0.lowercased() }
    case "upper": return texts(values[0]) { $0.uppercased() }
    case "trim": return texts(values[0]) { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    case "contains", "starts_with", "ends_with":
      let find = TextSearch(name)
      if case .constant(.text(let part)) = arguments[1].kind {
        return Vector(
          .bool(values[0].mapTexts(false) { find.finds(part, in: $0) }), valid: values[0].valid)
      }
      let a = filled(values[0].texts, "")
      let b = filled(values[1].texts, "")
      return Vector(
        .bool(zip(a, b).map { find.finds($1, in: $0) }),
        valid: Vector.bothValid(values[0], values[1]))
    case "matches":
      guard case .constant(.text(let pattern)) = arguments[1].kind,
        let regex = try? Regex<AnyRegexOutput>(pattern)
      else {
        throw Diagnostic.error(
          "AX0510", at: expression.span, "the pattern is not a regular expression")
      }
      // By scalars, as 'length' counts: a letter and its accent may be two of them.
      let exact = regex.matchingSemantics(.unicodeScalar)
      return Vector(
        .bool(values[0].mapTexts(false) { (try? exact.wholeMatch(in: $0)) ?? nil != nil }),
        valid: values[0].valid)
    case "replace":
      let (a, b, c) = (
        filled(values[0].texts, ""), filled(values[1].texts, ""), filled(values[2].texts, "")
      )
      return Vector(
        .text((0..<count).map { TextSearch.replacing(b[$0], in: a[$0], by: c[$0]) }),
        valid: Vector.bothValid(
          Vector(.bool([]), valid: Vector.bothValid(values[0], values[1])), values[2]))
    case "day", "month", "weekday", "year", "hour":
      return Vector(
        .int(
          name == "hour"
            ? values[0].instants.map { CivilDate.timeOfDay($0) / 3_600_000_000 }
            : values[0].days.map { Self.part(name, $0) }), valid: values[0].valid)
    case "days_between":
      return Vector(
        .int(zip(values[0].days, values[1].days).map { from, to in to - from }),
        valid: Vector.bothValid(values[0], values[1]))
    case "date":
      if case .codes = values[0].payload { return dates(values[0]) }
      if case .text = values[0].payload { return dates(values[0]) }
      return Vector(
        .date(values[0].days.map { Int32(truncatingIfNeeded: $0) }),
        valid: values[0].valid)
    case "int", "double", "text": return cast(values[0], to: name)
    default: throw Diagnostic.error("AX0504", at: expression.span, "unknown function '\(name)'")
    }
  }

  private static func part(_ name: String, _ day: Int64) -> Int64 {
    switch name {
    // 1970-01-01 was a Thursday.
    case "weekday": return ((day + 3) % 7 + 7) % 7 + 1
    default:
      let parts = CivilDate.parts(Int(day))
      return Int64(name == "year" ? parts.year : name == "month" ? parts.month : parts.day)
    }
  }

  private func texts(_ value: Vector, _ body: (String) -> String) -> Vector {
    if case .codes(let codes, let categories) = value.payload {
      return Vector(.codes(codes, categories.map(body)), valid: value.valid)
    }
    return Vector(.text(value.mapTexts("", body)), valid: value.valid)
  }

  private func dates(_ value: Vector) -> Vector {
    let days = value.mapTexts(nil as Int32?) { CivilDate.days($0) }
    let valid = days.indices.map { days[$0] != nil && value.valid?[$0] != false }
    return Vector(.date(days.map { $0 ?? 0 }), valid: valid)
  }

  private func cast(_ value: Vector, to name: String) -> Vector {
    let valid = value.valid
    func optional<Value>(_ values: [Value?], _ fallback: Value, _ make: ([Value]) -> Vector.Payload)
      -> Vector
    {
      let there = values.indices.map { values[$0] != nil && valid?[$0] != false }
      return Vector(make(values.map { $0 ?? fallback }), valid: there)
    }
    switch (name, value.payload) {
    case ("int", .int), ("double", .double), ("text", .text), ("text", .codes): return value
    case ("int", .text), ("int", .codes):
      return optional(
        value.mapTexts(nil) {
          Int64($0) ?? DecimalText.number($0).flatMap { Int64(exactly: $0.rounded(.towardZero)) }
        }, 0
      ) { .int($0) }
    case ("int", _):
      return optional(value.doubles.map { Int64(exactly: $0.rounded(.towardZero)) }, 0) { .int($0) }
    case ("double", .text), ("double", .codes):
      return optional(value.mapTexts(nil) { DecimalText.number($0) }, 0) {
        .double($0)
      }
    case ("double", _): return Vector(.double(value.doubles), valid: valid)
    case (_, .bool(let values)):
      return Vector(.text(values.map { $0 ? "true" : "false" }), valid: valid)
    case (_, .int(let values)): return Vector(.text(values.map { String($0) }), valid: valid)
    case (_, .double(let values)): return Vector(.text(values.map { "\($0)" }), valid: valid)
    case (_, .date(let values)):
      return Vector(.text(values.map { CivilDate.text(days: Int($0)) }), valid: valid)
    case (_, .datetime(let values)):
      return Vector(.text(values.map { CivilDate.text(microseconds: $0) }), valid: valid)
    default: return value
    }
  }

  private func choose(
    _ a: Vector, _ b: Vector, _ type: ColumnType?, _ takesFirst: (Int) -> Bool
  ) -> Vector {
    let valid = (0..<count).map { (takesFirst($0) ? a.valid?[$0] : b.valid?[$0]) != false }
    func pick<Value>(_ x: [Value], _ y: [Value], _ fallback: Value) -> [Value] {
      let x = filled(x, fallback)
      let y = filled(y, fallback)
      return (0..<count).map { takesFirst($0) ? x[$0] : y[$0] }
    }
    func ints(_ vector: Vector) -> [Int64] {
      if case .int(let values) = vector.payload { values } else { [] }
    }
    func days(_ vector: Vector) -> [Int32] {
      if case .date(let values) = vector.payload { values } else { [] }
    }
    let payload: Vector.Payload =
      switch type {
      case .int: .int(pick(ints(a), ints(b), 0))
      case .double: .double(pick(a.doubles, b.doubles, 0))
      case .text, .category: .text(pick(a.texts, b.texts, ""))
      case .date: .date(pick(days(a), days(b), 0))
      case .datetime: .datetime(pick(a.instants, b.instants, 0))
      case .bool, nil: .bool(pick(a.bools, b.bools, false))
      }
    return Vector(payload, valid: valid.contains(false) ? valid : nil)
  }

  private func number(_ name: String, _ values: [Vector], _ expression: TypedExpression) throws
    -> Vector
  {
    let valid = values.dropFirst().reduce(values[0].valid) { sum, next in
      Vector.bothValid(Vector(.bool([]), valid: sum), next)
    }
    if expression.type == .int, ["abs", "max", "min"].contains(name) {
      let columns = values.map {
        if case .int(let numbers) = $0.payload {
          numbers
        } else {
          [Int64](repeating: 0, count: count)
        }
      }
      var out = columns[0]
      if name == "abs" {
        if let row = out.indices.first(where: { out[$0] == .min && valid?[$0] != false }) {
          throw overflow(row, expression)
        }
        out = out.map { $0 == .min ? 0 : Swift.abs($0) }
      }
      for column in columns.dropFirst() {
        for row in 0..<count {
          out[row] = name == "min" ? min(out[row], column[row]) : max(out[row], column[row])
        }
      }
      return Vector(.int(out), valid: valid)
    }
    var x = filled(values[0].doubles, 0)
    switch name {
    case "abs": x = x.map { Swift.abs($0) }
    case "exp": x = x.map { Foundation.exp($0) }
    case "log": x = x.map { $0 > 0 ? Foundation.log($0) : .nan }
    case "sqrt": x = x.map { $0 < 0 ? .nan : $0.squareRoot() }
    case "sigmoid": x = x.map { 1 / (1 + Foundation.exp(-$0)) }
    case "min", "max":
      for value in values.dropFirst() {
        let y = filled(value.doubles, 0)
        for row in 0..<count { x[row] = name == "min" ? min(x[row], y[row]) : max(x[row], y[row]) }
      }
    case "round" where values.count == 2:
      let digits = filled(values[1].doubles, 0)
      for row in 0..<count {
        x[row] = Rounding.of(x[row], digits: digits[row])
      }
    default:
      let rounded = x.map {
        name == "ceil" ? $0.rounded(.up) : name == "floor" ? $0.rounded(.down) : $0.rounded()
      }
      let whole = rounded.map { Int64(exactly: $0) }
      guard whole.contains(nil) else { return Vector(.int(whole.compactMap { $0 }), valid: valid) }
      let there = whole.indices.map { whole[$0] != nil && valid?[$0] != false }
      return Vector(.int(whole.map { $0 ?? 0 }), valid: there)
    }
    return finite(x, valid)
  }
}
