import AdmixModel
import Foundation

/// A numeric column of a series, as its model has it.
struct SeriesColumn: Hashable, Sendable, Codable {
  var name: String
  /// Of values, or of their changes.
  var trend: TrendAndSeason
  /// The standard deviation around trend and season within a series; 0 where there is none.
  var deviation: Double
  /// The least and the largest value; both 0 where there is none.
  var low: Double
  var high: Double
  /// From 0 to 1.
  var missing: Double
  /// Whether all values are whole.
  var isWhole: Bool
  /// Of the first values of series, where changes are learned.
  var firstMean = 0.0
  var firstDeviation = 0.0
  /// How values are bent to the distribution that was observed; nil where they are not.
  var bend: Bend?
}

/// A column that is the same throughout a series.
struct SeriesAttribute: Hashable, Sendable, Codable {
  var name: String
  /// Its values: texts of a nominal column, or numbers.
  var levels: [String] = []
  var numbers: [Double] = []
  var isNominal: Bool
}

/// Attributes that came together, and how often.
struct SeriesKind: Hashable, Sendable, Codable {
  /// By attribute; −1 is missing.
  var values: [Int]
  var count: Int
  /// By moving column: by how many deviations series of this kind lie above all.
  var shift: [Double]
}

/// What a series generator learned.
struct SeriesModel: Sendable, Codable {
  static let format = "admix-var-1"

  var format = SeriesModel.format
  /// How many rows it learned from.
  var rows: Int
  /// Of the rows it makes.
  var schema: Schema
  var order: String
  var entity: String?
  /// Columns with fresh unique values, without the entity.
  var keys: [String]
  var leftOut: [String]
  var grid: TimeGrid
  var seasons: [Season]
  var isDifferenced: Bool
  var columns: [SeriesColumn]
  /// Which columns the autoregression is of; the others vary on their own, or not at all.
  var moving: [Int]
  /// Of the moving columns in deviations.
  var process: Autoregression
  var selection: LagRegression.Selection?
  /// The spectral radius as estimated.
  var radius: Double
  /// What eigenvalues were multiplied by to be stable; nil where they were.
  var shrinkage: Double?
  /// By moving column: its variance around what a series has of its own, in squared deviations.
  var variances: [Double]
  /// The covariance of what series have of their own, in deviations of the moving columns; empty for none.
  var effects: [Double]
  var attributes: [SeriesAttribute]
  /// One at least.
  var kinds: [SeriesKind]
  /// Of the series learned from: the first time, and how many rows.
  var starts: [Double]
  var lengths: [Int]
  /// New vectors of each step, one after the other, where they are drawn again.
  var residuals: [Double]

  func encoded() throws -> Data { try CanonicalJSON.encode(self) }

  /// Reads a model and checks what sampling relies on.
  init(decoding data: Data) throws {
    self = try CanonicalJSON.decode(SeriesModel.self, from: data)
    guard isSound else { throw DamagedBytes() }
  }

  private var isSound: Bool {
    let names = schema.names
    let made =
      columns.map(\.name) + attributes.map(\.name) + keys + [order] + (entity.map { [$0] } ?? [])
    let size = moving.count
    guard format == Self.format, rows > 0, Set(names).count == names.count, Set(made) == Set(names),
      made.count == names.count, grid.isSound, grid.type == schema[order]?.type,
      seasons.allSatisfy(\.isSound), columns.allSatisfy({ isSound($0) }),
      Set(moving).count == size, moving.allSatisfy(columns.indices.contains),
      process.isSound, process.size == size,
      variances.count == size, variances.allSatisfy({ $0.isFinite && $0 >= 0 }),
      effects.isEmpty || effects.count == size * size && effects.allSatisfy(\.isFinite),
      attributes.allSatisfy({ isSound($0) }), !kinds.isEmpty, kinds.allSatisfy({ isSound($0) }),
      !starts.isEmpty, starts.count == lengths.count, starts.allSatisfy(\.isFinite),
      lengths.allSatisfy({ (1...(1 << 32)).contains($0) }),
      size == 0 ? residuals.isEmpty : residuals.count % size == 0,
      residuals.allSatisfy(\.isFinite)
    else { return false }
    let isMade = keys + (entity.map { [$0] } ?? [])
    return isMade.allSatisfy { [.int, .double, .text].contains(schema[$0]?.type) }
  }

  private func isSound(_ column: SeriesColumn) -> Bool {
    guard let type = schema[column.name]?.type, type.isContinuous else { return false }
    let trend = column.trend
    return trend.level.isFinite && trend.slope.isFinite
      && trend.seasons.count == seasons.count
      && zip(trend.seasons, seasons).allSatisfy {
        $0.count == $1.count && $0.allSatisfy(\.isFinite)
      }
      && column.deviation.isFinite && column.deviation >= 0 && column.low.isFinite
      && column.high.isFinite && column.low <= column.high && (0...1).contains(column.missing)
      && column.firstMean.isFinite && column.firstDeviation.isFinite
      && column.bend.map(\.isSound) ?? true
  }

  private func isSound(_ attribute: SeriesAttribute) -> Bool {
    guard let type = schema[attribute.name]?.type else { return false }
    return attribute.isNominal == !type.isContinuous
      && attribute.numbers.allSatisfy(\.isFinite)
  }

  private func isSound(_ kind: SeriesKind) -> Bool {
    kind.values.count == attributes.count && (1...(1 << 40)).contains(kind.count)
      && zip(kind.values, attributes).allSatisfy { value, attribute in
        value >= -1
          && value < (attribute.isNominal ? attribute.levels.count : attribute.numbers.count)
      }
      && kind.shift.count == moving.count && kind.shift.allSatisfy(\.isFinite)
  }
}

extension SeriesModel {
  init(
    rows: Int, plan: SeriesPlan, grid: TimeGrid, seasons: [Season], isDifferenced: Bool,
    starts: [Double], lengths: [Int]
  ) {
    self.rows = rows
    schema = plan.schema
    order = plan.order.name
    entity = plan.entity
    keys = plan.keys
    leftOut = plan.leftOut.map { "\($0.name): \($0.reason)" }
    self.grid = grid
    self.seasons = seasons
    self.isDifferenced = isDifferenced
    columns = []
    moving = []
    process = Autoregression(size: 0, lags: [], coefficients: [], covariance: [], rows: 0)
    radius = 0
    variances = []
    effects = []
    attributes = []
    kinds = [SeriesKind(values: [], count: 1, shift: [])]
    self.starts = starts
    self.lengths = lengths
    residuals = []
  }
}
