/// Which strata could move a row from one part to another, so that a search for a way to a part that
/// wants a row goes over parts, of which there are at most 250, and not over strata.
///
/// For each pair of parts the stratum that comes first is taken. Those that could move a row when the
/// search began are walked through once, and those that can since are in a heap beside them.
struct SplitMoves {
  /// By stratum, then by part: whether it gives the part a row beyond its whole ones.
  ///
  /// Filled in before the first search, and changed by `give` alone after it.
  var extra: [[Bool]]
  /// Whether the part has a fraction of a row to come from the stratum.
  private let owed: [[Bool]]
  /// By part: the strata that gave it a row before the first search, in their order.
  private var givers: [[Int]]?
  /// By pair of parts.
  private var moves: [Moves]

  private struct Moves {
    /// How many of the givers are known not to fit.
    var passed = 0
    /// A heap of strata that came to fit later, the smallest first; some do not fit any more.
    var later: [Int] = []
  }

  private var parts: Int { owed.first?.count ?? 0 }

  init(_ owed: [[Bool]]) {
    self.owed = owed
    extra = owed.map { $0.map { _ in false } }
    let parts = owed.first?.count ?? 0
    moves = Array(repeating: Moves(), count: parts * parts)
  }

  private func canMove(_ stratum: Int, from: Int, to: Int) -> Bool {
    extra[stratum][from] && owed[stratum][to] && !extra[stratum][to]
  }

  /// Lets a stratum give one row more, along the shortest way to a part that wants one: the stratum
  /// gives it to the first part, whose row of another stratum goes to the next part, and so on.
  ///
  /// - Returns: the part that has a row more in the end, or nil where no way leads to one.
  mutating func give(_ start: Int, _ wanted: [Int]) -> Int? {
    var cameBy = [(stratum: Int, before: Int?)?](repeating: nil, count: parts)
    var queue: [Int] = []
    for part in 0..<parts where owed[start][part] && !extra[start][part] {
      cameBy[part] = (start, nil)
      if wanted[part] > 0 { return follow(cameBy, to: part) }
      queue.append(part)
    }
    var head = 0
    while head < queue.count {
      let from = queue[head]
      head += 1
      var ways: [(stratum: Int, part: Int)] = []
      for part in 0..<parts where cameBy[part] == nil {
        if let stratum = first(from: from, to: part) { ways.append((stratum, part)) }
      }
      for way in ways.sorted(by: <) {
        cameBy[way.part] = (way.stratum, from)
        if wanted[way.part] > 0 { return follow(cameBy, to: way.part) }
        queue.append(way.part)
      }
    }
    return nil
  }

  /// Each stratum on the way takes a row for its part; the one before had it and moves on.
  private mutating func follow(_ cameBy: [(stratum: Int, before: Int?)?], to end: Int) -> Int {
    var part = end
    while let step = cameBy[part] {
      extra[step.stratum][part] = true
      if let before = step.before { extra[step.stratum][before] = false }
      // It could move this row on from here, and any of its rows to where it took one from.
      for other in 0..<parts {
        if canMove(step.stratum, from: part, to: other) { push(step.stratum, part, other) }
        if let before = step.before, other != part,
          canMove(step.stratum, from: other, to: before)
        {
          push(step.stratum, other, before)
        }
      }
      guard let before = step.before else { break }
      part = before
    }
    return end
  }

  /// The first stratum that could move a row from one part to another.
  private mutating func first(from: Int, to: Int) -> Int? {
    let pair = from * parts + to
    let givers = gave(from)
    while moves[pair].passed < givers.count,
      !canMove(givers[moves[pair].passed], from: from, to: to)
    {
      moves[pair].passed += 1
    }
    while let least = moves[pair].later.first, !canMove(least, from: from, to: to) { pop(pair) }
    let known = moves[pair].passed < givers.count ? givers[moves[pair].passed] : nil
    guard let known, let least = moves[pair].later.first else {
      return known ?? moves[pair].later.first
    }
    return min(known, least)
  }

  private mutating func gave(_ part: Int) -> [Int] {
    if givers == nil {
      givers = (0..<parts).map { part in extra.indices.filter { extra[$0][part] } }
    }
    return givers?[part] ?? []
  }

  private mutating func push(_ stratum: Int, _ from: Int, _ to: Int) {
    let pair = from * parts + to
    moves[pair].later.append(stratum)
    var at = moves[pair].later.count - 1
    while at > 0, moves[pair].later[(at - 1) / 2] > moves[pair].later[at] {
      moves[pair].later.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  private mutating func pop(_ pair: Int) {
    let last = moves[pair].later.removeLast()
    guard !moves[pair].later.isEmpty else { return }
    moves[pair].later[0] = last
    var at = 0
    while 2 * at + 1 < moves[pair].later.count {
      var child = 2 * at + 1
      if child + 1 < moves[pair].later.count,
        moves[pair].later[child + 1] < moves[pair].later[child]
      {
        child += 1
      }
      guard moves[pair].later[child] < moves[pair].later[at] else { return }
      moves[pair].later.swapAt(at, child)
      at = child
    }
  }
}
