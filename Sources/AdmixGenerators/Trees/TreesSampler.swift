import AdmixData
import AdmixModel

/// Draws rows from sequential trees, column after column in the visit order.
///
/// Conditions are met by rejection that wastes little: a conditioned column is drawn among the donors
/// that the condition lets through, and the row goes on with the chance that the leaf would have given
/// one, over the largest such chance of any leaf. That is the conditional distribution, and a condition
/// on the column visited first rejects nothing. A rejected row is drawn again under the next number, so
/// a row depends on its own number alone.
struct TreesSampler: RowSampler {
  private let schema: Schema
  private let marginals: [Marginal]
  /// By position in the visit order.
  private let columns: [ValueCodes]
  private let trees: [DonorTree]
  private let limits: [Int: CodeLimits]
  /// By position: donors let through, summed along the donors.
  private let weights: [Int: DonorWeights]
  private let smooth: Bool
  private let guarded: Set<UInt64>
  /// By column of the schema.
  private let positions: [Int?]
  private let keys: [Int: RandomPermutation]
  private let prepared: [Int: PreparedColumn]
  private let random: RandomSource

  private static let keyDomain = 1_000_000_000_000
  private static let block = 2_048
  /// Draw numbers of one attempt, of which each round takes two.
  private static let drawsPerAttempt = 1 << 16
  /// At the least acceptance, one row in 500 million is not found in as many rounds.
  private static let rounds = ConstrainedSampler.attempts

  init(_ model: TreesModel, _ request: SamplingRequest, smooth: Bool) throws {
    guard model.trees.count == model.header.order.count else { throw DamagedTreesModel() }
    schema = model.schema
    marginals = model.header.marginals
    let columns = model.header.order.map {
      ValueCodes(TreeColumn(model.header.marginals[$0]), smooth: smooth)
    }
    self.columns = columns
    trees = model.trees
    self.smooth = smooth
    guarded = Set(model.guarded)
    random = request.random("rows")
    var report = Diagnostics()
    limits = CodeLimits.all(request.conditions, columns, model, report: &report)
    try report.check()
    var weights: [Int: DonorWeights] = [:]
    for (position, limit) in limits {
      weights[position] = DonorWeights(trees[position], limit.shares)
    }
    self.weights = weights
    var positions = [Int?](repeating: nil, count: marginals.count)
    for (position, index) in model.header.order.enumerated() { positions[index] = position }
    self.positions = positions
    var keys: [Int: RandomPermutation] = [:]
    var prepared: [Int: PreparedColumn] = [:]
    for (index, marginal) in marginals.enumerated() where positions[index] == nil {
      prepared[index] = PreparedColumn(marginal)
      if marginal.treatment == .key {
        keys[index] = RandomPermutation(
          count: Self.keyDomain, source: request.random("key\u{0}\(marginal.column.name)"))
      }
    }
    self.keys = keys
    self.prepared = prepared
  }

  /// Draws some rows to see how often conditions are met; throws where that is hopeless.
  func probe(at span: SourceSpan?) throws {
    guard !limits.isEmpty else { return }
    let rows = Array(0..<1_000)
    var drawn = 0
    var met = 0
    for round in 0..<4 {
      var block = Block(rows.count, columns.count)
      drawn += rows.count
      met += draw(rows, rows, 0, round, &block).count
      if Double(met) >= 10 * ConstrainedSampler.leastAcceptance * Double(drawn) { break }
    }
    if Double(met) < ConstrainedSampler.leastAcceptance * Double(drawn) {
      throw infeasible(met, of: drawn, at: span)
    }
  }

  private func infeasible(_ met: Int, of drawn: Int, at span: SourceSpan?) -> Diagnostics {
    Diagnostics([
      .error(
        "AX0611", at: span,
        "the conditions accept \(met == 0 ? "none" : "\(met)") of \(drawn) rows drawn",
        cause: "each can be met alone, but hardly any row of the model meets all at once",
        hint: "ask for fewer or wider conditions")
    ])
  }

  func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch {
    var buffers = schema.columns.indices.map { index in
      OutputColumn(preparedColumn(index), rows: rows.count)
    }
    var start = 0
    while start < rows.count {
      let part = start..<min(rows.count, start + Self.block)
      let block = try codes(Array(rows[part]), attempt)
      for index in buffers.indices { write(index, rows, part, attempt, block, &buffers[index]) }
      start = part.upperBound
    }
    return Batch(
      schema: schema,
      columns: buffers.enumerated().map { $0.element.finish(preparedColumn($0.offset)) },
      rows: rows.count)
  }

  private func preparedColumn(_ index: Int) -> PreparedColumn {
    if let position = positions[index] { return columns[position].prepared }
    return prepared[index] ?? PreparedColumn(marginals[index])
  }

  /// The codes of some rows, position after position, and the round in which each row was found.
  private struct Block {
    var codes: [Int32]
    var bins: [UInt8]
    var rounds: [Int32]
    /// The position from which a row is drawn in the next round.
    var starts: [Int32]
    let rows: Int

    init(_ rows: Int, _ positions: Int) {
      self.rows = rows
      codes = [Int32](repeating: 0, count: rows * positions)
      bins = [UInt8](repeating: 0, count: rows * positions)
      rounds = [Int32](repeating: 0, count: rows)
      starts = rounds
    }
  }

  private func codes(_ rows: [Int], _ attempt: Int) throws -> Block {
    var block = Block(rows.count, columns.count)
    var open = Array(rows.indices)
    var copies = [UInt8](repeating: 0, count: rows.count)
    var round = 0
    while !open.isEmpty {
      guard round < Self.rounds else { throw infeasible(0, of: round, at: nil) }
      let met = draw(rows, open, attempt, round, &block)
      var found = [Bool](repeating: false, count: rows.count)
      for row in met {
        if isCopy(row, block), copies[row] < UInt8(CopyGuard.attempts) {
          copies[row] += 1
          block.starts[row] = Int32(
            CopyGuard.start(of: Int(copies[row]), columns: columns.count))
          continue
        }
        found[row] = true
        block.rounds[row] = Int32(round)
      }
      open = open.filter { !found[$0] }
      round += 1
    }
    return block
  }

  private func isCopy(_ row: Int, _ block: Block) -> Bool {
    if guarded.isEmpty { return false }
    var hash = CopyGuard.start()
    for position in columns.indices {
      hash = CopyGuard.add(block.codes[position * block.rows + row], to: hash)
    }
    return guarded.contains(hash)
  }

  private static func draw(_ attempt: Int, _ round: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: attempt &* drawsPerAttempt &+ 2 &* round)
  }

  /// Draws the open rows once, each from its start on; gives those that meet the conditions.
  private func draw(
    _ rows: [Int], _ open: [Int], _ attempt: Int, _ round: Int, _ block: inout Block
  ) -> [Int] {
    let number = Self.draw(attempt, round)
    let count = block.rows
    var alive = open
    var starts = block.starts
    defer { block.starts = starts }
    for position in columns.indices {
      let tree = trees[position]
      let column = columns[position]
      let isSmooth = smooth && column.column.isSmooth
      let weights = weights[position]
      var left: [Int] = []
      block.codes.withUnsafeMutableBufferPointer { codes in
        block.bins.withUnsafeMutableBufferPointer { bins in
          tree.nodes.withUnsafeBufferPointer { nodes in
            tree.sets.withUnsafeBufferPointer { sets in
              tree.donors.withUnsafeBufferPointer { donors in
                column.column.bins.withUnsafeBufferPointer { binOfCode in
                  for row in alive {
                    if starts[row] > Int32(position) {
                      if weights != nil { left.append(row) }
                      continue
                    }
                    var node = nodes[0]
                    while node.feature >= 0 {
                      let bin = Int(bins[Int(node.feature) &* count &+ row])
                      let goesLeft: Bool
                      if node.cut >= 0 {
                        goesLeft = bin <= Int(node.cut)
                      } else {
                        let word = sets[Int(-1 &- node.cut) &* 4 &+ bin >> 6]
                        goesLeft = word >> UInt64(bin & 63) & 1 == 1
                      }
                      node = nodes[Int(goesLeft ? node.left : node.right)]
                    }
                    let (from, to) = (Int(node.left), Int(node.right))
                    let (u, v) = random.uniforms(
                      row: UInt64(truncatingIfNeeded: rows[row]), tag: column.tag, draw: number)
                    var at = from + Int(u * Double(to - from))
                    if let weights {
                      let w = random.uniform(
                        row: UInt64(truncatingIfNeeded: rows[row]), tag: column.tag,
                        draw: number &+ 1)
                      guard let found = weights.donor(from, to, u, accept: w) else {
                        starts[row] = 0
                        continue
                      }
                      at = found
                      left.append(row)
                    }
                    var code = donors[at]
                    if isSmooth, at + 1 < to {
                      code = column.between(code, donors[at + 1], v, limits[position])
                    }
                    codes[position &* count &+ row] = code
                    bins[position &* count &+ row] = binOfCode[Int(code)]
                  }
                }
              }
            }
          }
        }
      }
      if weights != nil { alive = left }
    }
    return alive
  }

  private func write(
    _ index: Int, _ rows: [Int], _ part: Range<Int>, _ attempt: Int, _ block: Block,
    _ out: inout OutputColumn
  ) {
    let marginal = marginals[index]
    let from = part.lowerBound
    if let key = keys[index] {
      for row in part { out.keys[row] = Int64(Self.keyDomain + key[rows[row] % Self.keyDomain]) }
      return
    }
    guard let position = positions[index] else {
      resample(preparedColumn(index), rows, part, attempt, &out)
      return
    }
    let column = columns[position]
    let limit = limits[position]
    let offset = position * block.rows
    func number(_ row: Int, _ code: Int) -> Double {
      var u = 0.5
      if column.isInterval(code) {
        u = random.uniform(
          row: UInt64(truncatingIfNeeded: rows[row]), tag: column.tag ^ 0x5649_5645,
          draw: Self.draw(attempt, Int(block.rounds[row - from])))
      }
      return column.number(code, u, within: limit)
    }
    for row in part {
      let code = Int(block.codes[offset + row - from])
      if column.isMissing(code) {
        out.setMissing(row)
        continue
      }
      switch marginal.column.type {
      case .category, .bool, .text: out.codes[row] = Int32(marginal.lows[code])
      case .date: out.codes[row] = Int32(clamping: Int64(whole: number(row, code)))
      case .int, .datetime: out.keys[row] = Int64(whole: number(row, code))
      case .double: out.doubles[row] = number(row, code)
      }
    }
  }

  /// Training texts, as often as they occur, unrelated to other columns.
  private func resample(
    _ column: PreparedColumn, _ rows: [Int], _ part: Range<Int>, _ attempt: Int,
    _ out: inout OutputColumn
  ) {
    let counts = column.marginal.counts
    var ends: [Int] = []
    for count in counts { ends.append((ends.last ?? 0) + count) }
    guard let total = ends.last else {
      for row in part { out.setMissing(row) }
      return
    }
    for row in part {
      let u = random.uniform(
        row: UInt64(truncatingIfNeeded: rows[row]), tag: column.tag, draw: Self.draw(attempt, 0))
      let place = Int(u * Double(total))
      var (low, high) = (0, ends.count - 1)
      while low < high {
        let middle = (low + high) / 2
        if ends[middle] > place { high = middle } else { low = middle + 1 }
      }
      let code = Int32(column.marginal.lows[low])
      out.codes[row] = max(0, code)
      if code < 0 { out.setMissing(row) }
    }
  }
}

extension ValueCodes {
  /// A code between two neighbouring donors of a leaf, where neither is a frequent value.
  @inline(__always)
  fileprivate func between(_ a: Int32, _ b: Int32, _ v: Double, _ limit: CodeLimits?) -> Int32 {
    guard b > a, !column.isAtom[Int(a)], !column.isAtom[Int(b)] else { return a }
    let code = a + Int32(v * Double(b - a))
    if column.isAtom[Int(code)] { return a }
    if let limit, limit.shares[Int(code)] == 0 { return a }
    return code
  }
}

/// Which donors a condition lets through, summed along a tree's donors.
private struct DonorWeights: Sendable {
  private let sums: [Double]
  /// The largest chance of any leaf.
  private let largest: Double

  init(_ tree: DonorTree, _ shares: [Double]) {
    var sums = [0.0]
    sums.reserveCapacity(tree.donors.count + 1)
    var sum = 0.0
    for code in tree.donors {
      sum += shares[Int(code)]
      sums.append(sum)
    }
    self.sums = sums
    var largest = 0.0
    for node in tree.nodes where node.feature < 0 {
      let (from, to) = (Int(node.left), Int(node.right))
      largest = max(largest, (sums[to] - sums[from]) / Double(to - from))
    }
    self.largest = largest
  }

  /// A donor that is let through; nil where the row is rejected.
  func donor(_ from: Int, _ to: Int, _ u: Double, accept: Double) -> Int? {
    let weight = sums[to] - sums[from]
    guard weight > 0, accept * largest * Double(to - from) < weight else { return nil }
    let place = sums[from] + u * weight
    // The first donor whose sum passes the place.
    var (low, high) = (from, to - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle + 1] > place { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
