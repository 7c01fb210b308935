import AdmixData
import AdmixModel
import Foundation
import Synchronization

/// Makes rows of series: whole ones one after the other, or one that goes on as long as it is asked to.
struct SeriesSampler: RowSampler {
  private let model: SeriesModel
  private let options: SeriesOptions
  private let request: SamplingRequest
  private let dynamics: SeriesDynamics
  private let lineup: SeriesLineup
  private let keys: [String: FreshKeys]
  private let isDate: Bool
  /// By column of the schema: what it is made from.
  private let sources: [Source]
  /// By attribute.
  private let writers: [AttributeWriter]
  private let shelf = StateShelf()

  private enum Source: Sendable {
    case time, key, entity
    case number(Int)
    case attribute(Int)
  }

  init(_ model: SeriesModel, _ options: SeriesOptions, _ request: SamplingRequest) throws {
    self.model = model
    self.options = options
    self.request = request
    dynamics = SeriesDynamics(model)
    lineup = try SeriesLineup(model, request)
    let fresh = model.keys + (model.entity.map { [$0] } ?? [])
    keys = Dictionary(fresh.map { ($0, FreshKeys($0, request)) }) { $1 }
    isDate = model.grid.type == .date
    writers = model.attributes.map { AttributeWriter($0, model.schema[$0.name]) }
    sources = model.schema.names.map { name in
      if name == model.order { return .time }
      if name == model.entity { return .entity }
      if let place = model.columns.firstIndex(where: { $0.name == name }) { return .number(place) }
      if let place = model.attributes.firstIndex(where: { $0.name == name }) {
        return .attribute(place)
      }
      return .key
    }
  }

  /// How many rows so many series have; as many as were learned from unless given.
  func rows(_ series: Int?) -> Int { series.map(lineup.rows(of:)) ?? model.rows }

  func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch {
    var builders = model.schema.columns.map { ColumnBuilder($0, capacity: rows.count) }
    var current: (series: Int, run: SeriesRun)?
    // A row asked for twice is made again.
    for row in rows {
      let place = lineup.place(of: max(0, row))
      if current.map({ $0.series != place.series || $0.run.step > place.step }) ?? true
        || place.step - (current?.run.step ?? 0) > StateShelf.distance
      {
        current = (place.series, start(place.series, upTo: place.step, attempt: attempt))
      }
      guard var run = current?.run else { continue }
      // Held once, so that its state changes in place.
      current = nil
      var values: [Double] = []
      while run.step <= place.step {
        shelf.put(run, of: place.series, attempt: attempt)
        if run.step < place.step, !model.isDifferenced {
          run.skip(dynamics)
        } else {
          values = made(&run)
        }
      }
      current = (place.series, run)
      append(values, row: row, place.series, run, to: &builders)
    }
    return Batch(
      schema: model.schema, columns: builders.map { $0.finish() }, rows: rows.count)
  }

  /// The state before a step, or the nearest one that is kept.
  private func start(_ series: Int, upTo step: Int, attempt: Int) -> SeriesRun {
    if let kept = shelf.take(series, upTo: step, attempt: attempt) { return kept }
    let (kind, donor) = lineup.descent(of: series)
    return SeriesRun(
      dynamics, model, kind: kind, donor: donor,
      request.random("series\u{0}\(series)\u{0}\(attempt)"))
  }

  /// The values of the run's next step.
  private func made(_ run: inout SeriesRun) -> [Double] {
    let time = time(run, run.step)
    let grid = model.grid.isIrregular ? run.step : model.grid.place(of: time)
    let places = model.seasons.map { $0.place(time: time, on: grid, isDate: isDate) }
    return run.values(dynamics, model, places, bounded: !options.extrapolates)
  }

  private func time(_ run: SeriesRun, _ step: Int) -> Double {
    model.grid.time(model.starts[run.donor], after: step)
  }

  private func append(
    _ values: [Double], row: Int, _ series: Int, _ run: SeriesRun,
    to builders: inout [ColumnBuilder]
  ) {
    let step = run.step - 1
    for (index, source) in sources.enumerated() {
      switch source {
      case .time: builders[index].append(number: time(run, step))
      case .key: keys[builders[index].schema.name]?.append(row, to: &builders[index])
      case .entity: keys[builders[index].schema.name]?.append(series, to: &builders[index])
      case .number(let place):
        let isMissing =
          run.random.uniform(
            row: UInt64(step), tag: UInt32(truncatingIfNeeded: place),
            draw: SeriesRun.Purpose.missing.rawValue) < model.columns[place].missing
        if isMissing {
          builders[index].appendMissing()
        } else {
          builders[index].append(number: kept(values[place], model.columns[place]))
        }
      case .attribute(let place):
        writers[place].append(model.kinds[run.kind].values[place], to: &builders[index])
      }
    }
  }

  /// The value as its column can have it.
  private func kept(_ value: Double, _ column: SeriesColumn) -> Double {
    var value = value
    if let bend = column.bend { value = bend(value) }
    if !options.extrapolates {
      value = min(max(value, column.low), column.high)
    } else if column.low >= 0 {
      value = max(value, 0)
    }
    return column.isWhole ? value.rounded() : value
  }
}

/// States of long series, so that a row far on is not made from the very start again.
///
/// They save time and change nothing.
final class StateShelf: Sendable {
  /// Steps between states that are kept.
  static let distance = 8192

  private struct Name: Hashable {
    var series: Int
    var attempt: Int
  }
  private let kept = Mutex<[Name: [Int: SeriesRun]]>([:])

  func put(_ run: SeriesRun, of series: Int, attempt: Int) {
    guard run.step > 0, run.step % Self.distance == 0 else { return }
    kept.withLock { kept in
      let name = Name(series: series, attempt: attempt)
      // One series is long; of many, the last one is asked for again.
      if kept.count > 4, kept[name] == nil { kept = [:] }
      kept[name, default: [:]][run.step] = run
    }
  }

  func take(_ series: Int, upTo step: Int, attempt: Int) -> SeriesRun? {
    kept.withLock { kept in
      guard let mine = kept[Name(series: series, attempt: attempt)] else { return nil }
      var place = step / Self.distance * Self.distance
      while place > 0 {
        if let run = mine[place] { return run }
        place -= Self.distance
      }
      return nil
    }
  }
}
