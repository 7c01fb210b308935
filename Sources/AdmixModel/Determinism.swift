/// What doing tasks twice has shown of a stage or task.
///
/// A sample is done twice, so that nothing different among it is a check and no proof; one that is
/// different is a proof, and stays one whatever is seen later.
package struct Determinism: Hashable, Sendable, Codable {
  /// Of how many tasks it consists.
  package var tasks: Int
  /// So many of them gave the same the second time.
  package var same: Int
  /// So many of them gave something else.
  package var different: Int

  package init(tasks: Int, same: Int, different: Int) {
    self.tasks = tasks
    self.same = same
    self.different = different
  }

  package var isRefuted: Bool { different > 0 }
}
