import AdmixData
import AdmixExpression
import AdmixModel
import Foundation

/// Runs programs over the agents of a population, up to `lanes` of them at a time.
///
/// Not for sharing: registers and remembered shapes belong to one run.
final class Evaluator {
  static let lanes = 512

  private let random: RandomSource
  /// `lanes` numbers for each register; the deinitializer frees it, and nothing else keeps it.
  private var registers: UnsafeMutablePointer<Double>
  private let registerCount: Int
  /// What does not belong to one agent; `GlobalLayout` says where.
  var globals: [Double]
  private var shapes: [(values: [Double], draw: (Double) -> Double)?]
  /// The first thing that could not be computed for an agent that is alive.
  private(set) var failure: Diagnostic?

  init(random: RandomSource, registers: Int, globals: Int, draws: Int) {
    self.random = random
    registerCount = max(1, registers)
    self.registers = .allocate(capacity: registerCount * Self.lanes)
    self.registers.initialize(repeating: 0, count: registerCount * Self.lanes)
    self.globals = [Double](repeating: 0, count: globals)
    shapes = [(values: [Double], draw: (Double) -> Double)?](repeating: nil, count: draws)
  }

  deinit { registers.deallocate() }

  func check() throws { if let failure { throw failure } }

  /// The value for one agent.
  func value(_ program: Program, _ population: Population, _ slot: Int) -> Double {
    if let column = program.directColumn { return population[column, slot] }
    return run(program, population, from: slot, count: 1)[0]
  }

  /// Whether a condition holds for one agent; where it is missing it does not.
  func holds(_ program: Program?, _ population: Population, _ slot: Int) -> Bool {
    guard let program else { return true }
    return value(program, population, slot) == 1
  }

  /// The values for agents in neighbouring slots, good until the next call.
  ///
  /// - Parameter count: at most `lanes`.
  func run(_ program: Program, _ population: Population, from slot: Int, count n: Int)
    -> UnsafeMutablePointer<Double>
  {
    let lanes = Self.lanes
    let base = registers
    func register(_ index: Int32) -> UnsafeMutablePointer<Double> { base + Int(index) * lanes }
    for step in program.code {
      let out = register(step.out)
      switch step.op {
      case .constant: for i in 0..<n { out[i] = step.constant }
      case .column:
        let source = population.column(Int(step.a)) + slot
        for i in 0..<n { out[i] = source[i] }
      case .ahead, .behind:
        let places = (step.op == .ahead ? population.ahead : population.behind) + slot
        let source = population.snapshot(Int(step.a))
        for i in 0..<n { out[i] = places[i] < 0 ? .nan : source[Int(places[i])] }
      case .global:
        let value = globals[Int(step.a)]
        for i in 0..<n { out[i] = value }
      case .uniform:
        for i in 0..<n { out[i] = uniform(population, slot + i) }
      case .draw:
        draw(program, step, population, slot, n, out)
      case .choose:
        let choice = program.choices[Int(step.b)]
        let source = register(step.a)
        for i in 0..<n { out[i] = Self.choose(choice, source[i]) }
      case .select:
        let (test, a, b) = (register(step.a), register(step.b), register(step.c))
        for i in 0..<n { out[i] = test[i] == 1 ? a[i] : b[i] }
      case .snap:
        let source = register(step.a)
        let (size, inverse) = (step.constant, step.other)
        if inverse != 0 {
          for i in 0..<n { out[i] = (source[i] * inverse).rounded() / inverse }
        } else {
          for i in 0..<n { out[i] = (source[i] / size).rounded() * size }
        }
      case .clip:
        let source = register(step.a)
        for i in 0..<n {
          let value = source[i]
          out[i] = value < step.constant ? step.constant : value > step.other ? step.other : value
        }
      default:
        if step.op.rawValue >= Program.Op.add.rawValue {
          Self.binary(step.op, register(step.a), register(step.b), out, n)
        } else {
          Self.unary(step.op, register(step.a), out, n)
        }
      }
    }
    return register(program.result)
  }

  private static func unary(
    _ op: Program.Op, _ x: UnsafeMutablePointer<Double>, _ out: UnsafeMutablePointer<Double>,
    _ n: Int
  ) {
    switch op {
    case .negate: for i in 0..<n { out[i] = -x[i] }
    case .not: for i in 0..<n { out[i] = 1 - x[i] }
    case .isNull: for i in 0..<n { out[i] = x[i].isNaN ? 1 : 0 }
    case .isNotNull: for i in 0..<n { out[i] = x[i].isNaN ? 0 : 1 }
    case .abs: for i in 0..<n { out[i] = Swift.abs(x[i]) }
    case .ceil: for i in 0..<n { out[i] = x[i].rounded(.up) }
    case .floor: for i in 0..<n { out[i] = x[i].rounded(.down) }
    case .round: for i in 0..<n { out[i] = x[i].rounded() }
    case .truncate: for i in 0..<n { out[i] = x[i].rounded(.towardZero) }
    case .exp: for i in 0..<n { out[i] = finite(Foundation.exp(x[i])) }
    case .log: for i in 0..<n { out[i] = x[i] > 0 ? Foundation.log(x[i]) : .nan }
    case .sigmoid: for i in 0..<n { out[i] = 1 / (1 + Foundation.exp(-x[i])) }
    case .sqrt: for i in 0..<n { out[i] = x[i].squareRoot() }
    case .hour: for i in 0..<n { out[i] = (modulo(x[i], 86_400e6) / 3_600e6).rounded(.down) }
    case .weekday:
      // 1970-01-01 was a Thursday.
      for i in 0..<n { out[i] = modulo((x[i] / 86_400e6).rounded(.down) + 3, 7) + 1 }
    default: for i in 0..<n { out[i] = .nan }
    }
  }

  private static func binary(
    _ op: Program.Op, _ x: UnsafeMutablePointer<Double>, _ y: UnsafeMutablePointer<Double>,
    _ out: UnsafeMutablePointer<Double>, _ n: Int
  ) {
    switch op {
    case .add: for i in 0..<n { out[i] = x[i] + y[i] }
    case .subtract: for i in 0..<n { out[i] = x[i] - y[i] }
    case .multiply: for i in 0..<n { out[i] = x[i] * y[i] }
    case .divide: for i in 0..<n { out[i] = y[i] == 0 ? .nan : x[i] / y[i] }
    case .floorDivide:
      for i in 0..<n { out[i] = y[i] == 0 ? .nan : FloorDivision.of(x[i], by: y[i]).quotient }
    case .remainder:
      for i in 0..<n { out[i] = y[i] == 0 ? .nan : FloorDivision.of(x[i], by: y[i]).remainder }
    case .power:
      for i in 0..<n { out[i] = finite(x[i].isNaN || y[i].isNaN ? .nan : pow(x[i], y[i])) }
    case .equal: for i in 0..<n { out[i] = known(x[i], y[i], x[i] == y[i]) }
    case .notEqual: for i in 0..<n { out[i] = known(x[i], y[i], x[i] != y[i]) }
    case .less: for i in 0..<n { out[i] = known(x[i], y[i], x[i] < y[i]) }
    case .lessOrEqual: for i in 0..<n { out[i] = known(x[i], y[i], x[i] <= y[i]) }
    // Kleene's logic: what is known decides, where it can.
    case .and: for i in 0..<n { out[i] = x[i] == 0 || y[i] == 0 ? 0 : x[i] + y[i] == 2 ? 1 : .nan }
    case .or: for i in 0..<n { out[i] = x[i] == 1 || y[i] == 1 ? 1 : x[i] + y[i] == 0 ? 0 : .nan }
    case .min: for i in 0..<n { out[i] = x[i] < y[i] || x[i].isNaN ? x[i] : y[i] }
    case .max: for i in 0..<n { out[i] = x[i] > y[i] || x[i].isNaN ? x[i] : y[i] }
    case .digits: for i in 0..<n { out[i] = Rounding.of(x[i], digits: y[i]) }
    case .coalesce: for i in 0..<n { out[i] = x[i].isNaN ? y[i] : x[i] }
    default: for i in 0..<n { out[i] = .nan }
    }
  }

  @inline(__always) private static func known(_ x: Double, _ y: Double, _ truth: Bool) -> Double {
    x.isNaN || y.isNaN ? .nan : truth ? 1 : 0
  }

  @inline(__always) private static func finite(_ x: Double) -> Double { x.isFinite ? x : .nan }

  private static func modulo(_ x: Double, _ y: Double) -> Double {
    x - (x / y).rounded(.down) * y
  }

  /// The agent's next number: a function of seed, kind, agent and how many it has drawn.
  func uniform(_ population: Population, _ slot: Int) -> Double {
    let draw = population.draws[slot]
    population.draws[slot] = draw &+ 1
    return random.uniform(
      row: UInt64(population[OwnColumn.id, slot]), tag: population.tag, draw: draw)
  }

  private static func choose(_ choice: Program.Choice, _ uniform: Double) -> Double {
    var low = 0
    var high = choice.cumulative.count - 1
    while low < high {
      let middle = (low + high) / 2
      if choice.cumulative[middle] < uniform { low = middle + 1 } else { high = middle }
    }
    return choice.values[low]
  }

  private func draw(
    _ program: Program, _ step: Program.Instruction, _ population: Population, _ slot: Int,
    _ n: Int, _ out: UnsafeMutablePointer<Double>
  ) {
    let draw = program.draws[Int(step.b)]
    let uniforms = registers + Int(step.a) * Self.lanes
    if draw.isFixed, let shape = shape(draw, draw.values) {
      for i in 0..<n { out[i] = shape(uniforms[i]) }
      return
    }
    var values = draw.values
    for i in 0..<n {
      var isKnown = true
      for (index, register) in draw.registers.enumerated() {
        guard let register else { continue }
        values[index] = registers[Int(register) * Self.lanes + i]
        if values[index].isNaN { isKnown = false }
      }
      guard isKnown else {
        out[i] = .nan
        continue
      }
      if let shape = shape(draw, values) {
        out[i] = shape(uniforms[i])
      } else {
        out[i] = .nan
        if failure == nil, population.isAlive[slot + i] {
          failure = .error(
            "AX0676", at: draw.span,
            "the parameters of '\(draw.distribution.name)' are out of range",
            cause: "for agent \(Int(population[OwnColumn.id, slot + i])) of '\(population.name)'; "
              + draw.distribution.ranges,
            hint: "keep them in range with max(…), min(…) or if(…)")
        }
      }
    }
  }

  /// Sampling by the inverse, within bounds where there are any; the last shape is remembered.
  private func shape(_ draw: Program.Draw, _ values: [Double]) -> ((Double) -> Double)? {
    if let last = shapes[draw.number], draw.isFixed || last.values == values { return last.draw }
    guard let shape = draw.distribution.shape(values) else { return nil }
    var made = shape.quantile
    if let bounds = draw.bounds {
      let low = shape.cdf(
        draw.distribution.isWhole ? bounds.lowerBound.rounded(.up) - 1 : bounds.lowerBound)
      let high = shape.cdf(bounds.upperBound)
      guard high > low else { return nil }
      made = { shape.quantile(low + (high - low) * $0) }
    }
    shapes[draw.number] = (values, made)
    return made
  }
}
