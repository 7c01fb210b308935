package import AdmixModel
import AdmixData
import AdmixStore
package import Foundation

/// A task ready to be done by any worker: what to do, and where artifacts are.
package struct ExecutableTask: Sendable {
  package var stageName: String
  package var kind: any ConfiguredStage
  package var request: TaskRequest
  package var artifacts: WorkerArtifacts
  package var resources: Resources
  /// How many stages are in the longest row that ends with nothing waiting, from this one on.
  package var rank: Int
  package var progress: @Sendable (Int) -> Void
  package var phase: @Sendable (String, Double, Double?) -> Void
  package var control: RunControl
  package var foreign: ForeignSetting
  /// The folder of the run's logs.
  package var logs: String
  /// The folder where the task may leave how far it came; not made.
  package var checkpoint: String
}

/// What a worker hands back: outputs, and the contents of artifacts too small for a file.
package struct TaskDelivery: Sendable {
  package var outputs: TaskOutputs
  package var contents: [Digest: Data]
}

/// Runs arrays of tasks; how and where is its own affair.
///
/// Workers never open the database. Running a task twice is harmless; what counts is what the
/// orchestrating process commits.
package protocol Executor: Sendable {
  /// Comes back when all tasks that were begun have ended.
  ///
  /// After a failure no more are begun, but those under way are let end.
  ///
  /// - Parameter ended: told of each task as it ends, by its place in the array; from any thread.
  func run(
    _ tasks: [ExecutableTask],
    ended: @escaping @Sendable (Int, Result<TaskDelivery, TaskFailure>) -> Void) async
}

/// All cores of this machine: a thread for each task under way, as many as its resources allow.
package final class LocalExecutor: Executor {
  private let pool: ResourcePool
  private let queue = DispatchQueue(label: "admix.worker", attributes: .concurrent)

  package init(_ capacity: Resources) { pool = ResourcePool(capacity) }

  package func run(
    _ tasks: [ExecutableTask],
    ended: @escaping @Sendable (Int, Result<TaskDelivery, TaskFailure>) -> Void
  ) async {
    let halt = RunControl()
    await withDiscardingTaskGroup { group in
      for (index, task) in tasks.enumerated() {
        await pool.take(task.resources, rank: task.rank)
        if halt.wantsToStop {
          pool.give(task.resources)
          break
        }
        group.addTask {
          let result = await withCheckedContinuation { done in
            // Not on the cooperative pool: a task computes and reads files for seconds.
            self.queue.async { done.resume(returning: Self.perform(task)) }
          }
          self.pool.give(task.resources)
          if case .failure = result { halt.stop() }
          ended(index, result)
        }
      }
    }
  }

  private static func perform(_ task: ExecutableTask) -> Result<TaskDelivery, TaskFailure> {
    do {
      try task.control.check()
      let outputs = try task.kind.perform(LocalTask(task: task))
      return .success(TaskDelivery(outputs: outputs, contents: task.artifacts.takeContents()))
    } catch {
      return .failure(TaskFailure(wrapping: error))
    }
  }
}

private struct LocalTask: TaskContext {
  let task: ExecutableTask

  var request: TaskRequest { task.request }
  var artifacts: any ArtifactAccess { task.artifacts }
  func progress(rows: Int) { task.progress(rows) }
  func progress(phase: String, done: Double, total: Double?) { task.phase(phase, done, total) }
  func checkCancellation() throws { try task.control.check() }
  var foreign: ForeignSetting { task.foreign }
  var stageName: String { task.stageName }
  func checkpointFolder() throws -> String {
    try ObjectFolder.makeFolder(task.checkpoint)
    return task.checkpoint
  }
  func logFile() throws -> String { RunLogs.path(of: task.stageName, in: task.logs) }
}
