import AdmixModel
import AdmixStatistics
import Foundation

/// A learned Gaussian copula: how each column is distributed and how they vary together.
///
/// It holds counts and, for columns with few distinct values, the values themselves: the smallest and
/// the largest included. It is not private.
struct CopulaModel: Sendable, Codable {
  static let format = "admix-gaussian-copula-1"

  var format = CopulaModel.format
  /// How many rows it learned from.
  var rows: Int
  /// In the order of the training data, without those left out.
  var marginals: [Marginal]
  /// Of the latent variables, in `latents`' order; lower triangle, row after row, without diagonal.
  var correlations: [Double] = []
  /// Names of columns that were not learned.
  var leftOut: [String]

  var schema: Schema { Schema(marginals.map(\.column)) }

  /// A standard normal variable behind a column.
  struct Latent: Hashable, Sendable {
    enum Role: Sendable { case value, presence }
    var marginal: Int
    var role: Role
  }

  var latents: [Latent] { Self.latents(marginals) }

  static func latents(_ marginals: [Marginal]) -> [Latent] {
    var out: [Latent] = []
    for (index, marginal) in marginals.enumerated() {
      if marginal.hasValueLatent { out.append(Latent(marginal: index, role: .value)) }
      if marginal.hasPresence { out.append(Latent(marginal: index, role: .presence)) }
    }
    return out
  }

  func name(_ latent: Latent) -> String {
    let name = marginals[latent.marginal].column.name
    return latent.role == .value ? name : "\(name) is present"
  }

  /// The counts whose thresholds cut a latent variable: of values, or of missing and present.
  func counts(_ latent: Latent) -> [Int] {
    let marginal = marginals[latent.marginal]
    return latent.role == .value ? marginal.counts : [marginal.missing, marginal.present]
  }

  var correlationMatrix: SquareMatrix {
    get throws {
      let size = latents.count
      guard correlations.count == size * (size - 1) / 2 else { throw DamagedModel() }
      var matrix = SquareMatrix.identity(size)
      var at = 0
      for i in 0..<size {
        for j in 0..<i {
          matrix[i, j] = correlations[at]
          matrix[j, i] = correlations[at]
          at += 1
        }
      }
      return matrix
    }
  }

  mutating func setCorrelations(_ matrix: SquareMatrix) {
    correlations = []
    for i in 0..<matrix.size {
      for j in 0..<i { correlations.append(matrix[i, j]) }
    }
  }

  func encoded() throws -> Data { try CanonicalJSON.encode(self) }

  init(rows: Int, marginals: [Marginal], leftOut: [String]) {
    self.rows = rows
    self.marginals = marginals
    self.leftOut = leftOut
  }

  /// Reads a model and checks what the sampler relies on.
  init(decoding data: Data) throws {
    self = try CanonicalJSON.decode(CopulaModel.self, from: data)
    guard format == Self.format else { throw DamagedModel() }
    guard Set(schema.names).count == marginals.count, marginals.allSatisfy(\.isSound) else {
      throw DamagedModel()
    }
  }
}

extension Marginal {
  /// Whether everything holds that drawing relies on without looking again.
  var isSound: Bool {
    let largest = 1 << 48
    guard lows.count == counts.count, highs.count == counts.count,
      counts.count < 1 << 14 || treatment != .numeric,
      counts.allSatisfy({ $0 > 0 && $0 <= largest }), missing >= 0, missing <= largest,
      counts.reduce(0.0, { $0 + Double($1) }) <= Double(largest),
      zip(lows, highs).allSatisfy({ $0 <= $1 }), step >= 0, step.isFinite,
      decimals.map({ (0...9).contains($0) }) ?? true
    else { return false }
    let codes: Int
    switch (treatment, column.type) {
    case (.key, _): return column.type != .category && column.type != .bool
    case (.numeric, _): return column.type.isContinuous
    case (_, .category): codes = column.categories.count
    case (_, .bool): codes = 2
    case (_, .text): codes = levels.count
    default: return false
    }
    return lows.allSatisfy { $0 >= -1 && $0 < Double(codes) && $0 == $0.rounded() }
  }
}

/// Bytes that are no model of this generator, or one from another version.
struct DamagedModel: Error, CustomStringConvertible {
  var description: String { "the model is not one that this version of gaussian-copula wrote" }
}
