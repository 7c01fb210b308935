package import AdmixModel
import AdmixData
package import Foundation

/// A task ready to be done by any worker: what to do, and where artifacts are.
package struct ExecutableTask: Sendable {
  package var stageName: String
  package var kind: any StageKind
  package var request: TaskRequest
  package var artifacts: WorkerArtifacts
  package var progress: @Sendable (Int) -> Void
  package var control: RunControl
  package var foreign: ForeignSetting
  /// The folder of the run's logs.
  package var logs: String
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
  /// The results are in the order of the tasks; a failure does not stop the others of the array.
  func run(_ tasks: [ExecutableTask]) async -> [Result<TaskDelivery, TaskFailure>]
}

/// All cores of this machine: a thread for each task under way, at most `jobs` of them.
package final class LocalExecutor: Executor {
  private let permits: Permits
  private let queue = DispatchQueue(label: "admix.worker", attributes: .concurrent)

  package init(jobs: Int) { permits = Permits(max(1, jobs)) }

  package func run(_ tasks: [ExecutableTask]) async -> [Result<TaskDelivery, TaskFailure>] {
    await withTaskGroup(of: (Int, Result<TaskDelivery, TaskFailure>).self) { group in
      for (index, task) in tasks.enumerated() {
        await permits.take()
        group.addTask {
          let result = await withCheckedContinuation { done in
            // Not on the cooperative pool: a task computes and reads files for seconds.
            self.queue.async { done.resume(returning: Self.perform(task)) }
          }
          await self.permits.give()
          return (index, result)
        }
      }
      var results = [Result<TaskDelivery, TaskFailure>?](repeating: nil, count: tasks.count)
      for await (index, result) in group { results[index] = result }
      return results.compactMap { $0 }
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
  func checkCancellation() throws { try task.control.check() }
  var foreign: ForeignSetting { task.foreign }
  var stageName: String { task.stageName }
  func logFile() throws -> String { RunLogs.path(of: task.stageName, in: task.logs) }
}

/// So many at once, first come first served.
private actor Permits {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) { free = count }

  func take() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  func give() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
