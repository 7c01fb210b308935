import AdmixData
import AdmixModel
import Foundation

/// Makes rows of declared columns: any range of rows, always the same values for a row.
struct RuleSampler: Sendable {
  /// In the order they can be made in.
  let columns: [RuleColumn]
  /// The columns in the order of the table.
  let schema: Schema
  let random: RandomSource

  /// - Parameters:
  ///   - rows: absolute row numbers.
  ///   - attempt: which draw of these rows this is, for constraints that reject.
  func sample(rows: [Int], attempt: UInt32 = 0) throws -> Batch {
    var made = Batch(schema: Schema(), columns: [], rows: rows.count)
    for column in columns {
      let block = Block(sampler: self, column: column, rows: rows, attempt: attempt, made: made)
      let values = try block.values(of: column.source, salt: 0)
      made = Batch(
        schema: Schema(made.schema.columns + [column.schema]),
        columns: made.columns + [block.finished(values)], rows: rows.count)
    }
    let values = schema.names.compactMap { made[$0] }
    return Batch(schema: schema, columns: values, rows: rows.count)
  }
}

/// One column of some rows in the making.
private struct Block {
  let sampler: RuleSampler
  let column: RuleColumn
  let rows: [Int]
  let attempt: UInt32
  let made: Batch
  private let tag: UInt32

  init(sampler: RuleSampler, column: RuleColumn, rows: [Int], attempt: UInt32, made: Batch) {
    self.sampler = sampler
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
    sampler.random.uniform(
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
    case .after(let name, let unit, let gap):
      return .wholes(try later(than: name, unit, gap))
    case .when(let branches):
      // Within a mixture its branches go on from the mixture's numbers.
      return try parted(
        owners(branches), branches.map(\.source), salt: salt < Self.salts ? 0 : Self.below(salt))
    case .mixture(let sources, let cumulative):
      let chance = RandomSource.tag("\(column.schema.name)\u{0}mixture \(salt)")
      let owners = rows.map {
        Self.index(
          sampler.random.uniform(
            row: UInt64($0), tag: chance, draw: attempt &* Self.drawsPerAttempt), in: cumulative)
      }
      return try parted(owners, sources, salt: Self.below(salt))
    case .distribution(let distribution, let parameters):
      return .numbers(try numbers(distribution, parameters, salt: salt))
    }
  }

  /// The first entry that reaches the uniform.
  private static func index(_ uniform: Double, in cumulative: [Double]) -> Int {
    var low = 0
    var high = cumulative.count - 1
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] < uniform { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func failure(_ fact: String, cause: String? = nil, hint: String? = nil) -> Diagnostic {
    .error(
      "AX0651", at: column.span, "column '\(column.schema.name)': \(fact)", cause: cause, hint: hint
    )
  }

  private func uuid(_ index: Int) -> String {
    let block = sampler.random.block(
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
      return rows.map { pattern.text(sampler.random, row: UInt64($0), tag: tag, draw: draw) }
    }
    guard let last = rows.max(), last < count else {
      if rows.isEmpty { return [] }
      throw failure("the pattern makes \(count) different texts, and more rows are asked for")
    }
    let permutation = RandomPermutation(
      count: count,
      source: RandomSource(
        key: {
          let block = sampler.random.block(row: 0, tag: tag, draw: .max)
          return (block.0, block.1)
        }()))
    return rows.map { pattern.text(permutation[$0]) }
  }

  private func later(than name: String, _ unit: Double, _ gap: RuleColumn.Source) throws -> [Int64?]
  {
    guard let base = made[name] else { throw failure("column '\(name)' is not there") }
    let gaps = Self.doubles(try values(of: gap, salt: 1), rows.count)
    return try rows.indices.map { index in
      guard !base.isMissing(index), let gap = gaps[index] else { return nil }
      // At least one unit of the column's resolution, so that later is later; as a double still, for a
      // gap may be less than any whole number.
      switch base.values {
      case .date(let days):
        guard gap < 1e7 else { throw failure("a gap of more than ten million days") }
        let day = Int64(days[index]) + Int64(max(1, gap.rounded(.up)))
        guard day <= Int32.max else {
          throw failure(
            "row \(rows[index]) leaves the calendar",
            cause: "days count from 1970-01-01 and are 32-bit whole numbers")
        }
        return day
      case .datetime(let microseconds):
        guard gap * unit < 9e17 else { throw failure("a gap of more than thirty thousand years") }
        let (moment, overflow) = microseconds[index].addingReportingOverflow(
          Int64(max(1, (gap * unit).rounded())))
        guard !overflow else {
          throw failure(
            "row \(rows[index]) leaves the calendar",
            cause: "microseconds count from 1970-01-01 and are 64-bit whole numbers")
        }
        return moment
      default: return nil
      }
    }
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
      let part = Block(
        sampler: sampler, column: column, rows: mine.map { rows[$0] }, attempt: attempt,
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

  // MARK: Finishing

  private static func doubles(_ values: Values, _ count: Int) -> [Double?] {
    scalars(values, count).map {
      switch $0 {
      case .int(let value): Double(value)
      case .double(let value): value
      case .bool(let value): value ? 1 : 0
      case .null, .text: nil
      }
    }
  }

  private static func scalars(_ values: Values, _ count: Int) -> [RuleColumn.Scalar] {
    switch values {
    case .scalars(let scalars): return scalars
    case .numbers(let numbers): return numbers.map { $0.map { .double($0) } ?? .null }
    case .wholes(let wholes): return wholes.map { $0.map { .int($0) } ?? .null }
    case .texts(let texts): return texts.map { .text($0) }
    case .column(let column):
      return (0..<count).map { index in
        if column.isMissing(index) { return .null }
        return switch column.values {
        case .bool(let bits): .bool(bits[index])
        case .int(let buffer), .datetime(let buffer): .int(buffer[index])
        case .double(let buffer): .double(buffer[index])
        case .text(let texts): .text(texts[index])
        case .category(let codes, let categories): .text(categories[Int(codes[index])])
        case .date(let days): .int(Int64(days[index]))
        }
      }
    }
  }

  /// Rounds, clips, drops the missing share, and gives the column its type.
  func finished(_ values: Values) -> Column {
    let scalars = Self.scalars(values, rows.count)
    var builder = ColumnBuilder(column.schema, capacity: rows.count)
    let codes = Dictionary(
      column.schema.categories.enumerated().map { ($0.element, Int32($0.offset)) },
      uniquingKeysWith: { first, _ in first })
    let missingTag = RandomSource.tag(column.schema.name + "\u{0}missing")
    for (index, scalar) in scalars.enumerated() {
      let isDropped =
        column.missingShare > 0
        && sampler.random.uniform(row: UInt64(rows[index]), tag: missingTag, draw: attempt)
          < column.missingShare
      if isDropped {
        builder.appendMissing()
        continue
      }
      switch (column.schema.type, scalar) {
      case (.bool, .bool(let value)): builder.append(bool: value)
      case (.bool, .double(let value)): builder.append(bool: value != 0)
      case (.int, .int(let value)): appendWhole(adjusted(Double(value)), exact: value, to: &builder)
      case (.int, .double(let value)):
        appendWhole(adjusted(value), exact: nil, to: &builder)
      case (.double, .int(let value)): builder.append(double: adjusted(Double(value)))
      case (.double, .double(let value)):
        if value.isFinite {
          builder.append(double: adjusted(value))
        } else {
          builder.appendMissing()
        }
      case (.date, .int(let value)):
        if let days = Int32(exactly: value) {
          builder.append(days: days)
        } else {
          builder.appendMissing()
        }
      case (.datetime, .int(let value)): builder.append(microseconds: value)
      case (.text, .text(let value)): builder.append(text: value)
      case (.category, .text(let value)):
        if let code = codes[value] { builder.append(code: code) } else { builder.appendMissing() }
      default: builder.appendMissing()
      }
    }
    return builder.finish()
  }

  private func adjusted(_ value: Double) -> Double {
    var value = value
    if let step = column.rounding {
      // A decimal step divides by its inverse, so that 0.1 gives the decimal it names.
      let inverse = (1 / step).rounded()
      value =
        step < 1 && abs(inverse * step - 1) < 1e-12
        ? (value * inverse).rounded() / inverse : (value / step).rounded() * step
    }
    if let bounds = column.bounds { value = min(bounds.upperBound, max(bounds.lowerBound, value)) }
    return value
  }

  private func appendWhole(_ value: Double, exact: Int64?, to builder: inout ColumnBuilder) {
    if let exact, column.rounding == nil, column.bounds == nil {
      builder.append(int: exact)
    } else if let whole = Int64(exactly: value.rounded()) {
      builder.append(int: whole)
    } else {
      builder.appendMissing()
    }
  }
}
