import AdmixData
import AdmixModel

/// One column of some rows in the making.
struct RuleBlock {
  let sampler: RuleSampler
  /// The number of the column's table.
  let table: Int
  let column: RuleColumn
  let rows: [Int]
  let attempt: UInt32
  let made: Batch
  private let random: RandomSource
  private let tag: UInt32

  init(
    sampler: RuleSampler, table: Int, column: RuleColumn, rows: [Int], attempt: UInt32, made: Batch
  ) {
    self.sampler = sampler
    self.table = table
    random = sampler.randoms[table]
    self.column = column
    self.rows = rows
    self.attempt = attempt
    self.made = made
    tag = RandomSource.tag(column.schema.name)
  }

  /// Values before rounding and missing: numbers as doubles where they are numbers.
  enum Values {
    case scalars([RuleColumn.Scalar])
    case numbers([Double?])
    case wholes([Int64?])
    case column(Column)
    case texts([String])
  }

  /// Attempts are this many draws apart, so that the 256 characters of a pattern have room for theirs.
  private static let drawsPerAttempt: UInt32 = 512

  private func uniform(_ index: Int, salt: UInt32) -> Double {
    random.uniform(
      row: UInt64(rows[index]), tag: tag ^ (salt &* 0x9E37_79B9),
      draw: attempt &* Self.drawsPerAttempt)
  }

  /// So many sources may stand side by side without sharing random numbers with those inside of them.
  private static let salts: UInt32 = 4_096
  private static func below(_ salt: UInt32) -> UInt32 { (salt &+ 1) &* salts }

  func values(of source: RuleColumn.Source, salt: UInt32) throws -> Values {
    switch source {
    case .constant(let scalar):
      return .scalars(Array(repeating: scalar, count: rows.count))
    case .choice(let values, let cumulative):
      return .scalars(
        rows.indices.map { values[Self.index(uniform($0, salt: salt), in: cumulative)] })
    case .expression(let expression):
      return .column(try expression.evaluate(made))
    case .sequence(let start, let step):
      return .wholes(
        try rows.map { row in
          let (product, overflow) = step.multipliedReportingOverflow(by: Int64(row))
          let (sum, further) = start.addingReportingOverflow(product)
          guard !overflow, !further else {
            throw failure("the sequence leaves 64-bit whole numbers at row \(row)")
          }
          return sum
        })
    case .uuid:
      return .texts(rows.indices.map { uuid($0) })
    case .pattern(let pattern, let isUnique):
      return .texts(try texts(pattern, isUnique))
    case .dates(let from, let through), .datetimes(let from, let through):
      let count = Double(through - from + 1)
      return .wholes(
        rows.indices.map {
          min(through, from + Int64((uniform($0, salt: salt) * count).rounded(.down)))
        })
    case .name(let name):
      let draw = attempt &* Self.drawsPerAttempt
      return .texts(rows.map { name.text(random.block(row: UInt64($0), tag: tag, draw: draw)) })
    case .calendar(let calendar):
      return .wholes(rows.indices.map { calendar.value(uniform($0, salt: salt)) })
    case .after(let step):
      return .wholes(try later(step))
    case .arrivals(let step):
      return .wholes(try arrivals(step))
    case .position:
      return .wholes(try sampler.owners(of: rows, in: table).map { Int64($0.ordinal) + 1 })
    case .aggregate(let aggregate):
      return try folded(aggregate)
    case .when(let branches):
      // Within a mixture its branches go on from the mixture's numbers.
      return try parted(
        owners(branches), branches.map(\.source), salt: salt < Self.salts ? 0 : Self.below(salt))
    case .mixture(let sources, let cumulative):
      let chance = RandomSource.tag("\(column.schema.name)\u{0}mixture \(salt)")
      let owners = rows.map {
        Self.index(
          random.uniform(
            row: UInt64($0), tag: chance, draw: attempt &* Self.drawsPerAttempt), in: cumulative)
      }
      return try parted(owners, sources, salt: Self.below(salt))
    case .distribution(let distribution, let parameters):
      return .numbers(try numbers(distribution, parameters, salt: salt))
    }
  }

  /// The first entry that reaches the uniform.
  static func index(_ uniform: Double, in cumulative: [Double]) -> Int {
    var low = 0
    var high = cumulative.count - 1
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] < uniform { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func failure(_ fact: String, cause: String? = nil, hint: String? = nil) -> Diagnostic {
    .error(
      "AX0651", at: column.span, "column '\(column.schema.name)': \(fact)", cause: cause, hint: hint
    )
  }

  private func uuid(_ index: Int) -> String {
    let block = random.block(
      row: UInt64(rows[index]), tag: tag)
    // Version 8 of RFC 9562: bits of our own making.
    let words = [
      block.0, (block.1 & 0xFFFF_0FFF) | 0x8000, (block.2 & 0x3FFF_FFFF) | 0x8000_0000, block.3,
    ]
    let hex = words.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
    var out = ""
    for (position, digit) in hex.enumerated() {
      if [8, 12, 16, 20].contains(position) { out += "-" }
      out.append(digit)
    }
    return out
  }

  private func texts(_ pattern: RulePattern, _ isUnique: Bool) throws -> [String] {
    guard isUnique, let count = pattern.count else {
      let draw = attempt &* Self.drawsPerAttempt
      return rows.map { pattern.text(random, row: UInt64($0), tag: tag, draw: draw) }
    }
    guard let last = rows.max(), last < count else {
      if rows.isEmpty { return [] }
      throw failure("the pattern makes \(count) different texts, and more rows are asked for")
    }
    let permutation = RandomPermutation(
      count: count,
      source: RandomSource(
        key: {
          let block = random.block(row: 0, tag: tag, draw: .max)
          return (block.0, block.1)
        }()))
    return rows.map { pattern.text(permutation[$0]) }
  }

  /// By row: the first branch whose condition holds.
  private func owners(_ branches: [(condition: ColumnExpression?, source: RuleColumn.Source)])
    throws -> [Int]
  {
    var owner = [Int](repeating: branches.count - 1, count: rows.count)
    var decided = [Bool](repeating: false, count: rows.count)
    for (number, branch) in branches.enumerated() {
      guard let condition = branch.condition else { continue }
      let mask = try condition.mask(made)
      for index in rows.indices where !decided[index] && mask[index] {
        owner[index] = number
        decided[index] = true
      }
    }
    return owner
  }

  /// Each row from the source that owns it.
  private func parted(_ owner: [Int], _ sources: [RuleColumn.Source], salt: UInt32) throws -> Values
  {
    var out = [RuleColumn.Scalar](repeating: .null, count: rows.count)
    for (number, source) in sources.enumerated() {
      let mine = rows.indices.filter { owner[$0] == number }
      guard !mine.isEmpty else { continue }
      // Only its own rows are made, each by its own address.
      let part = RuleBlock(
        sampler: sampler, table: table, column: column, rows: mine.map { rows[$0] },
        attempt: attempt,
        made: made.taking(mine))
      let scalars = Self.scalars(
        try part.values(of: source, salt: salt &+ UInt32(number)), mine.count)
      for (place, index) in mine.enumerated() { out[index] = scalars[place] }
    }
    return .scalars(out)
  }

  private func numbers(
    _ distribution: Distribution, _ parameters: [RuleColumn.Parameter], salt: UInt32
  ) throws -> [Double?] {
    var columns: [[Double?]?] = []
    var fixed: [Double] = []
    for parameter in parameters {
      switch parameter {
      case .number(let value):
        columns.append(nil)
        fixed.append(value)
      case .expression(let expression):
        columns.append(Self.doubles(.column(try expression.evaluate(made)), rows.count))
        fixed.append(0)
      }
    }
    var values = fixed
    // Parameters that depend on columns often take few values, and some shapes are dear to make.
    var shapes: [[Double]: (Double) -> Double] = [:]
    var last: (values: [Double], draw: (Double) -> Double)?
    return try rows.indices.map { index in
      for (number, column) in columns.enumerated() {
        guard let column else { continue }
        guard let value = column[index] else { return nil }
        values[number] = value
      }
      if last?.values == values {
        return last?.draw(uniform(index, salt: salt))
      }
      if let known = shapes[values] {
        last = (values, known)
      } else {
        guard let shape = distribution.shape(values) else {
          throw failure(
            "the parameters of '\(distribution.name)' are out of range at row \(rows[index])",
            cause: distribution.ranges,
            hint: "keep them in range with max(…), min(…) or if(…)")
        }
        let made = try draw(shape, isWhole: distribution.isWhole)
        if shapes.count < 1_024 { shapes[values] = made }
        last = (values, made)
      }
      return last?.draw(uniform(index, salt: salt))
    }
  }

  /// Sampling of a shape within the column's bounds, by its inverse.
  private func draw(_ shape: Distribution.Shape, isWhole: Bool) throws -> (Double) -> Double {
    guard let bounds = column.bounds else { return shape.quantile }
    let low = shape.cdf(isWhole ? bounds.lowerBound.rounded(.up) - 1 : bounds.lowerBound)
    let high = shape.cdf(bounds.upperBound)
    guard high > low else {
      throw failure("its distribution has no values within its bounds")
    }
    return { uniform in
      min(bounds.upperBound, max(bounds.lowerBound, shape.quantile(low + (high - low) * uniform)))
    }
  }
}
