import AdmixModel
import AdmixSpec

/// The words a simulation is declared in.
enum AgentOptions {
  private static let positive = 1e-9...Double.greatestFiniteMagnitude

  static let fields: [Field] = [
    .required("clock", .object(clock), "How long it goes, and whether there are ticks."),
    .required(
      "agents", .map(.object(kind)),
      "The kinds of agents. Where numbers are expected a source of values may stand, as a column of `rules`: `{exponential: {mean: 5}}`, `{choice: [1, 2]}`, an expression."
    ),
    .required(
      "tables", .orderedMap(.object(table)),
      "What is noted, the primary table first; a stage reads another one as `name.table`."),
    .optional(
      "queues", .map(.object(queue)),
      "Servers that agents wait for: beds, doctors, counters. Expressions see `NAME.waiting` and `NAME.busy`."
    ),
    .optional(
      "books", .map(.object(book)),
      "Limit order books: the best price trades first, at one price the oldest order. Expressions see `NAME.bid`, `.ask`, `.bid_size`, `.ask_size` and `.last`, and of the agent `NAME.position` and `NAME.cash`."
    ),
    .optional(
      "roads", .map(.object(road)),
      "Lines along which agents of a kind follow each other. Expressions see `gap`, `ahead.ATTRIBUTE` and `behind.ATTRIBUTE` as they were when the tick began."
    ),
    .optional(
      "grids", .map(.object(grid)),
      "Cells in which agents of a kind live. Expressions see `near`, how many there are in the eight cells around, and `near.STATE`, as it was when the tick began. A cell that was taken then stays taken during the tick, and of those who want a free one the lowest number gets it; the others stay where they are."
    ),
    .optional(
      "replications", .int(1...1_000_000), default: 1,
      "Independent runs of the whole; with more than one, tables begin with the column `replication`."
    ),
    .optional(
      "limit", .int(1...1_000_000_000_000), default: 100_000_000,
      "Events and agent-steps that a replication makes at most, so that it ends."),
  ]

  private static let clock: [Field] = [
    .required("until", .number(positive), "When it ends; it begins at 0."),
    .optional(
      "tick", .number(positive), "The time between ticks; without it nothing happens at ticks."),
    .optional(
      "unit", .choice(["seconds", "minutes", "hours", "days"]), default: "seconds",
      "What time counts, where it is given as `moment`."),
    .optional(
      "start", .scalar,
      "The date or time that 0 is; with it `moment` is the time as a date with time."),
  ]

  private static let queue: [Field] = [
    .optional("servers", .int(1...1_000_000_000), default: 1, "How many agents it serves at once."),
    .optional(
      "order", .choice(SimulationModel.Queue.Order.allCases.map(\.rawValue)),
      default: "first-come", "Who is served next."),
  ]

  private static let book: [Field] = [
    .optional("tick", .number(positive), default: 0.01, "Prices are rounded to multiples of it.")
  ]

  private static let road: [Field] = [
    .required("of", .text, "The kind of agents on it."),
    .required("length", .number(positive), "How long it is."),
    .required("position", .text, "The attribute that holds where on it an agent is, from 0."),
    .optional(
      "shape", .choice(["ring", "line"]), default: "ring",
      "Whether its end is its beginning, or agents leave there."),
  ]

  private static let grid: [Field] = [
    .required("of", .text, "The kind of agents in it."),
    .required("width", .int(1...4_096), "How many cells it is wide."),
    .required("height", .int(1...4_096), "How many cells it is high."),
    .required("x", .text, "The attribute that holds the column of an agent's cell, from 0."),
    .required("y", .text, "The attribute that holds the row of its cell, from 0."),
    .optional(
      "shape", .choice(["torus", "bounded"]), default: "torus",
      "Whether each edge borders on the one across, or nobody goes beyond it."),
  ]

  private static let kind: [Field] = [
    .optional("count", .int(0...5_000_000), "How many there are at the beginning."),
    .optional("arrivals", .any, "The time from one arrival to the next, a source of numbers."),
    .optional(
      "priority", .int(-1_000_000...1_000_000), default: 0,
      "Who acts first at the same time: lower numbers do, then names in order, then agents."),
    .optional(
      "attributes", .orderedMap(.any),
      "What an agent has from its beginning, in order: a source of values for each. All kinds have `id`, `state`, `from` (the state before), `arrival`, `since` (when it came to the state) and `waited` (for its latest server)."
    ),
    .optional(
      "states", .orderedMap(.object(state)), "What an agent can be in; it begins in the first."),
    .optional(
      "step", .orderedMap(.any),
      "What every agent computes at each tick, in order; a name that is no attribute becomes one."),
  ]

  private static let state: [Field] = [
    .optional(
      "queue", .text, "The agent waits for a server of this queue before anything follows."),
    .optional("priority", .any, "Lower ones are served first, in a queue of that order."),
    .optional("patience", .any, "How long it waits at most."),
    .optional("gives-up", .text, "Where it goes when it has waited that long."),
    .optional(
      "keeps", .listOrOne(.text),
      "Servers it has from before and does not give back on coming here."),
    .optional("set", .orderedMap(.any), "Attributes that change on coming here, in order."),
    .optional("order", .object(order), "An order sent to a book on coming here."),
    .optional("cancel", .text, "The book its resting order is taken from on coming here."),
    .optional("stay", .any, "How long it stays, once it has its server."),
    .optional(
      "next", .listOrOne(.oneOf([.text, .object(transition)])),
      "Where it goes then: a state or `leave`. Those with `after` or `rate` race, and the earliest happens; of others the first that applies is taken. Without it the agent remains."
    ),
  ]

  private static let transition: [Field] = [
    .required("to", .text, "A state, or `leave`."),
    .optional("when", .expression, "Only where this holds."),
    .optional("chance", .any, "The probability; one without takes what is left."),
    .optional("after", .any, "The time until it happens."),
    .optional("rate", .any, "Events per unit of time: an exponential time until it happens."),
    .optional("per-tick", .any, "The probability at each tick."),
  ]

  private static let order: [Field] = [
    .required("book", .text, "Which book."),
    .required("side", .any, "`buy`, `sell`, or a source that gives one of these words."),
    .optional(
      "price", .any, "The worst price it takes; without it any, and what is left is dropped."),
    .optional("quantity", .any, "How many units, rounded down; 1 unless given."),
    .optional("filled", .text, "Where the agent goes when all of it is traded."),
  ]

  private static let table: [Field] = [
    .required("of", .text, "A kind of agents, or a book."),
    .required(
      "on",
      .listOrOne(
        .choice(["start", "change", "leave", "finish", "tick", "order", "trade", "quote"])),
      "When a row is noted: an agent comes, is in another state, leaves, is there at the end or at a tick; of a book an order comes, a trade is made, the best prices change."
    ),
    .optional("every", .int(1...1_000_000_000), "Only at every so many ticks."),
    .optional("when", .expression, "Only where this holds."),
    .optional(
      "columns", .listOrOne(.any),
      "Names, or `{name: expression}`; of a book some of its columns, which are otherwise all there."
    ),
  ]
}
