import AdmixModel
import AdmixSpec

/// How a stage is to be carried out; nothing here can change what comes out of it.
package struct StagePolicy: Hashable, Sendable {
  /// Whether it takes part at all.
  package var isOn = true
  /// Seconds that all of it may take.
  package var timeout: Double?
  package var retry: Retry?
  package var resources = Resources()
  /// Whether its results may be taken from the shared cache and put there.
  package var isShared = true

  package struct Retry: Hashable, Sendable {
    /// Tries after the first.
    package var times: Int
    /// Seconds before the second try; doubled for each after it.
    package var backoff: Double
    package var on: Set<TaskFailure.Reason>

    /// Seconds to wait after a try, counted from 1, that failed; nil when it was the last.
    func pause(after attempt: Int, _ reason: TaskFailure.Reason) -> Double? {
      guard attempt <= times, on.contains(reason) else { return nil }
      return min(backoff * Double(1 << min(attempt - 1, 20)), 3_600)
    }
  }

  init() {}

  init(_ options: OptionValues, report: inout Diagnostics) {
    isOn = options["when"]?.bool ?? true
    timeout = options["timeout"]?.double
    isShared = options["share"]?.bool ?? true
    if let retry = options["retry"] {
      let words = retry["on"]?.items.compactMap(\.text) ?? []
      self.retry = Retry(
        times: retry["times"]?.int ?? 1, backoff: retry["backoff"]?.double ?? 1,
        on: words.isEmpty
          ? [.failed, .input, .timeout] : Set(words.compactMap(TaskFailure.Reason.init)))
    }
    if let node = options["resources"] { resources = Resources(node, report: &report) }
  }
}

/// What a task takes of the machine while it is at work, or what the machine has.
package struct Resources: Hashable, Sendable {
  /// Cores.
  package var cpu = 1
  /// Bytes.
  package var memory = 0
  /// Anything else that is counted, such as graphics cards or licences.
  package var tokens: [String: Int] = [:]

  package init(cpu: Int = 1, memory: Int = 0, tokens: [String: Int] = [:]) {
    self.cpu = cpu
    self.memory = memory
    self.tokens = tokens
  }

  init(_ node: Node, report: inout Diagnostics) {
    for member in node.members {
      func wrong(_ expected: String) {
        report.append(
          .error(
            "AX0318", at: member.value.span, "'\(member.key)' cannot be so much",
            cause: "it should be \(expected)"))
      }
      switch member.key {
      case "cpu":
        guard let count = member.value.int, (1...4_096).contains(count) else {
          wrong("a whole number of cores, 1 or more")
          continue
        }
        cpu = count
      case "memory":
        let value = member.value.double ?? member.value.text.flatMap(Quantity.size.value)
        guard let value, value >= 0, value <= 9e15 else {
          wrong(Quantity.size.expected)
          continue
        }
        memory = Int(value)
      default:
        guard let count = member.value.int, (0...1_000_000).contains(count) else {
          wrong("a whole number")
          continue
        }
        tokens[member.key] = count
      }
    }
  }

  /// What is asked of a machine that has less: all that it has, but for tokens, which nothing replaces.
  func clamped(to capacity: Resources) -> Resources {
    Resources(
      cpu: min(cpu, capacity.cpu), memory: min(memory, capacity.memory), tokens: tokens)
  }

  func fits(_ free: Resources) -> Bool {
    cpu <= free.cpu && memory <= free.memory
      && tokens.allSatisfy { $0.value <= free.tokens[$0.key] ?? 0 }
  }

  /// Leaves nothing of what there is too little of for a demand.
  mutating func withhold(whatLacksFor demand: Resources) {
    if demand.cpu > cpu { cpu = 0 }
    if demand.memory > memory { memory = 0 }
    for (name, count) in demand.tokens where count > tokens[name] ?? 0 { tokens[name] = 0 }
  }

  mutating func take(_ other: Resources) {
    cpu -= other.cpu
    memory -= other.memory
    for (name, count) in other.tokens { tokens[name, default: 0] -= count }
  }

  mutating func give(_ other: Resources) {
    cpu += other.cpu
    memory += other.memory
    for (name, count) in other.tokens { tokens[name, default: 0] += count }
  }
}
