/// Turns a network with evidence into steps that draw from the conditional distribution exactly.
///
/// Variable elimination: each variable is summed out of the product of the tables it is in, the
/// cheapest first; drawn in the opposite order, each given those its product was with, the variables
/// have their joint distribution given the evidence (Koller and Friedman, Probabilistic Graphical
/// Models, 2009, §9.3). Only what evidence hangs from takes part; the rest is drawn as ever.
struct Elimination {
  /// Cells of one product, and of all together.
  static let cells = 1 << 22
  static let allCells = 1 << 24

  private struct Factor {
    /// Variables, the last varies fastest.
    var scope: [Int]
    var values: [Double]
  }

  private let model: NetworkModel
  private let probabilities: (Int) -> [Double]
  private let weights: [[Double]?]
  /// By variable: the levels that evidence leaves.
  private let allowed: [[Int]]
  private let counts: [Int]

  /// - Parameters:
  ///   - probabilities: of a variable given its parents, over all levels.
  ///   - weights: by variable, what evidence leaves of each level; nil where there is none.
  init(
    _ model: NetworkModel, weights: [[Double]?], probabilities: @escaping (Int) -> [Double]
  ) {
    self.model = model
    self.probabilities = probabilities
    self.weights = weights
    let counts = Array(model.levels.prefix(model.variables.count))
    self.counts = counts
    allowed = counts.indices.map { variable in
      guard let weight = weights[variable] else { return Array(0..<counts[variable]) }
      return weight.indices.filter { weight[$0] > 0 }
    }
  }

  /// Variables with evidence and all that they depend on.
  var concerned: Set<Int> {
    var out: Set<Int> = []
    var open = weights.indices.filter { weights[$0] != nil }
    while let next = open.popLast() {
      if out.insert(next).inserted { open += model.parents[next].map { $0 % counts.count } }
    }
    return out
  }

  /// The steps for the variables that are concerned, in drawing order; nil where a table would be too
  /// large.
  func steps() -> [DrawingStep]? {
    let concerned = concerned
    // A product's size is known beforehand, so nothing is computed that does not fit.
    guard let order = eliminationOrder(concerned) else { return nil }
    var factors = concerned.sorted().map(factor)
    var steps: [DrawingStep] = []
    for variable in order {
      let mine = factors.filter { $0.scope.contains(variable) }
      factors.removeAll { $0.scope.contains(variable) }
      let others = Set(mine.flatMap(\.scope)).subtracting([variable]).sorted()
      let product = multiply(mine, others + [variable])
      let levels = allowed[variable]
      var message = [Double](repeating: 0, count: product.count / levels.count)
      for (at, value) in product.enumerated() { message[at / levels.count] += value }
      // Only ratios matter; so many factors below one would run out of exponent.
      let largest = message.max() ?? 0
      if largest > 0 { for at in message.indices { message[at] /= largest } }
      factors.append(Factor(scope: others, values: message))
      steps.append(
        DrawingStep(
          variable, levels: levels,
          parents: others.map { .init($0, levels: allowed[$0], of: counts[$0]) },
          weights: product))
    }
    return steps.reversed()
  }

  /// Greedy: next the variable whose product is smallest.
  private func eliminationOrder(_ variables: Set<Int>) -> [Int]? {
    var scopes = variables.map { Set(model.parents[$0].map { $0 % counts.count } + [$0]) }
    var rest = variables
    var order: [Int] = []
    var total = 0
    while !rest.isEmpty {
      var best: (size: Int, variable: Int, scope: Set<Int>)?
      for variable in rest.sorted() {
        var scope: Set<Int> = [variable]
        for other in scopes where other.contains(variable) { scope.formUnion(other) }
        var size = 1
        for member in scope {
          size = min(size, Self.cells + 1) * allowed[member].count
        }
        if size < best?.size ?? .max { best = (size, variable, scope) }
      }
      guard let best, best.size <= Self.cells else { return nil }
      total += best.size
      if total > Self.allCells { return nil }
      order.append(best.variable)
      rest.remove(best.variable)
      scopes.removeAll { $0.contains(best.variable) }
      scopes.append(best.scope.subtracting([best.variable]))
    }
    return order
  }

  /// P(variable | parents) over the levels that evidence leaves, times what it leaves of them.
  private func factor(_ variable: Int) -> Factor {
    let views = (model.parents[variable] + [variable]).map {
      (count: model.levels[$0], view: model.view($0))
    }
    let table = probabilities(variable)
    var cells: [Int] = [0]
    // Grows combination by combination, the last variable fastest.
    for (count, view) in views {
      let places = allowed[view.variable].map { view.levels[$0] }
      var next: [Int] = []
      next.reserveCapacity(cells.count * places.count)
      for cell in cells { for place in places { next.append(cell * count + place) } }
      cells = next
    }
    let weight = weights[variable]
    let values = cells.map { cell in
      table[cell] * (weight.map { $0[cell % counts[variable]] } ?? 1)
    }
    return Factor(scope: views.map(\.view.variable), values: values)
  }

  private func multiply(_ factors: [Factor], _ scope: [Int]) -> [Double] {
    let sizes = scope.map { allowed[$0].count }
    let size = sizes.reduce(1, *)
    var out = [Double](repeating: 1, count: size)
    for factor in factors {
      // What one more of each variable of the scope adds to the factor's index.
      var strides = [Int](repeating: 0, count: scope.count)
      var stride = 1
      for member in factor.scope.reversed() {
        if let place = scope.firstIndex(of: member) { strides[place] = stride }
        stride *= allowed[member].count
      }
      var digits = [Int](repeating: 0, count: scope.count)
      var at = 0
      factor.values.withUnsafeBufferPointer { values in
        out.withUnsafeMutableBufferPointer { out in
          for cell in 0..<size {
            out[cell] *= values[at]
            var place = scope.count - 1
            while place >= 0 {
              digits[place] += 1
              at += strides[place]
              if digits[place] < sizes[place] { break }
              at -= strides[place] * sizes[place]
              digits[place] = 0
              place -= 1
            }
          }
        }
      }
    }
    return out
  }
}
