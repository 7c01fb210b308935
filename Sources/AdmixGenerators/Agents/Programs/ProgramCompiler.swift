import AdmixData
import AdmixExpression
import AdmixModel

/// Texts and draws, numbered through the whole model.
final class ModelNumbers {
  private(set) var texts: [String] = []
  private var codes: [String: Int] = [:]
  var draws = 0

  func code(_ text: String) -> Double {
    if let known = codes[text] { return Double(known) }
    codes[text] = texts.count
    texts.append(text)
    return Double(texts.count - 1)
  }
}

/// Makes programs of checked declarations.
struct ProgramCompiler {
  let scope: NameScope
  let numbers: ModelNumbers
  private var program: Program

  init(scope: NameScope, numbers: ModelNumbers, span: SourceSpan) {
    self.scope = scope
    self.numbers = numbers
    program = Program(span: span)
  }

  static func compile(_ column: RuleColumn, scope: NameScope, numbers: ModelNumbers)
    throws(Diagnostic) -> Program
  {
    var compiler = Self(scope: scope, numbers: numbers, span: column.span)
    var result = try compiler.source(column.source, bounds: column.bounds)
    if let step = column.rounding {
      let inverse = (1 / step).rounded()
      // A decimal step divides by its inverse, as `rules` does, so that 0.1 gives the decimal it names.
      let isDecimal = step < 1 && Swift.abs(inverse * step - 1) < 1e-12
      result = compiler.emit(
        .snap, result, constant: isDecimal ? 1 / inverse : step, other: isDecimal ? inverse : 0)
    }
    if let bounds = column.bounds {
      result = compiler.emit(
        .clip, result, constant: bounds.lowerBound, other: bounds.upperBound)
    }
    if column.missingShare > 0 {
      let uniform = compiler.emit(.uniform)
      let share = compiler.constant(column.missingShare)
      let isMissing = compiler.emit(.less, uniform, share)
      result = compiler.emit(.select, isMissing, compiler.constant(.nan), result)
    }
    compiler.program.result = result
    return compiler.program
  }

  static func compile(_ expression: ColumnExpression, scope: NameScope, numbers: ModelNumbers)
    throws(Diagnostic) -> Program
  {
    var compiler = Self(scope: scope, numbers: numbers, span: expression.root.span)
    compiler.program.result = try compiler.expression(expression.root)
    return compiler.program
  }

  // MARK: Emitting

  private mutating func emit(
    _ op: Program.Op, _ a: Int32 = 0, _ b: Int32 = 0, _ c: Int32 = 0, constant: Double = 0,
    other: Double = 0
  ) -> Int32 {
    let out = program.registers
    program.registers += 1
    program.code.append(
      .init(op: op, out: out, a: a, b: b, c: c, constant: constant, other: other))
    return out
  }

  private mutating func constant(_ value: Double) -> Int32 { emit(.constant, constant: value) }

  // MARK: Sources

  private mutating func source(_ source: RuleColumn.Source, bounds: ClosedRange<Double>?)
    throws(Diagnostic) -> Int32
  {
    switch source {
    case .expression(let expression): return try self.expression(expression.root)
    case .constant(let scalar): return constant(value(scalar))
    case .choice(let values, let cumulative):
      let uniform = emit(.uniform)
      program.choices.append(
        .init(values: values.map { value($0) }, cumulative: cumulative))
      return emit(.choose, uniform, Int32(program.choices.count - 1))
    case .distribution(let distribution, let parameters):
      var registers: [Int32?] = []
      var values: [Double] = []
      for parameter in parameters {
        switch parameter {
        case .number(let value):
          registers.append(nil)
          values.append(value)
        case .expression(let expression):
          registers.append(try self.expression(expression.root))
          values.append(0)
        }
      }
      let uniform = emit(.uniform)
      program.draws.append(
        .init(
          distribution, registers: registers, values: values, bounds: bounds,
          number: numbers.draws, span: program.span))
      numbers.draws += 1
      return emit(.draw, uniform, Int32(program.draws.count - 1))
    case .when(let branches):
      var result = constant(.nan)
      // Every branch is made and the first that holds is taken, so that each agent draws the same numbers.
      for branch in branches.reversed() {
        let made = try self.source(branch.source, bounds: bounds)
        if let condition = branch.condition {
          result = emit(.select, try expression(condition.root), made, result)
        } else {
          result = made
        }
      }
      return result
    default:
      throw .error(
        "AX0672", at: program.span, "this source of values makes no state of an agent",
        cause:
          "it counts rows or makes texts that all differ; agents have numbers, truth values and categories",
        hint: "a distribution, a choice, a constant or an expression")
    }
  }

  private func value(_ scalar: RuleColumn.Scalar) -> Double {
    switch scalar {
    case .null: .nan
    case .bool(let flag): flag ? 1 : 0
    case .int(let number): Double(number)
    case .double(let number): number
    case .text(let text): numbers.code(text)
    }
  }

  // MARK: Expressions

  private mutating func expression(_ typed: TypedExpression) throws(Diagnostic) -> Int32 {
    switch typed.kind {
    case .constant(let scalar):
      switch scalar {
      case .null: return constant(.nan)
      case .bool(let flag): return constant(flag ? 1 : 0)
      case .int(let number): return constant(Double(number))
      case .double(let number): return constant(number)
      case .text(let text): return constant(numbers.code(text))
      }
    case .dateConstant(let days): return constant(Double(days) * 86_400e6)
    case .datetimeConstant(let moment): return constant(Double(moment))
    case .column(let name):
      switch scope.bindings[name] {
      case .column(let index): return emit(.column, Int32(index))
      case .ahead(let index): return emit(.ahead, Int32(index))
      case .behind(let index): return emit(.behind, Int32(index))
      case .global(let index): return emit(.global, Int32(index))
      case nil: throw .error("AX0512", at: typed.span, "there is no '\(name)' here")
      }
    case .not(let operand): return emit(.not, try expression(operand))
    case .negate(let operand): return emit(.negate, try expression(operand))
    case .isNull(let operand, let negated):
      return emit(negated ? .isNotNull : .isNull, try expression(operand))
    case .logic(let isOr, let a, let b):
      return emit(isOr ? .or : .and, try expression(a), try expression(b))
    case .compare(let name, let a, let b): return try comparison(name, a, b)
    case .membership(let value, let members, let negated):
      let held = try expression(value)
      var found = constant(0)
      for member in members where member.type != nil {
        // A member that is missing fits nothing.
        let fits = emit(.equal, held, try expression(member))
        found = emit(.select, fits, constant(1), found)
      }
      let decided = negated ? emit(.not, found) : found
      return emit(.select, emit(.isNull, held), constant(.nan), decided)
    case .arithmetic(let name, let a, let b):
      let op: Program.Op =
        switch name {
        case .add: .add
        case .subtract: .subtract
        case .multiply: .multiply
        case .divide: .divide
        case .floorDivide: .floorDivide
        case .remainder: .remainder
        default: .power
        }
      return emit(op, try expression(a), try expression(b))
    case .call(let name, let arguments): return try call(name, arguments, typed.span)
    case .concat: throw noTexts("joining texts", typed.span)
    }
  }

  private mutating func comparison(
    _ name: Expression.BinaryOperator, _ a: TypedExpression, _ b: TypedExpression
  ) throws(Diagnostic) -> Int32 {
    let left = try expression(a)
    let right = try expression(b)
    if name == .equal { return emit(.equal, left, right) }
    if name == .notEqual { return emit(.notEqual, left, right) }
    if a.type == .text || a.type == .category || b.type == .text || b.type == .category {
      throw .error(
        "AX0672", at: a.span, "texts have no order in a simulation",
        cause: "they are compared with == and != only", hint: "use a number for what has an order")
    }
    switch name {
    case .less: return emit(.less, left, right)
    case .lessOrEqual: return emit(.lessOrEqual, left, right)
    case .greater: return emit(.less, right, left)
    default: return emit(.lessOrEqual, right, left)
    }
  }

  private static let unary: [String: Program.Op] = [
    "abs": .abs, "ceil": .ceil, "exp": .exp, "floor": .floor, "log": .log, "sigmoid": .sigmoid,
    "sqrt": .sqrt, "int": .truncate, "hour": .hour, "weekday": .weekday,
  ]

  private mutating func call(_ name: String, _ arguments: [TypedExpression], _ span: SourceSpan)
    throws(Diagnostic) -> Int32
  {
    let isOfNumbers = arguments.allSatisfy { $0.type != .text && $0.type != .category }
    guard isOfNumbers || name == "if" || name == "coalesce" else {
      throw noTexts("'\(name)'", span)
    }
    var values: [Int32] = []
    for argument in arguments { values.append(try expression(argument)) }
    guard let first = values.first else { throw noTexts("'\(name)'", span) }
    if let op = Self.unary[name] { return emit(op, first) }
    switch name {
    case "double": return first
    case "round":
      return values.count == 1 ? emit(.round, first) : emit(.digits, first, values[1])
    case "min", "max", "coalesce":
      let op: Program.Op = name == "min" ? .min : name == "max" ? .max : .coalesce
      return values.dropFirst().reduce(first) { emit(op, $0, $1) }
    case "if": return emit(.select, first, values[1], values[2])
    default: throw noTexts("'\(name)'", span)
    }
  }

  private func noTexts(_ what: String, _ span: SourceSpan) -> Diagnostic {
    .error(
      "AX0672", at: span, "\(what) does not work in a simulation",
      cause:
        "its expressions compute with numbers and truth values; texts are told apart and chosen",
      hint: "write it into the table's rows afterwards, with transform")
  }
}
