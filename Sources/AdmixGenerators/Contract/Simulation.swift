package import AdmixData
import AdmixModel

/// A generator whose rows come about in time, so that no row can be made without those before it.
///
/// The unit of work is a replication: a run of its own from time 0, with random numbers of its own. It is
/// simulated once and gives rows of all tables as it goes, so nothing is simulated again for another
/// partition or table, and replications are what workers share. Sampling by row does not apply.
package protocol Simulation: Generator {
  /// How many independent runs there are; 1 or more.
  var replications: Int { get }

  /// Runs replications one after the other.
  ///
  /// - Parameters:
  ///   - replications: counted from 0.
  ///   - isCancelled: called now and then; throws when the work is to stop.
  ///   - emit: takes rows of the table with this index in `tables`, in order; called whenever a
  ///     partition's worth of rows is there, so memory does not grow with rows.
  func simulate(
    _ replications: Range<Int>, _ request: SamplingRequest, isCancelled: () throws -> Void,
    emit: (Int, Batch) throws -> Void
  ) throws
}

extension Simulation {
  /// How many replications a task runs: one, until there are more than 256 tasks.
  package var replicationsPerTask: Int { max(1, (replications + 255) / 256) }

  package func plan(_ request: SamplingRequest) throws -> GenerationPlan {
    GenerationPlan(tables: [])
  }

  package func sampler(_ request: SamplingRequest) throws -> any RowSampler { NoRows() }
}

/// What a simulation has in place of rows by number.
private struct NoRows: RowSampler {
  func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch {
    throw Diagnostic.error("AX0913", "a simulation was asked for rows by number")
  }
}
