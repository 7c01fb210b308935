internal import AdmixModel

/// Finds stages that wait for each other.
enum Circles {
  struct Step {
    var target: String
    var span: SourceSpan
  }

  /// Reports each circle once; names are in file order, steps are what each stage refers to.
  static func report(_ names: [String], _ steps: [String: [Step]], to report: inout Diagnostics) {
    var done: Set<String> = []
    var seen: Set<Set<String>> = []
    for start in names where !done.contains(start) {
      // A stack of our own: a chain may be thousands of stages long.
      var path: [(name: String, next: Int)] = [(start, 0)]
      var onPath: Set<String> = [start]
      while let last = path.last {
        let list = steps[last.name] ?? []
        guard last.next < list.count else {
          path.removeLast()
          onPath.remove(last.name)
          done.insert(last.name)
          continue
        }
        path[path.count - 1].next += 1
        let target = list[last.next].target
        if onPath.contains(target) {
          if report.isFull { return }
          let circle = path.drop { $0.name != target }.map(\.name)
          if seen.insert(Set(circle)).inserted { append(circle, names, steps, to: &report) }
        } else if !done.contains(target) {
          path.append((target, 0))
          onPath.insert(target)
        }
      }
    }
  }

  private static func append(
    _ circle: [String], _ names: [String], _ steps: [String: [Step]], to report: inout Diagnostics
  ) {
    // Told from the stage that comes first in the file.
    let members = Set(circle)
    guard let first = names.first(where: { members.contains($0) }),
      let turn = circle.firstIndex(of: first)
    else { return }
    let order = Array(circle[turn...] + circle[..<turn])
    let next = order.count > 1 ? order[1] : first
    guard let step = steps[first]?.first(where: { $0.target == next }) else { return }
    let text = (order + [first]).map { "'\($0)'" }.joined(separator: " -> ")
    report.note(
      .error(
        "AX0303", at: step.span, "stages wait for each other: \(text)",
        cause: "each would start when the next has finished",
        hint: "remove one of these references"))
  }
}
