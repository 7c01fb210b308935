import AdmixModel
import AdmixSpec

/// What a series generator is told.
struct SeriesOptions: Sendable {
  /// How the order of the autoregression is found.
  enum Lags: Hashable, Sendable {
    case fixed(Int)
    case upTo(Int, by: Criterion, also: [Int])
  }
  enum Criterion: String, CaseIterable, Sendable { case bic, aic }
  enum Trend: String, CaseIterable, Sendable { case constant, linear }
  enum Noise: String, CaseIterable, Sendable { case normal, residuals }
  enum Values: String, CaseIterable, Sendable { case observed, normal }

  var order: String?
  var orderSpan: SourceSpan
  var entity: String?
  var entitySpan: SourceSpan
  var columns: [(name: String, span: SourceSpan)]
  var lags: Lags
  var lagsSpan: SourceSpan
  var trend: Trend
  var periods: [Int]
  var calendar: [CalendarUnit]
  var calendarSpan: SourceSpan
  var isDifferenced: Bool
  var noise: Noise
  var noiseSpan: SourceSpan
  var values: Values
  var extrapolates: Bool
  var entities: Int?
  var entitiesSpan: SourceSpan

  static let fields: [Field] = [
    .optional(
      "order", .column,
      "The column that series are in order of: a number, date or time; that with the role time unless given."
    ),
    .optional(
      "entity", .column,
      "The column that tells series apart. New ones get fresh names; columns that do not change within an entity are drawn together, as often as they are."
    ),
    .optional(
      "columns", .listOrOne(.column), default: [],
      "The columns to make beside these; all unless given."),
    .optional(
      "lags",
      .oneOf([
        .int(0...100),
        .object([
          .optional("max", .int(0...100), default: 12, "The largest order that is tried."),
          .optional(
            "by", .choice(Criterion.allCases.map(\.rawValue)), default: "bic",
            "The information criterion that decides: `bic` takes fewer lags than `aic`."),
          .optional(
            "also", .listOrOne(.int(2...500)), default: [],
            "Single lags beyond `max` that are there in any case, such as 24 for hours that are like those of the day before."
          ),
        ]),
      ]), default: ["max": 12, "by": "bic"],
      "How many steps back a row depends on: a number, or the largest that may be chosen."),
    .optional(
      "trend", .choice(Trend.allCases.map(\.rawValue)), default: "constant",
      "`linear` goes up or down by the same each step, also beyond the training times; `constant` does not."
    ),
    .optional(
      "season",
      .object([
        .optional(
          "period", .listOrOne(.int(2...1000)), default: [],
          "Steps after which a season begins again; more than one adds up."),
        .optional(
          "by", .listOrOne(.choice(CalendarUnit.allCases.map(\.rawValue))), default: [],
          "Parts of the calendar with a mean of their own, which add up; `hour-of-week` has 168."),
      ]), "What comes again: periods in steps, or parts of the calendar of a date or time."),
    .optional(
      "difference", .int(0...1), default: 0,
      "1 learns changes from step to step in place of values, for series that wander. Trend and season are those of the changes."
    ),
    .optional(
      "noise", .choice(Noise.allCases.map(\.rawValue)), default: "normal",
      "What is new in each step: `normal`, or `residuals`, which draws from those of the training rows and so keeps them in the model."
    ),
    .optional(
      "values", .choice(Values.allCases.map(\.rawValue)), default: "observed",
      "`observed` learns a column as a bent normal one, and bends it back to the distribution it had; `normal` learns it as it is. With `difference` or `noise: residuals` it is learned as it is."
    ),
    .optional(
      "extrapolate", .bool, default: false,
      "Whether values beyond the smallest and largest of the training rows may come; columns without a negative value get none."
    ),
    .optional(
      "entities", .int(1...100_000_000),
      "How many series to make, as long as those learned from, in place of `rows`."),
  ]

  init(_ options: Node, report: inout Diagnostics) {
    func span(_ name: String) -> SourceSpan { options[name]?.span ?? options.span }
    func list(_ node: Node?) -> [Node] { node.map { $0.items.isEmpty ? [$0] : $0.items } ?? [] }
    order = options["order"]?.text
    orderSpan = span("order")
    entity = options["entity"]?.text
    entitySpan = span("entity")
    columns = list(options["columns"]).compactMap { node in node.text.map { ($0, node.span) } }
    lagsSpan = span("lags")
    if let fixed = options["lags"]?.int {
      lags = .fixed(fixed)
    } else {
      lags = .upTo(
        options["lags"]?["max"]?.int ?? 12,
        by: options["lags"]?["by"]?.text.flatMap(Criterion.init(rawValue:)) ?? .bic,
        also: Set(list(options["lags"]?["also"]).compactMap(\.int)).sorted())
    }
    trend = options["trend"]?.text.flatMap(Trend.init(rawValue:)) ?? .constant
    let season = options["season"]
    periods = list(season?["period"]).compactMap(\.int)
    calendar = list(season?["by"]).compactMap { $0.text.flatMap(CalendarUnit.init(rawValue:)) }
    calendarSpan = season?["by"]?.span ?? options.span
    isDifferenced = options["difference"]?.int == 1
    noise = options["noise"]?.text.flatMap(Noise.init(rawValue:)) ?? .normal
    noiseSpan = span("noise")
    values = options["values"]?.text.flatMap(Values.init(rawValue:)) ?? .observed
    extrapolates = options["extrapolate"]?.bool ?? false
    entities = options["entities"]?.int
    entitiesSpan = span("entities")
    if entities != nil, entity == nil {
      report.append(
        .error(
          "AX0612", at: entitiesSpan, "'entity' is missing",
          cause: "'entities' counts series that a column tells apart",
          hint: "entity: the column that names them, or rows: how long the one series is"))
    }
  }

  /// Whether columns are bent to the distribution that was observed.
  var isBent: Bool { values == .observed && !isDifferenced && noise == .normal }

  var learning: JSONValue {
    let order: JSONValue =
      switch lags {
      case .fixed(let count): JSONValue(count)
      case .upTo(let most, let criterion, let also):
        [
          "max": JSONValue(most), "by": .string(criterion.rawValue),
          "also": .array(also.map { JSONValue($0) }),
        ]
      }
    return [
      "order": .string(self.order ?? ""), "entity": .string(entity ?? ""),
      "columns": .array(columns.map { .string($0.name) }), "lags": order,
      "trend": .string(trend.rawValue), "period": .array(periods.map { JSONValue($0) }),
      "by": .array(calendar.map { .string($0.rawValue) }), "difference": .bool(isDifferenced),
      "noise": .string(noise.rawValue), "values": .string(values.rawValue),
    ]
  }

  var sampling: JSONValue {
    var members: [String: JSONValue] = ["extrapolate": .bool(extrapolates)]
    if let entities { members["entities"] = JSONValue(entities) }
    return .object(members)
  }
}
