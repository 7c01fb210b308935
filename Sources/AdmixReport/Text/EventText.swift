package import AdmixEngine
package import AdmixModel

/// What happens during a run, an object to an event, for `run --events`.
package enum EventText {
  /// The form of the lines; a change that a reader could trip over is a new one.
  package static let schema = "admix.events/1"

  /// What the events are called, what they say, and what they have beside the members of all.
  package static let catalogue: [(name: String, meaning: String, members: [String])] = [
    ("run_started", "A run begins; one with nothing to do has none.", ["run", "stages"]),
    ("stage_started", "A stage begins, and why.", ["stage", "kind", "why"]),
    ("stage_reused", "A stage is known and does not run.", ["stage"]),
    (
      "tasks_planned",
      "A stage asked for tasks: how many, how many of them were done before, and how many rows the others handle.",
      ["stage", "tasks", "reused", "rows"]
    ),
    ("task_finished", "A task has ended.", ["stage"]),
    ("progress", "So many more rows are done.", ["stage", "rows"]),
    (
      "working",
      "A plugin tells how far it is with something, such as learning; total is null where it does not know.",
      ["stage", "phase", "done", "total"]
    ),
    (
      "fetching", "A source comes over the network: bytes so far and, where known, in all.",
      ["stage", "name", "received", "total"]
    ),
    (
      "retrying", "A try failed, and the stage is tried again after so many seconds.",
      ["stage", "failure", "pause"]
    ),
    (
      "fetched",
      "Results came from the shared cache: so many tasks, or all of the stage where null.",
      ["stage", "tasks"]
    ),
    (
      "cache_warning", "The shared cache is not what it should be; the run goes on.", ["diagnostic"]
    ),
    ("sharing", "So many results are still on their way to the shared cache.", ["results"]),
    ("waiting", "Another run is at work on the same stage.", ["stage", "run"]),
    ("warning", "A stage has something to say that is no failure.", ["stage", "diagnostic"]),
    (
      "gate", "A gate was evaluated.",
      ["stage", "rule", "action", "value", "reason", "passed"]
    ),
    ("delivered", "A file was put beside the project.", ["stage", "path"]),
    (
      "stage_finished", "A stage has ended: what `run --json` says of it.",
      [
        "stage", "kind", "status", "why", "cut_off_by", "seconds", "outputs", "tasks", "files",
        "diagnostics", "cache", "determinism",
      ]
    ),
    (
      "run_finished", "The run has ended, with its stages and gates as `run --json` has them.",
      ["run", "pipeline", "started", "status", "seconds", "stages", "gates", "cache"]
    ),
  ]

  /// - Parameters:
  ///   - number: counts the lines of a file from 1.
  ///   - time: ISO 8601, UTC, with milliseconds.
  ///   - elapsed: seconds since the first line, by a clock that never goes back.
  package static func line(_ event: Event, number: Int, time: String, elapsed: Double) -> String {
    var (name, members) = described(event)
    members["schema"] = .string(schema)
    members["seq"] = JSONValue(number)
    members["time"] = .string(time)
    members["elapsed"] = .double((elapsed * 1e6).rounded() / 1e6)
    members["event"] = .string(name)
    return JSONValue.object(members).text + "\n"
  }

  package static func described(_ event: Event) -> (name: String, members: [String: JSONValue]) {
    func of(_ stage: String, _ more: [String: JSONValue] = [:]) -> [String: JSONValue] {
      more.merging(["stage": .string(stage)]) { _, new in new }
    }
    func number(_ value: Int?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
    switch event {
    case .runStarted(let run, let stages):
      return (
        "run_started", ["run": .string(run), "stages": .array(stages.map { .string($0) })]
      )
    case .stageStarted(let stage, let kind, let why):
      return ("stage_started", of(stage, ["kind": .string(kind), "why": PlanText.json(why)]))
    case .stageReused(let stage): return ("stage_reused", of(stage))
    case .tasksPlanned(let stage, let tasks, let reused, let rows):
      return (
        "tasks_planned",
        of(stage, ["tasks": number(tasks), "reused": number(reused), "rows": number(rows)])
      )
    case .taskFinished(let stage): return ("task_finished", of(stage))
    case .progress(let stage, let rows): return ("progress", of(stage, ["rows": number(rows)]))
    case .working(let stage, let phase, let done, let total):
      return (
        "working",
        of(
          stage,
          [
            "phase": .string(phase), "done": .double(done),
            "total": total.map { .double($0) } ?? .null,
          ])
      )
    case .fetching(let stage, let name, let received, let total):
      return (
        "fetching",
        of(stage, ["name": .string(name), "received": number(received), "total": number(total)])
      )
    case .retrying(let stage, let failure, let pause):
      return (
        "retrying", of(stage, ["failure": PlanText.json(failure), "pause": .double(pause)])
      )
    case .fetched(let stage, let tasks): return ("fetched", of(stage, ["tasks": number(tasks)]))
    case .cacheWarning(let item): return ("cache_warning", ["diagnostic": PlanText.json(item)])
    case .sharing(let results): return ("sharing", ["results": number(results)])
    case .waiting(let stage, let run): return ("waiting", of(stage, ["run": .string(run)]))
    case .warning(let stage, let item):
      return ("warning", of(stage, ["diagnostic": PlanText.json(item)]))
    case .gate(let stage, let gate):
      return ("gate", PlanText.json([gate], of: stage).first?.object ?? of(stage))
    case .delivered(let stage, let path): return ("delivered", of(stage, ["path": .string(path)]))
    case .stageFinished(let record):
      var members = PlanText.json(record).object ?? [:]
      members["stage"] = members.removeValue(forKey: "name")
      return ("stage_finished", members)
    case .runFinished(let record): return ("run_finished", PlanText.json(record).object ?? [:])
    }
  }
}
