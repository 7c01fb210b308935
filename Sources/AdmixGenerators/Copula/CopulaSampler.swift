import AdmixData
import AdmixModel
import AdmixStatistics

/// Draws rows from a Gaussian copula, with conditions on any columns met by construction.
///
/// Unconditioned: ε from the counter generator, z = L·ε, values by table. Conditioned: the latent
/// variables K that conditions restrict come first in the order of L; z_K is drawn by `RestrictedNormal`
/// from its exact distribution, ε_K is solved from it, and the rest follows from L as before, which is
/// the exact conditional distribution given z_K.
struct CopulaSampler: RowSampler {
  private let schema: Schema
  private let columns: [PreparedColumn]
  private let random: RandomSource
  private let keys: [Int: RandomPermutation]
  /// L of the latent variables in `order`, row after row.
  private let factor: SquareMatrix
  private let tags: [UInt32]
  /// By column: where its latent variables are in `order`.
  private let valueSlots: [Int?]
  private let presenceSlots: [Int?]
  /// The restricted latent variables, first in `order`.
  private let restricted: RestrictedNormal

  /// Whether rows come from the conditional distribution exactly.
  var conditionsExactly: Bool { restricted.count == 0 || restricted.isExact }

  /// Draw numbers of one attempt: 0 the latent variable and missing values, 1 resampled texts.
  private static let drawsPerAttempt = 64
  private static let block = 512
  private static let keyDomain = 1_000_000_000_000

  init(_ model: CopulaModel, _ request: SamplingRequest) throws {
    var report = Diagnostics()
    let conditions = LatentConditions(model, request.conditions, report: &report)
    try report.check()
    schema = model.schema
    columns = conditions.columns
    random = request.random("rows")
    let latents = model.latents
    let first = conditions.allowed.keys.sorted()
    let order = first + latents.indices.filter { conditions.allowed[$0] == nil }
    let matrix = try model.correlationMatrix.selecting(order)
    let tags = order.map { at in
      let name = model.marginals[latents[at].marginal].column.name
      return RandomSource.tag(latents[at].role == .value ? name : name + "\u{0}presence")
    }
    guard let factor = matrix.cholesky,
      let restricted = RestrictedNormal(
        first.compactMap { conditions.allowed[$0] }, matrix.selecting(Array(first.indices)),
        tags: Array(tags.prefix(first.count)), random: request.random("conditions"))
    else { throw DamagedModel() }
    self.factor = factor
    self.restricted = restricted
    self.tags = tags
    var valueSlots = [Int?](repeating: nil, count: model.marginals.count)
    var presenceSlots = valueSlots
    for (slot, at) in order.enumerated() {
      if latents[at].role == .value {
        valueSlots[latents[at].marginal] = slot
      } else {
        presenceSlots[latents[at].marginal] = slot
      }
    }
    self.valueSlots = valueSlots
    self.presenceSlots = presenceSlots
    var keys: [Int: RandomPermutation] = [:]
    for (index, marginal) in model.marginals.enumerated() where marginal.treatment == .key {
      keys[index] = RandomPermutation(
        count: Self.keyDomain, source: request.random("key\u{0}\(marginal.column.name)"))
    }
    self.keys = keys
  }

  func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch {
    let size = factor.size
    var buffers = columns.map { OutputColumn($0, rows: rows.count) }
    let draw = UInt32(truncatingIfNeeded: attempt * Self.drawsPerAttempt)
    // One stretch of doubles per latent variable, and a second one for the restricted.
    let scratch = UnsafeMutablePointer<Double>.allocate(capacity: max(1, size * Self.block))
    let fixed = UnsafeMutablePointer<Double>.allocate(
      capacity: max(1, restricted.count * Self.block))
    let spare = UnsafeMutablePointer<Double>.allocate(capacity: Self.block)
    scratch.initialize(repeating: 0, count: max(1, size * Self.block))
    fixed.initialize(repeating: 0, count: max(1, restricted.count * Self.block))
    spare.initialize(repeating: 0, count: Self.block)
    defer {
      scratch.deallocate()
      fixed.deallocate()
      spare.deallocate()
    }
    var start = 0
    while start < rows.count {
      let count = min(Self.block, rows.count - start)
      let part = start..<(start + count)
      drawLatents(rows, part, attempt, draw, scratch, fixed)
      multiply(count, scratch)
      for (index, column) in columns.enumerated() {
        var z: UnsafeMutablePointer<Double>?
        if let slot = valueSlots[index] {
          z = (slot < restricted.count ? fixed : scratch) + slot * Self.block
        } else if column.marginal.treatment == .resampled, column.marginal.counts.count > 1 {
          for row in 0..<count {
            spare[row] = NormalDistribution.quantile(
              random.uniform(row: UInt64(rows[start + row]), tag: column.tag, draw: draw &+ 1))
          }
          z = spare
        }
        if let key = keys[index] {
          for row in part {
            buffers[index].keys[row] = Int64(Self.keyDomain + key[rows[row] % Self.keyDomain])
          }
        } else {
          buffers[index].write(column, z, part)
          markMissing(column, index, rows, part, draw, scratch, fixed, &buffers[index])
        }
      }
      start += count
    }
    return Batch(
      schema: schema, columns: zip(buffers, columns).map { $0.0.finish($0.1) }, rows: rows.count)
  }

  private func drawLatents(
    _ rows: [Int], _ part: Range<Int>, _ attempt: Int, _ draw: UInt32,
    _ scratch: UnsafeMutablePointer<Double>, _ fixed: UnsafeMutablePointer<Double>
  ) {
    for slot in restricted.count..<max(factor.size, restricted.count) {
      let out = scratch + slot * Self.block
      let tag = tags[slot]
      rows.withUnsafeBufferPointer { rows in
        for row in part {
          out[row - part.lowerBound] = random.uniform(
            row: UInt64(truncatingIfNeeded: rows[row]), tag: tag, draw: draw)
        }
      }
      NormalDistribution.quantiles(UnsafeMutableBufferPointer(start: out, count: part.count))
    }
    guard restricted.count > 0 else { return }
    var z = [Double](repeating: 0, count: restricted.count)
    for row in part {
      restricted.draw(row: UInt64(truncatingIfNeeded: rows[row]), attempt: attempt, into: &z)
      // ε_K with L_KK·ε_K = z_K.
      for k in z.indices {
        var rest = z[k]
        for j in 0..<k { rest -= factor[k, j] * scratch[j * Self.block + row - part.lowerBound] }
        scratch[k * Self.block + row - part.lowerBound] = rest / factor[k, k]
        fixed[k * Self.block + row - part.lowerBound] = z[k]
      }
    }
  }

  /// z = L·ε in place, from the last row up, because z_i needs ε_j only for j ≤ i.
  private func multiply(_ count: Int, _ scratch: UnsafeMutablePointer<Double>) {
    for i in stride(from: factor.size - 1, through: restricted.count, by: -1) {
      let z = scratch + i * Self.block
      let diagonal = factor[i, i]
      for row in 0..<count { z[row] *= diagonal }
      for j in 0..<i {
        let weight = factor[i, j]
        if weight == 0 { continue }
        let e = scratch + j * Self.block
        for row in 0..<count { z[row] += weight * e[row] }
      }
    }
  }

  private func markMissing(
    _ column: PreparedColumn, _ index: Int, _ rows: [Int], _ part: Range<Int>, _ draw: UInt32,
    _ scratch: UnsafeMutablePointer<Double>, _ fixed: UnsafeMutablePointer<Double>,
    _ out: inout OutputColumn
  ) {
    guard column.missingShare > 0 else { return }
    switch column.presence {
    case .present: return
    case .missing: for row in part { out.setMissing(row) }
    case .free:
      if column.missingShare >= 1 {
        for row in part { out.setMissing(row) }
      } else if let slot = presenceSlots[index] {
        let z = (slot < restricted.count ? fixed : scratch) + slot * Self.block
        for row in part where z[row - part.lowerBound] < column.presenceThreshold {
          out.setMissing(row)
        }
      } else {
        for row in part {
          let u = random.uniform(row: UInt64(rows[row]), tag: column.missingTag, draw: draw)
          if u < column.missingShare { out.setMissing(row) }
        }
      }
    }
  }
}

/// A column being filled.
struct OutputColumn {
  var codes: [Int32] = []
  var keys: [Int64] = []
  var doubles: [Double] = []
  private var missing: [Bool] = []
  private var hasMissing = false

  init(_ column: PreparedColumn, rows: Int) {
    missing = Array(repeating: false, count: rows)
    if column.marginal.treatment == .key {
      keys = Array(repeating: 0, count: rows)
      return
    }
    switch column.marginal.column.type {
    case .category, .bool, .text, .date: codes = Array(repeating: 0, count: rows)
    case .int, .datetime: keys = Array(repeating: 0, count: rows)
    case .double: doubles = Array(repeating: 0, count: rows)
    }
  }

  mutating func setMissing(_ row: Int) {
    missing[row] = true
    hasMissing = true
  }

  /// - Parameter z: the latent values of the part's rows, or nil where the column has one piece.
  mutating func write(
    _ column: PreparedColumn, _ z: UnsafeMutablePointer<Double>?, _ part: Range<Int>
  ) {
    if column.marginal.counts.isEmpty {
      for row in part { setMissing(row) }
      return
    }
    let from = part.lowerBound
    switch column.marginal.column.type {
    case .category, .bool, .text:
      for row in part {
        let code = Int32(column.marginal.lows[column.piece(z?[row - from] ?? 0)])
        codes[row] = max(0, code)
        if code < 0 { setMissing(row) }
      }
    case .date:
      for row in part {
        codes[row] = Int32(clamping: Int64(whole: column.number(z?[row - from] ?? 0)))
      }
    case .int, .datetime:
      for row in part { keys[row] = Int64(whole: column.number(z?[row - from] ?? 0)) }
    case .double:
      for row in part { doubles[row] = column.number(z?[row - from] ?? 0) }
    }
  }

  consuming func finish(_ column: PreparedColumn) -> Column {
    let gaps = missing
    let validity = hasMissing ? Bitmap(count: gaps.count) { !gaps[$0] } : nil
    let schema = column.marginal.column
    if column.marginal.treatment == .key {
      switch schema.type {
      case .int: return Column(.int(Buffer(keys)))
      case .double: return Column(.double(Buffer(keys.map { Double($0) })))
      default: return Column(.text(TextBuffer(keys.map { "S\($0)" })))
      }
    }
    switch schema.type {
    case .category:
      return Column(.category(Buffer(codes), categories: schema.categories), validity: validity)
    case .bool:
      let flags = codes
      return Column(.bool(Bitmap(count: flags.count) { flags[$0] == 1 }), validity: validity)
    case .text:
      let levels = column.marginal.levels
      return Column(
        .text(TextBuffer(codes.map { Int($0) < levels.count ? levels[Int($0)] : "" })),
        validity: validity)
    case .date: return Column(.date(Buffer(codes)), validity: validity)
    case .int: return Column(.int(Buffer(keys)), validity: validity)
    case .datetime: return Column(.datetime(Buffer(keys)), validity: validity)
    case .double: return Column(.double(Buffer(doubles)), validity: validity)
    }
  }
}
