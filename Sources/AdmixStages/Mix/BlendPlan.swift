import AdmixData
import AdmixModel

/// Which row of which part stands where in a blend: a pure function of seed, counts and shares.
///
/// Nothing is listed row by row. A place in the blend goes through the permutation of the whole to a
/// slot; slots are laid out part by part and cell by cell; a slot's number within its cell goes
/// through the cell's own permutation to an occurrence of that cell in the part.
struct BlendPlan: Sendable, Codable {
  struct Part: Sendable, Codable {
    var name: String
    /// What its rows say they come from: the stage, and output, behind the part.
    var origin: String
    var schema: Schema
    var counts: CellCounts
    /// By cell of `counts`: how many of its rows are taken.
    var taken: [Int]
  }

  var seed: UInt64
  var salt: String
  /// The columns that make cells; none where nothing is balanced.
  var columns: [String]
  var parts: [Part]
  var schema: Schema

  var rows: Int { parts.reduce(0) { $0 + $1.taken.reduce(0, +) } }
}

/// A plan, ready to be asked.
struct BlendPlaces {
  struct Place {
    var part: Int
    var cell: Int
    var partition: Int
    /// How many rows of the cell come before it in the partition.
    var ordinal: Int
  }

  private struct Run {
    var start: Int
    var part: Int
    var cell: Int
  }

  private let plan: BlendPlan
  private let order: RandomPermutation
  private let runs: [Run]
  private let occurrences: [OccurrenceIndex]
  /// By run and round: a cell that gives more rows than it has is gone through again in a new order.
  private var permutations: [Int: RandomPermutation] = [:]

  init(_ plan: BlendPlan) {
    self.plan = plan
    order = RandomPermutation(
      count: plan.rows, source: RandomSource(seed: plan.seed, salt: "\(plan.salt)/order"))
    var runs: [Run] = []
    var start = 0
    for (index, part) in plan.parts.enumerated() {
      for (cell, count) in part.taken.enumerated() where count > 0 {
        runs.append(Run(start: start, part: index, cell: cell))
        start += count
      }
    }
    self.runs = runs
    occurrences = plan.parts.map { OccurrenceIndex($0.counts) }
  }

  /// - Parameter row: in 0..<plan.rows.
  mutating func place(of row: Int) -> Place {
    let slot = order[row]
    var low = 0
    var high = runs.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].start <= slot { low = middle } else { high = middle }
    }
    let run = runs[low]
    let total = occurrences[run.part].total(run.cell)
    let (round, number) = (slot - run.start).quotientAndRemainder(dividingBy: total)
    let occurrence = permutation(low, round, total)[number]
    let (partition, ordinal) = occurrences[run.part].place(run.cell, occurrence)
    return Place(part: run.part, cell: run.cell, partition: partition, ordinal: ordinal)
  }

  private mutating func permutation(_ run: Int, _ round: Int, _ total: Int) -> RandomPermutation {
    let key = run + round * runs.count
    if let known = permutations[key] { return known }
    let part = plan.parts[runs[run].part]
    let cell = part.counts.keys[runs[run].cell].salt
    let made = RandomPermutation(
      count: total,
      source: RandomSource(
        seed: plan.seed, salt: "\(plan.salt)/part/\(part.name)/\(cell)/\(round)"))
    permutations[key] = made
    return made
  }
}
