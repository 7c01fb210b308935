import AdmixData
import AdmixModel

/// Draws rows from a Bayesian network: level after level, each given its parents, then a value of each.
///
/// Conditions are met exactly by elimination where its tables stay small enough. Elsewhere a row is
/// proposed with every condition met and accepted as often as the network makes what was forced, which
/// is exact too; a row that is refused too often takes one of its proposals by weight.
struct NetworkSampler: RowSampler {
  private let schema: Schema
  private let columns: [NetworkColumn]
  /// By column: its variable.
  private let variables: [Int?]
  private let pieces: [LevelPieces]
  private let steps: [DrawingStep]
  private let proposal: Proposal?
  private let random: RandomSource
  private let tags: [UInt32]
  private let keys: [Int: RandomPermutation]

  private static let block = 512
  private static let keyDomain = 1_000_000_000_000

  init(_ model: NetworkModel, _ request: SamplingRequest) throws {
    var report = Diagnostics()
    let conditions = NetworkConditions(model, request.conditions, report: &report)
    try report.check()
    schema = model.schema
    columns = model.columns
    pieces = conditions.pieces
    random = request.random("rows")
    variables = model.columns.indices.map { model.variables.firstIndex(of: $0) }
    tags = model.variables.map { RandomSource.tag(model.columns[$0].schema.name) }
    let levels = model.levels
    let table = { (variable: Int) in
      ConditionalTable(
        model.tables[variable], parents: model.parents[variable].map { levels[$0] },
        levels: levels[variable])
    }
    func parents(_ variable: Int) -> [DrawingStep.Parent] {
      model.parents[variable].map {
        let view = model.view($0)
        return .init(view.variable, places: view.levels)
      }
    }
    func step(_ variable: Int) -> DrawingStep {
      DrawingStep(
        variable, levels: Array(0..<levels[variable]), parents: parents(variable),
        table: table(variable))
    }
    let elimination = Elimination(
      model, weights: conditions.weights, probabilities: { table($0).probabilities })
    let concerned = elimination.concerned
    if concerned.isEmpty {
      steps = model.order.map(step)
      proposal = nil
    } else if let first = elimination.steps() {
      steps =
        first
        + model.order.filter { !concerned.contains($0) }.map(step)
      proposal = nil
    } else {
      var factors: [Proposal.Factor?] = []
      steps = model.order.map { variable in
        guard let evidence = conditions.weights[variable] else {
          factors.append(nil)
          return step(variable)
        }
        var weights = table(variable).probabilities
        let count = levels[variable]
        for cell in weights.indices { weights[cell] *= evidence[cell % count] }
        let sums = stride(from: 0, to: weights.count, by: count).map { from in
          (0..<count).reduce(0.0) { $0 + weights[from + $1] }
        }
        let largest = sums.max() ?? 0
        factors.append(Proposal.Factor(weights: sums.map { largest > 0 ? $0 / largest : 0 }))
        return DrawingStep(
          variable, levels: Array(0..<count), parents: parents(variable), weights: weights)
      }
      proposal = Proposal(factors: factors, random: request.random("proposals"))
    }
    var keys: [Int: RandomPermutation] = [:]
    for (index, column) in model.columns.enumerated() where column.coding == nil {
      keys[index] = RandomPermutation(
        count: Self.keyDomain, source: request.random("key\u{0}\(column.schema.name)"))
    }
    self.keys = keys
  }

  /// How many of some rows were refused so often that they come from the conditional distribution only
  /// nearly; nil where conditions are met by elimination.
  func refusals(ofRows count: Int) -> Int? {
    guard let proposal else { return nil }
    var levels = [UInt16](repeating: 0, count: pieces.count)
    var places = [Double](repeating: 0, count: pieces.count)
    return (0..<count).reduce(0) { sum, row in
      sum + (proposal.draw(UInt64(row), 0, steps, random, tags, &levels, &places) ? 0 : 1)
    }
  }

  func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch {
    var buffers = columns.map { ValueBuffer($0, rows: rows.count) }
    let scratch = LevelScratch(variables: pieces.count, block: Self.block)
    var start = 0
    while start < rows.count {
      let part = start..<min(rows.count, start + Self.block)
      if let proposal {
        proposal.draw(rows, part, attempt, steps, random, tags, scratch)
      } else {
        draw(rows, part, attempt, scratch)
      }
      for (index, column) in columns.enumerated() {
        if let variable = variables[index] {
          buffers[index].write(
            column, pieces[variable], scratch.levels(variable), scratch.places(variable), part)
        } else if let key = keys[index] {
          for row in part {
            buffers[index].whole[row] = Int64(Self.keyDomain + key[rows[row] % Self.keyDomain])
          }
        }
      }
      start = part.upperBound
    }
    return Batch(
      schema: schema, columns: zip(buffers, columns).map { $0.0.finish($0.1) }, rows: rows.count)
  }

  private func draw(_ rows: [Int], _ part: Range<Int>, _ attempt: Int, _ scratch: LevelScratch) {
    let count = part.count
    let draw = UInt32(truncatingIfNeeded: attempt)
    let index = scratch.index
    for step in steps {
      for row in 0..<count { index[row] = 0 }
      for (parent, offsets) in zip(step.parents, step.offsets) {
        let levels = scratch.levels(parent)
        offsets.withUnsafeBufferPointer { offsets in
          for row in 0..<count { index[row] &+= offsets[Int(levels[row])] }
        }
      }
      let out = scratch.levels(step.variable)
      let places = scratch.places(step.variable)
      let tag = tags[step.variable]
      let width = step.levels.count
      rows.withUnsafeBufferPointer { rows in
        step.thresholds.withUnsafeBufferPointer { thresholds in
          step.levels.withUnsafeBufferPointer { levels in
            for row in 0..<count {
              let bits = random.block(
                row: UInt64(truncatingIfNeeded: rows[part.lowerBound + row]), tag: tag, draw: draw)
              out[row] =
                levels[DrawingStep.level(thresholds, Int(index[row]), width, bits.0)]
              places[row] = RandomSource.unit(UInt64(bits.1) | UInt64(bits.2) << 32)
            }
          }
        }
      }
    }
  }
}

/// Levels and places within them of one block of rows, by variable.
final class LevelScratch {
  private let block: Int
  private let levelsBase: UnsafeMutablePointer<UInt16>
  private let placesBase: UnsafeMutablePointer<Double>
  let index: UnsafeMutablePointer<Int32>

  init(variables: Int, block: Int) {
    self.block = block
    let size = max(1, variables * block)
    levelsBase = .allocate(capacity: size)
    placesBase = .allocate(capacity: size)
    index = .allocate(capacity: block)
    levelsBase.initialize(repeating: 0, count: size)
    placesBase.initialize(repeating: 0, count: size)
    index.initialize(repeating: 0, count: block)
  }

  deinit {
    levelsBase.deallocate()
    placesBase.deallocate()
    index.deallocate()
  }

  func levels(_ variable: Int) -> UnsafeMutablePointer<UInt16> { levelsBase + variable * block }
  func places(_ variable: Int) -> UnsafeMutablePointer<Double> { placesBase + variable * block }
}

/// Rows that meet conditions, accepted as often as the network would have made them.
struct Proposal: Sendable {
  struct Factor: Sendable {
    /// By combination of the parents: how often the conditions hold, over how often at most.
    var weights: [Double]
  }
  /// By step; nil where the variable has no condition.
  let factors: [Factor?]
  let random: RandomSource

  static let tries = 1_024
  private static let acceptance = RandomSource.tag("\u{0}acceptance")

  func draw(
    _ rows: [Int], _ part: Range<Int>, _ attempt: Int, _ steps: [DrawingStep],
    _ source: RandomSource, _ tags: [UInt32], _ scratch: LevelScratch
  ) {
    var levels = [UInt16](repeating: 0, count: tags.count)
    var places = [Double](repeating: 0, count: tags.count)
    for row in part {
      _ = draw(UInt64(rows[row]), attempt, steps, source, tags, &levels, &places)
      for variable in tags.indices {
        scratch.levels(variable)[row - part.lowerBound] = levels[variable]
        scratch.places(variable)[row - part.lowerBound] = places[variable]
      }
    }
  }

  /// - Returns: whether a proposal was accepted; else one was taken by weight.
  func draw(
    _ row: UInt64, _ attempt: Int, _ steps: [DrawingStep], _ source: RandomSource,
    _ tags: [UInt32], _ levels: inout [UInt16], _ places: inout [Double]
  ) -> Bool {
    var chosen = (levels, places)
    var total = 0.0
    for number in 0..<Self.tries {
      let draw = UInt32(truncatingIfNeeded: attempt &* Self.tries &+ number)
      var weight = 1.0
      for (step, factor) in zip(steps, factors) {
        var index = 0
        for (parent, offsets) in zip(step.parents, step.offsets) {
          index += Int(offsets[Int(levels[parent])])
        }
        let bits = source.block(row: row, tag: tags[step.variable], draw: draw)
        let level = step.thresholds.withUnsafeBufferPointer {
          DrawingStep.level($0, index, step.levels.count, bits.0)
        }
        levels[step.variable] = step.levels[level]
        places[step.variable] = RandomSource.unit(UInt64(bits.1) | UInt64(bits.2) << 32)
        if let factor { weight *= factor.weights[index] }
      }
      let (first, second) = random.uniforms(row: row, tag: Self.acceptance, draw: draw)
      if first < weight { return true }
      total += weight
      if number == 0 || second * total < weight { chosen = (levels, places) }
    }
    (levels, places) = chosen
    return false
  }
}
