import AdmixModel

/// A declared simulation after all checks: what a run works by.
///
/// Things are referred to by their index; kinds, queues, books and roads are in the order of their names.
struct SimulationModel: Sendable {
  var clock: Clock
  var replications = 1
  /// Agent-steps and events that a replication makes at most.
  var limit: Int
  var span: SourceSpan
  var queues: [Queue] = []
  var books: [Book] = []
  var roads: [Road] = []
  var grids: [Grid] = []
  var kinds: [Kind] = []
  var tables: [Table] = []
  /// Every text that can occur; a text value is its index here.
  var texts: [String] = []
  /// The codes of the kinds' names, and of `buy` and `sell`, where there are books.
  var kindCodes: [Double] = []
  var buyCode = 0.0
  var sellCode = 0.0
  var globals: GlobalLayout

  struct Clock: Sendable {
    var until: Double
    /// The length of a tick; nil where nothing happens at ticks.
    var tick: Double?
    /// Microseconds since 1970 at time 0, and in a unit of time.
    var start: Double
    var unit: Double
    var span: SourceSpan
  }

  /// Servers and those who wait for one.
  struct Queue: Sendable {
    enum Order: String, Sendable, CaseIterable {
      case firstCome = "first-come", lastCome = "last-come", priority
    }
    var name: String
    var servers: Int
    var order: Order
  }

  /// A limit order book with price-time priority.
  struct Book: Sendable {
    var name: String
    /// Prices are multiples of it.
    var tick: Double
  }

  /// A line of agents of one kind, in the order of their positions.
  struct Road: Sendable {
    var name: String
    var kind: Int
    var length: Double
    /// The column of the kind that holds where an agent is.
    var position: Int
    /// Whether the end is the beginning; agents leave an open road at its end.
    var isRing: Bool
  }

  /// Cells in rows and columns, each with at most one agent of a kind once they have moved apart.
  struct Grid: Sendable {
    var name: String
    var kind: Int
    var width: Int
    var height: Int
    /// The columns of the kind that hold where an agent is.
    var x: Int
    var y: Int
    /// Whether each edge borders on the one across.
    var isTorus: Bool
    /// The column with how many neighbours there are; those by state follow it.
    var near: Int
  }

  struct Assignment: Sendable {
    var column: Int
    var program: Program
  }

  struct Kind: Sendable {
    var name: String
    var span: SourceSpan
    /// Who comes first of those at the same time: lower numbers do.
    var priority: Int
    var count: Int
    /// From one arrival to the next.
    var arrivals: Program?
    /// The columns behind the built-in ones.
    var attributes: [ColumnSchema]
    var initial: [Assignment]
    var step: [Assignment]
    var states: [State]
    var road: Int?
    var grid: Int?
    /// Columns that neighbours read.
    var shared: [Int] = []
  }

  struct State: Sendable {
    var name: String
    var span: SourceSpan
    /// The code of its name among the texts.
    var code: Double
    var queue: Int?
    /// A bit for each queue whose server is not given back on entering.
    var keeps: UInt64
    var priority: Program?
    var patience: Program?
    var givesUp: Target?
    var set: [Assignment]
    var order: Order?
    var cancels: Int?
    var stay: Program?
    var next: [Transition]

    /// Those that happen at the earliest of their times.
    var timed: [Int] { next.indices.filter { next[$0].trigger == .timed } }
    /// Those that are tested at every tick.
    var ticked: [Int] { next.indices.filter { next[$0].trigger == .tick } }
    /// Those that one is chosen from when the stay is over, or at once.
    var routed: [Int] { next.indices.filter { next[$0].trigger == .route } }
  }

  /// A state as a run looks it up, at no cost for each event.
  final class RunningState: Sendable {
    let state: State
    let own: UInt64
    let timed: [Int]
    let ticked: [Int]
    let routed: [Int]

    init(_ state: State) {
      self.state = state
      own = state.queue.map { 1 << UInt64($0) } ?? 0
      (timed, ticked, routed) = (state.timed, state.ticked, state.routed)
    }
  }

  enum Target: Hashable, Sendable {
    case state(Int)
    case leave
  }

  struct Transition: Sendable {
    enum Trigger: Sendable { case timed, tick, route }
    var to: Target
    var span: SourceSpan
    var when: Program?
    var trigger: Trigger
    /// The delay of a timed one, the chance of others; nil for a chance that is what is left.
    var value: Program?
    /// Whether the value of a timed one is a rate rather than a delay.
    var isRate: Bool
  }

  struct Order: Sendable {
    enum Side: Sendable {
      case buy, sell
      /// The code of `buy` or `sell`.
      case computed(Program)
    }
    var book: Int
    var side: Side
    var price: Program?
    var quantity: Program?
    var filled: Target?
    var span: SourceSpan
  }

  struct Table: Sendable {
    enum Trigger: Hashable, Sendable {
      case start, change, leave, finish
      case tick(every: Int)
      case order, trade, quote
    }
    struct Column: Sendable {
      var schema: ColumnSchema
      /// Nil in tables of a book, whose columns have fixed meanings, told by `number`.
      var program: Program?
      var number = 0
    }
    var name: String
    var span: SourceSpan
    /// A kind, or a book for orders, trades and quotes.
    var of: Int
    var triggers: Set<Trigger>
    var when: Program?
    /// Without the number of the replication, which comes first where there are several.
    var columns: [Column]
    var schema: Schema
  }
}

/// Where a program finds what does not belong to one agent.
struct GlobalLayout: Sendable {
  static let time = 0
  static let moment = 1
  /// First number of each kind's counts: all, then by state.
  var counts: [Int] = []
  /// Waiting, busy.
  var queues: [Int] = []
  /// Bid, ask, their sizes, the last price.
  var books: [Int] = []
  var count = 2
}

/// The columns every kind has, before its attributes.
enum OwnColumn {
  static let id = 0
  static let state = 1
  static let from = 2
  static let arrival = 3
  static let since = 4
  static let waited = 5
  static let gap = 6
  static let firstOther = 7
  /// Of each book: how many units an agent holds, and its money, both from 0.
  static func position(_ book: Int) -> Int { firstOther + 2 * book }
  static func cash(_ book: Int) -> Int { firstOther + 2 * book + 1 }
}
