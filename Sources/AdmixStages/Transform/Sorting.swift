import AdmixData
import AdmixEngine
import AdmixModel

/// Sorts a dataset by columns, stably, in three rounds of tasks.
///
/// One task per partition sorts it by itself: a run. One task cuts all runs at the same places of the
/// order, so that what lies between two cuts is about `rowsPerSlice` rows. One task
/// per slice merges its piece of every run. So memory holds a slice for each worker, however many rows
/// there are; each slice reads every run once.
///
/// Rows are told apart by key, run and row in the run, so equal keys are no obstacle to cutting.
enum Sorting {
  static let runStep = "sort-run"
  static let cutStep = "sort-cut"
  static let mergeStep = "sort-merge"

  private static let rowsPerSlice = 8 * Partitioning.rowsPerPartition
  /// Of every run, one row in so many is looked at to find the cuts.
  private static let sampleStep = 64

  struct Key: Hashable, Sendable, Codable {
    var column: String
    var isDescending: Bool
  }

  static func drive(
    _ stage: any StageContext, _ manifest: DatasetManifest, _ keys: [Key],
    rowsPerSlice: Int = rowsPerSlice
  ) async throws -> DerivedDataset {
    let schema = try JSONValue(encoding: manifest.schema)
    let shape = try JSONValue(encoding: manifest.schema.shape)
    let order = try JSONValue(encoding: keys)
    let outputs = try await stage.run(
      manifest.partitions.map {
        TaskRequest(
          step: runStep, parameters: ["schema": shape, "keys": order],
          inputs: ["partition": [$0]], expectedRows: $0.rows)
      })
    var result = try DerivedDataset(outputs, schema: manifest.schema, partitions: "run")
    let runs = result.manifest.partitions
    guard runs.count == manifest.partitions.count else { throw missingInput(runStep) }
    if runs.count <= 1 { return result }
    let slices = max(1, manifest.rows / rowsPerSlice)
    var cuts = [[Int]](repeating: [], count: runs.count)
    if slices > 1 {
      let cut = try await stage.run([
        TaskRequest(
          step: cutStep,
          parameters: ["schema": schema, "keys": order, "slices": JSONValue(slices)],
          inputs: ["runs": runs])
      ])
      cuts = try cut.first?.value.decoded([[Int]].self) ?? []
      guard cuts.count == runs.count, cuts.allSatisfy({ $0.count == slices - 1 }) else {
        throw missingInput(cutStep)
      }
    }
    var usedRuns: [[Int]] = []
    let merged = try await stage.run(
      (0..<slices).map { slice in
        let ranges = zip(runs, cuts).map { run, cuts in
          let from = slice == 0 ? 0 : cuts[slice - 1]
          return from..<(slice == slices - 1 ? run.rows ?? 0 : cuts[slice])
        }
        let used = runs.indices.filter { !ranges[$0].isEmpty }
        usedRuns.append(used)
        return TaskRequest(
          step: mergeStep,
          parameters: [
            "schema": schema, "keys": order,
            "ranges": .array(
              used.map { [JSONValue(ranges[$0].lowerBound), JSONValue(ranges[$0].upperBound)] }),
          ], inputs: ["runs": used.map { runs[$0] }],
          expectedRows: ranges.reduce(0) { $0 + $1.count })
      })
    var pieces: [RowLineage.Piece] = []
    for (used, output) in zip(usedRuns, merged) {
      let partitions = output.artifacts["partition"] ?? []
      let maps = output.artifacts["map"] ?? []
      guard maps.count == partitions.count else { throw missingInput(mergeStep) }
      pieces += zip(partitions, maps).map { .init(rows: $0.rows ?? 0, from: used, map: $1) }
    }
    result.take(
      DerivedDataset(
        DatasetManifest(
          schema: manifest.schema, partitions: merged.flatMap { $0.artifacts["partition"] ?? [] }),
        steps: [pieces]))
    return result
  }

  private static func told(_ task: any TaskContext) throws -> (schema: Schema, keys: [Key]) {
    guard let schema = try task.request.parameters["schema"]?.decoded(Schema.self),
      let keys = try task.request.parameters["keys"]?.decoded([Key].self)
    else { throw missingInput(task.request.step) }
    return (schema, keys)
  }

  static func run(_ task: any TaskContext) throws -> TaskOutputs {
    let (schema, keys) = try told(task)
    guard let partition = task.request.inputs["partition"]?.first else {
      throw missingInput(runStep)
    }
    let batch = try task.artifacts.batch(partition, shape: schema)
    task.progress(rows: batch.rows)
    let order = SortOrder(batch, keys)
    var rows = Array(0..<batch.rows)
    rows.sort { order.precedes($0, $1) }
    var outputs = ["run": [try task.artifacts.publish(batch.taking(rows))]]
    if let map = try task.artifacts.publish(RowMap(rows: rows), whole: batch.rows) {
      outputs["map"] = [map]
    }
    return TaskOutputs(outputs)
  }

  /// Finds in every run where the slices begin; the task's value, by run and slice.
  static func cut(_ task: any TaskContext) throws -> TaskOutputs {
    let (schema, keys) = try told(task)
    guard let slices = task.request.parameters["slices"]?.int, slices > 0 else {
      throw missingInput(cutStep)
    }
    let runs = task.request.inputs["runs"] ?? []
    let names = keys.map(\.column).reduce(into: [String]()) { names, name in
      if !names.contains(name) { names.append(name) }
    }
    let narrow = Schema(names.compactMap { schema[$0] })
    var samples: [Batch] = []
    var places: [(run: Int, row: Int)] = []
    for (index, run) in runs.enumerated() {
      try task.checkCancellation()
      let batch = try task.artifacts.batch(run, schema: schema, columns: names)
      let rows = Array(stride(from: sampleStep / 2, to: batch.rows, by: sampleStep))
      samples.append(batch.taking(rows))
      places += rows.map { (index, $0) }
    }
    let sample = Batch.concatenating(samples, schema: narrow)
    samples = []
    let order = SortOrder(sample, keys)
    var ranks = Array(0..<sample.rows)
    ranks.sort { order.precedes($0, $1) }
    let chosen =
      ranks.isEmpty
      ? [] : (1..<slices).map { ranks[min(ranks.count - 1, ranks.count * $0 / slices)] }
    let splitters = sample.taking(chosen)
    var cuts: [[Int]] = []
    for (index, run) in runs.enumerated() {
      try task.checkCancellation()
      let batch = try task.artifacts.batch(run, schema: schema, columns: names)
      // The splitters stand behind the run's rows, so that one order compares them.
      let both = SortOrder(Batch.concatenating([batch, splitters], schema: narrow), keys)
      cuts.append(
        chosen.enumerated().map { number, choice in
          let place = places[choice]
          // The first row of the run that is not before the splitter.
          var low = 0
          var high = batch.rows
          while low < high {
            let middle = (low + high) / 2
            let isBefore =
              switch both.compare(middle, batch.rows + number) {
              case -1: true
              case 1: false
              default: (index, middle) < (place.run, place.row)
              }
            if isBefore { low = middle + 1 } else { high = middle }
          }
          return low
        } + [Int](repeating: batch.rows, count: slices - 1 - chosen.count))
    }
    return TaskOutputs(value: try .init(encoding: cuts))
  }

  static func merge(_ task: any TaskContext) throws -> TaskOutputs {
    let (schema, keys) = try told(task)
    let ranges = try task.request.parameters["ranges"]?.decoded([[Int]].self) ?? []
    let runs = task.request.inputs["runs"] ?? []
    guard ranges.count == runs.count else { throw missingInput(mergeStep) }
    var pieces: [Batch] = []
    // Where the gathered rows stood: which run, and where in it.
    var owners: [Int] = []
    var numbers: [Int] = []
    for (index, (run, range)) in zip(runs, ranges).enumerated() {
      try task.checkCancellation()
      let batch = try task.artifacts.batch(run, schema: schema)
      guard range.count == 2, 0 <= range[0], range[0] <= range[1], range[1] <= batch.rows else {
        throw missingInput(mergeStep)
      }
      // Copied, so that the rest of the run can go.
      pieces.append(batch.taking(Array(range[0]..<range[1])))
      owners += repeatElement(index, count: range[1] - range[0])
      numbers += range[0]..<range[1]
    }
    let rows = Batch.concatenating(pieces, schema: schema)
    pieces = []
    task.progress(rows: rows.rows)
    let order = SortOrder(rows, keys)
    // The standard library's sort is a merge sort that takes sorted runs as it finds them.
    var places = Array(0..<rows.rows)
    places.sort { order.precedes($0, $1) }
    var outputs = TaskOutputs()
    for range in Partitioning.ranges(rows: places.count) where !range.isEmpty {
      let places = Array(places[range])
      outputs.artifacts["partition", default: []].append(
        try task.artifacts.publish(rows.taking(places)))
      let map = RowMap(rows: places.map { numbers[$0] }, inputs: places.map { owners[$0] })
      if let map = try task.artifacts.publish(map, whole: nil) {
        outputs.artifacts["map", default: []].append(map)
      }
    }
    return outputs
  }
}

/// The rows of a batch, ready to be compared by some columns.
struct SortOrder {
  private enum Values {
    /// In the order of their bits, whichever way the column is sorted.
    case words([UInt64])
    case texts(TextBuffer, isDescending: Bool)
  }

  private struct Level {
    var values: Values
    /// Missing values come last, whichever way the others go; nil when there are none.
    var missing: [Bool]?
  }

  private let levels: [Level]

  init(_ batch: Batch, _ keys: [Sorting.Key]) {
    levels = keys.compactMap { key in
      batch[key.column].map { Self.level($0, isDescending: key.isDescending) }
    }
  }

  private static func level(_ column: Column, isDescending: Bool) -> Level {
    let rows = 0..<column.count
    var missing = column.validity == nil ? nil : rows.map { column.isMissing($0) }
    func words(_ word: (Int) -> UInt64) -> Values {
      .words(rows.map { isDescending ? ~word($0) : word($0) })
    }
    func signed(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) ^ 1 << 63 }
    let values: Values
    switch column.values {
    case .int(let buffer), .datetime(let buffer): values = words { signed(buffer[$0]) }
    case .date(let buffer): values = words { signed(Int64(buffer[$0])) }
    // The categories of a schema are sorted, so their codes are in order.
    case .category(let codes, _): values = words { signed(Int64(codes[$0])) }
    case .bool(let bits): values = words { bits[$0] ? 1 : 0 }
    case .double(let buffer):
      if rows.contains(where: { buffer[$0].isNaN }) {
        let known = missing
        missing = rows.map { buffer[$0].isNaN || known?[$0] == true }
      }
      // Larger numbers have larger bits, but for the sign; 0 and -0 are one value.
      values = words { row in
        let bits = (buffer[row] == 0 ? 0 : buffer[row]).bitPattern
        return bits >> 63 == 1 ? ~bits : bits | 1 << 63
      }
    case .text(let texts): values = .texts(texts, isDescending: isDescending)
    }
    return Level(values: values, missing: missing)
  }

  /// -1, 0 or 1 as row `a` comes before row `b`, beside it, or after it.
  func compare(_ a: Int, _ b: Int) -> Int {
    for level in levels {
      if let missing = level.missing, missing[a] || missing[b] {
        if missing[a] != missing[b] { return missing[a] ? 1 : -1 }
        continue
      }
      switch level.values {
      case .words(let words):
        if words[a] != words[b] { return words[a] < words[b] ? -1 : 1 }
      case .texts(let texts, let isDescending):
        let order = Self.compare(texts.utf8(a), texts.utf8(b))
        if order != 0 { return isDescending ? -order : order }
      }
    }
    return 0
  }

  /// Rows beside each other keep their order.
  func precedes(_ a: Int, _ b: Int) -> Bool {
    let order = compare(a, b)
    return order == 0 ? a < b : order < 0
  }

  private static func compare(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>)
    -> Int
  {
    for index in 0..<min(a.count, b.count) where a[index] != b[index] {
      return a[index] < b[index] ? -1 : 1
    }
    return a.count == b.count ? 0 : a.count < b.count ? -1 : 1
  }
}
