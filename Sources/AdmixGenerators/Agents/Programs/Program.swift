import AdmixModel

/// A compiled source of values: instructions over registers, each of which holds a number for every lane.
///
/// Numbers are doubles; truth is 1 and 0, a text is its code, and what is missing is NaN. A register
/// spans up to `Evaluator.lanes` agents, so that a step of many agents costs the dispatch of an instruction
/// once for all of them.
struct Program: Sendable {
  var code: [Instruction] = []
  var result: Int32 = 0
  var registers: Int32 = 0
  var draws: [Draw] = []
  var choices: [Choice] = []
  /// What a value has to be, for messages.
  var span: SourceSpan

  /// Where it is nothing but a value that is there already.
  var directColumn: Int? {
    code.count == 1 && code[0].op == .column ? Int(code[0].a) : nil
  }

  struct Instruction: Sendable {
    var op: Op
    var out: Int32 = 0
    var a: Int32 = 0
    var b: Int32 = 0
    var c: Int32 = 0
    var constant = 0.0
    var other = 0.0
  }

  enum Op: UInt8, Sendable {
    case constant, column, ahead, behind, global
    case negate, not, isNull, isNotNull, abs, ceil, exp, floor, log, round, truncate, sigmoid, sqrt
    case hour, weekday
    case add, subtract, multiply, divide, floorDivide, remainder, power
    case equal, notEqual, less, lessOrEqual, and, or, min, max, digits, coalesce
    case select
    /// A number of the agent's own, strictly between 0 and 1.
    case uniform
    case draw, choose
    /// To multiples of the constant; within the constants.
    case snap, clip
  }

  /// A distribution whose uniform is in `a`.
  final class Draw: Sendable {
    let distribution: Distribution
    /// Registers, or numbers where there is none.
    let registers: [Int32?]
    let values: [Double]
    let bounds: ClosedRange<Double>?
    /// A number of its own in the whole model.
    let number: Int
    let span: SourceSpan
    let isFixed: Bool

    init(
      _ distribution: Distribution, registers: [Int32?], values: [Double],
      bounds: ClosedRange<Double>?, number: Int, span: SourceSpan
    ) {
      self.distribution = distribution
      self.registers = registers
      self.values = values
      self.bounds = bounds
      self.number = number
      self.span = span
      isFixed = registers.allSatisfy { $0 == nil }
    }
  }

  final class Choice: Sendable {
    let values: [Double]
    /// Ends at 1.
    let cumulative: [Double]

    init(values: [Double], cumulative: [Double]) {
      self.values = values
      self.cumulative = cumulative
    }
  }
}
