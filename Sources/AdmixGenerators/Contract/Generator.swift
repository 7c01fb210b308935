package import AdmixData
package import AdmixModel
package import AdmixSpec
package import Foundation

/// Makes rows: from a model it learned, from rules, or from a simulation.
///
/// Learning is a sequence of passes. A pass looks at every training partition on its own and gives
/// statistics of it, which are cached, then combines them, in partition order, to a state for the next
/// pass; the state after the last pass is the model. So a changed partition costs its own recount and
/// the combines. Sampling is one task per output partition. Row `r` is a pure function of the model,
/// the request and `r`: everything random comes from `RandomSource`, addressed by row, column and
/// attempt, so bytes depend neither on workers nor on how the rows were divided.
///
/// A new generator is a folder here and a line in `BuiltinGenerators`.
package protocol Generator: Sendable {
  static var description: GeneratorDescription { get }

  /// - Parameter options: a map node, checked against the description's fields, defaults filled in.
  init(_ options: Node, report: inout Diagnostics)

  /// The options that passes read; what is not in here does not make anyone learn again.
  var learningParameters: JSONValue { get }
  /// The options that sampling reads.
  var samplingParameters: JSONValue { get }
  /// Whether a row may differ with how many rows are asked for. Where it does not, more rows can be
  /// asked for later and those already made are kept.
  var dependsOnRowCount: Bool { get }

  /// Whether it has to be told how many rows to make; false where its own options say it.
  var needsRows: Bool { get }
  /// Whether a row can be drawn again without those beside it, so that rules over rows can be kept.
  var drawsRowsAgain: Bool { get }

  /// What a model tells at most about any one row; nil where it may tell anything.
  var privacyBound: PrivacyBound? { get }

  /// Whether combining gives the same state each time; false for one that draws noise nobody may know.
  var learnsRepeatably: Bool { get }

  /// The names of the tables it makes, the primary one first.
  var tables: [String] { get }

  /// The schemas of its tables as far as they are known before anything runs.
  ///
  /// - Parameter learned: the schema of the training data, where it is known and there is any.
  func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema]

  /// The passes over the training data, named for people; empty where nothing is learned.
  var passes: [String] { get }

  /// What a pass notes about one training partition.
  ///
  /// Categories are those of the partition, in an order of its own, so they are noted by their texts.
  func statistics(pass: Int, of batch: Batch, learning: LearningContext) throws -> Data

  /// Combines what a pass noted, in partition order, to the next pass's state or the model.
  func combine(pass: Int, _ statistics: StatisticsList, learning: LearningContext) throws
    -> LearningOutcome

  /// Looks at a request before rows are made: how many rows each table has, and its exact schema.
  ///
  /// Throws located diagnostics for conditions that the model cannot meet.
  func plan(_ request: SamplingRequest) throws -> GenerationPlan

  /// Prepares for making rows; called once for each task.
  func sampler(_ request: SamplingRequest) throws -> any RowSampler

  /// Says in figures what a model holds; nil where there is no model.
  func explain(model: Data) throws -> CheckReport?
}

extension Generator {
  package var learningParameters: JSONValue { .object([:]) }
  package var samplingParameters: JSONValue { .object([:]) }
  package var dependsOnRowCount: Bool { false }
  package var needsRows: Bool { true }
  package var drawsRowsAgain: Bool { true }
  package var privacyBound: PrivacyBound? { nil }
  package var learnsRepeatably: Bool { true }
  package var tables: [String] { ["data"] }
  package var passes: [String] { [] }
  package func statistics(pass: Int, of batch: Batch, learning: LearningContext) throws -> Data {
    Data()
  }
  package func combine(pass: Int, _ statistics: StatisticsList, learning: LearningContext) throws
    -> LearningOutcome
  {
    LearningOutcome(Data())
  }
  package func explain(model: Data) throws -> CheckReport? { nil }
}

/// (ε, δ)-differential privacy for the addition or removal of one row, and where it was asked for.
package struct PrivacyBound: Hashable, Sendable {
  package var epsilon: Double
  package var delta: Double
  package var span: SourceSpan

  package init(epsilon: Double, delta: Double, span: SourceSpan) {
    self.epsilon = epsilon
    self.delta = delta
    self.span = span
  }
}

/// What a pass knows beside the rows it looks at.
package struct LearningContext: Sendable {
  /// The schema of the training dataset: whole where passes are combined; names, types and roles where a
  /// partition is looked at.
  package var schema: Schema
  /// What the pass before gave; nil in the first.
  package var state: Data?
  /// Where the training data is named in the pipeline file.
  package var span: SourceSpan?

  package init(schema: Schema, state: Data?, span: SourceSpan? = nil) {
    self.schema = schema
    self.state = state
    self.span = span
  }
}

/// The statistics of all partitions, in order, each read when it is asked for.
package struct StatisticsList: Sendable {
  package let count: Int
  private let read: @Sendable (Int) throws -> Data

  package init(count: Int, read: @escaping @Sendable (Int) throws -> Data) {
    self.count = count
    self.read = read
  }

  package init(_ all: [Data]) { self.init(count: all.count) { all[$0] } }

  /// - Parameter index: in 0..<count.
  package func callAsFunction(_ index: Int) throws -> Data { try read(index) }
}

/// What combining a pass gave.
package struct LearningOutcome: Sendable {
  package var state: Data
  package var warnings: [Diagnostic]

  package init(_ state: Data, warnings: [Diagnostic] = []) {
    self.state = state
    self.warnings = warnings
  }
}

/// What is asked of a generator that is ready to make rows.
package struct SamplingRequest: Sendable {
  package var model: Data?
  /// How many rows of the primary table; nil where the generator's own options say it.
  package var rows: Int?
  package var seed: UInt64
  package var salt: String
  /// Met by every row where the description says `conditionsExactly`; else left to `keep`'s machinery.
  package var conditions: [Condition]
  /// Where the stage is in the pipeline file.
  package var span: SourceSpan?

  package init(
    model: Data?, rows: Int?, seed: UInt64, salt: String, conditions: [Condition] = [],
    span: SourceSpan? = nil
  ) {
    self.model = model
    self.rows = rows
    self.seed = seed
    self.salt = salt
    self.conditions = conditions
    self.span = span
  }

  /// Random numbers of this request; `purpose` tells independent uses apart, such as tables.
  package func random(_ purpose: String) -> RandomSource {
    RandomSource(seed: seed, salt: salt + "\u{0}" + purpose)
  }
}

/// What will be made: the tables with their exact schemas and row counts, the primary one first.
package struct GenerationPlan: Hashable, Sendable, Codable {
  package var tables: [Table]
  /// What people should know, such as columns that are left out.
  package var warnings: [Diagnostic]

  package init(tables: [Table], warnings: [Diagnostic] = []) {
    self.tables = tables
    self.warnings = warnings
  }

  package struct Table: Hashable, Sendable, Codable {
    package var name: String
    package var schema: Schema
    package var rows: Int

    package init(name: String, schema: Schema, rows: Int) {
      self.name = name
      self.schema = schema
      self.rows = rows
    }
  }
}

/// Makes rows of a prepared request.
package protocol RowSampler: Sendable {
  /// Makes the rows with these numbers, in this order, with the schema the plan gave.
  ///
  /// - Parameters:
  ///   - rows: row numbers in the whole table, in any order.
  ///   - attempt: 0 at first; another attempt gives other values for the same row number. Keys and
  ///     unique values do not change with it.
  func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch
}
