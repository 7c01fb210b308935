import AdmixStatistics

/// A tree of columns for each level of a target, fitted to noisy tables.
///
/// The model of McKenna, Miklau and Sheldon ("Winning the NIST contest", 2021) with the target joined
/// to every column: log p(x, t) = θ(t) + Σ θ_v(x_v, t) + Σ θ_uv(x_u, x_v) over the tree's edges. Without a
/// target, t has one level. Potentials are found by mirror descent on the squared error of all measured
/// tables in units of their noise; sums over the tree are exact, by messages.
struct PrivateTree {
  struct Measured {
    var values: [Double]
    var variances: [Double]
  }

  let total: Double
  /// Levels of the target.
  let classes: Int
  /// Levels of each column but the target.
  let levels: [Int]
  /// By column: its parent; nil for the root, which comes first in `order`.
  let parent: [Int?]
  let order: [Int]
  private let children: [[Int]]

  /// By column, over its levels and the classes, which vary faster.
  private(set) var unary: [[Double]]
  /// By column with a parent, over the parent's levels and its own.
  private(set) var pair: [[Double]]
  /// The fitted share of each level and class of a column.
  private(set) var marginals: [[Double]] = []
  /// The fitted share by parent's level, own level and class, which varies fastest.
  private(set) var edges: [[Double]] = []
  private(set) var steps = 0

  /// - Parameter edges: a forest's edges; the trees are hung one under the other.
  init(total: Double, classes: Int, levels: [Int], edges: [(Int, Int)]) {
    self.total = total
    self.classes = classes
    self.levels = levels
    var neighbours = [[Int]](repeating: [], count: levels.count)
    for (a, b) in edges {
      neighbours[a].append(b)
      neighbours[b].append(a)
    }
    var parent = [Int?](repeating: nil, count: levels.count)
    var order: [Int] = []
    var isPlaced = [Bool](repeating: false, count: levels.count)
    if !levels.isEmpty {
      let root = neighbours.indices.max { neighbours[$0].count < neighbours[$1].count } ?? 0
      isPlaced[root] = true
      order.append(root)
      var at = 0
      while at < order.count {
        for next in neighbours[order[at]].sorted() where !isPlaced[next] {
          isPlaced[next] = true
          parent[next] = order[at]
          order.append(next)
        }
        at += 1
      }
    }
    self.parent = parent
    self.order = order
    var children = [[Int]](repeating: [], count: levels.count)
    for v in order { if let p = parent[v] { children[p].append(v) } }
    self.children = children
    unary = levels.map { [Double](repeating: 0, count: $0 * classes) }
    pair = levels.indices.map { v in
      [Double](repeating: 0, count: parent[v].map { levels[$0] * levels[v] } ?? 0)
    }
  }

  /// Sums of all that was measured: of columns alone, of columns with the target, of edges, of the
  /// target.
  struct Targets {
    var single: [Measured]
    /// Over a column's levels and the classes; empty values where there is no target.
    var withTarget: [Measured]
    /// By column with a parent, over the parent's levels and its own.
    var edge: [Measured]
    var target: Measured
  }

  /// Starts from columns that depend on the target alone.
  mutating func start(_ joint: [[Double]], classShares: [Double]) {
    for v in levels.indices {
      for cell in unary[v].indices {
        let share = max(joint[v][cell], 1e-5 * total) / total
        unary[v][cell] = PortableMath.log(share / max(classShares[cell % classes], 1e-9))
      }
    }
    if let root = order.first {
      for cell in unary[root].indices {
        unary[root][cell] += PortableMath.log(max(classShares[cell % classes], 1e-9))
      }
    }
  }

  mutating func fit(_ targets: Targets, steps most: Int = 1_000) {
    guard !order.isEmpty else { return }
    propagate()
    var (loss, gradient) = lossAndGradient(targets)
    var size = 1 / total
    for step in 0..<most {
      steps = step + 1
      var next = self
      for v in levels.indices {
        for cell in unary[v].indices { next.unary[v][cell] -= size * gradient.unary[v][cell] }
        for cell in pair[v].indices { next.pair[v][cell] -= size * gradient.pair[v][cell] }
      }
      next.propagate()
      let (nextLoss, nextGradient) = next.lossAndGradient(targets)
      // Armijo: at least half of what the slope promises.
      var promised = 0.0
      for v in levels.indices {
        for cell in unary[v].indices {
          promised += gradient.unary[v][cell] * (marginals[v][cell] - next.marginals[v][cell])
        }
        for cell in pair[v].indices {
          promised += gradient.pair[v][cell] * (edgeShare(v, cell) - next.edgeShare(v, cell))
        }
      }
      if loss - nextLoss >= promised / 2 {
        let gained = loss - nextLoss
        self = next
        loss = nextLoss
        gradient = nextGradient
        size *= 1.2
        if gained < 1e-6 * loss.magnitude && step > 150 { break }
      } else {
        size /= 2
        if size < 1e-30 { break }
      }
    }
  }

  private func edgeShare(_ v: Int, _ cell: Int) -> Double {
    var sum = 0.0
    for t in 0..<classes { sum += edges[v][cell * classes + t] }
    return sum
  }

  private func lossAndGradient(_ targets: Targets)
    -> (loss: Double, gradient: (unary: [[Double]], pair: [[Double]]))
  {
    var loss = 0.0
    var unary = unary.map { [Double](repeating: 0, count: $0.count) }
    var pair = pair.map { [Double](repeating: 0, count: $0.count) }
    for v in levels.indices {
      let single = targets.single[v]
      let joint = targets.withTarget[v]
      for level in 0..<levels[v] {
        var sum = 0.0
        for t in 0..<classes { sum += marginals[v][level * classes + t] }
        let off = sum * total - single.values[level]
        loss += off * off / (2 * single.variances[level])
        let slope = total * off / single.variances[level]
        for t in 0..<classes { unary[v][level * classes + t] += slope }
        if joint.values.isEmpty { continue }
        for cell in level * classes..<(level + 1) * classes {
          let off = marginals[v][cell] * total - joint.values[cell]
          loss += off * off / (2 * joint.variances[cell])
          unary[v][cell] += total * off / joint.variances[cell]
        }
      }
      let edge = targets.edge[v]
      for cell in pair[v].indices {
        let off = edgeShare(v, cell) * total - edge.values[cell]
        loss += off * off / (2 * edge.variances[cell])
        pair[v][cell] = total * off / edge.variances[cell]
      }
    }
    if let root = order.first, !targets.target.values.isEmpty {
      for t in 0..<classes {
        var sum = 0.0
        for level in 0..<levels[root] { sum += marginals[root][level * classes + t] }
        let off = sum * total - targets.target.values[t]
        loss += off * off / (2 * targets.target.variances[t])
        let slope = total * off / targets.target.variances[t]
        for level in 0..<levels[root] { unary[root][level * classes + t] += slope }
      }
    }
    return (loss, (unary, pair))
  }

  /// The shares that the potentials mean: messages to the root and back.
  private mutating func propagate() {
    var inside = unary
    var message = levels.map { _ in [Double]() }
    for v in order.reversed() {
      for child in children[v] {
        for cell in inside[v].indices { inside[v][cell] += message[child][cell] }
      }
      guard let p = parent[v] else { continue }
      var up = [Double](repeating: 0, count: levels[p] * classes)
      for a in 0..<levels[p] {
        for t in 0..<classes {
          var largest = -Double.infinity
          for b in 0..<levels[v] {
            largest = max(largest, pair[v][a * levels[v] + b] + inside[v][b * classes + t])
          }
          var sum = 0.0
          for b in 0..<levels[v] {
            sum += PortableMath.exp(
              pair[v][a * levels[v] + b] + inside[v][b * classes + t] - largest)
          }
          up[a * classes + t] = largest + PortableMath.log(sum)
        }
      }
      message[v] = up
    }
    marginals = levels.map { _ in [] }
    edges = marginals
    guard let root = order.first else { return }
    let largest = inside[root].max() ?? 0
    var shares = inside[root].map { PortableMath.exp($0 - largest) }
    let sum = shares.reduce(0, +)
    for cell in shares.indices { shares[cell] /= sum }
    marginals[root] = shares
    for v in order {
      for child in children[v] {
        var joint = [Double](repeating: 0, count: levels[v] * levels[child] * classes)
        var own = [Double](repeating: 0, count: levels[child] * classes)
        for a in 0..<levels[v] {
          for b in 0..<levels[child] {
            let potential = pair[child][a * levels[child] + b]
            for t in 0..<classes {
              let share =
                marginals[v][a * classes + t]
                * PortableMath.exp(
                  potential + inside[child][b * classes + t] - message[child][a * classes + t])
              joint[(a * levels[child] + b) * classes + t] = share
              own[b * classes + t] += share
            }
          }
        }
        edges[child] = joint
        marginals[child] = own
      }
    }
  }
}
