import AdmixData
import AdmixEngine
import AdmixModel

/// The step that makes one partition of a blend.
///
/// Reads the partitions of the parts one after the other and keeps only the rows that it wants, so
/// memory holds one partition of a part beside the one that is made. Each output partition reads
/// every input partition once: time grows with the product of their numbers.
enum Blending {
  static func perform(_ task: any TaskContext) throws -> TaskOutputs {
    let request = task.request
    guard let planArtifact = request.inputs["plan"]?.first,
      let from = request.parameters["from"]?.int, let to = request.parameters["to"]?.int
    else { throw missingInput(request.step) }
    let plan = try task.artifacts.decode(BlendPlan.self, from: planArtifact)
    guard 0 <= from, from <= to, to <= plan.rows else { throw missingInput(request.step) }
    let wanted = wanted(plan, from..<to)

    var gathered: [Batch] = []
    // By place in the partition, where its row is among the gathered ones.
    var sources = [Int](repeating: 0, count: to - from)
    // By place too: the partition its row is from, of all parts' one after the other, and the row there.
    var owners = sources
    var numbers = sources
    var count = 0
    var partitionsBefore = 0
    for (index, part) in plan.parts.enumerated() {
      let partitions = request.inputs["part.\(index)"] ?? []
      guard partitions.count == part.counts.counts.count else { throw missingInput(request.step) }
      defer { partitionsBefore += partitions.count }
      var firstRow = 0
      for (number, partition) in partitions.enumerated() {
        defer { firstRow += partition.rows ?? 0 }
        let wishes = wanted[index][number]
        guard !wishes.isEmpty else { continue }
        try task.checkCancellation()
        let batch = try task.artifacts.batch(partition, schema: part.schema)
        let rows = try rows(wishes, batch, plan.columns, part)
        gathered.append(
          try BlendSchema.conformed(
            batch, to: plan.schema, part: part.origin, rows: rows, firstRow: firstRow))
        for (wish, row) in zip(wishes, rows) {
          owners[wish.place] = partitionsBefore + number
          numbers[wish.place] = row
          sources[wish.place] = count
          count += 1
        }
        task.progress(rows: wishes.count)
      }
    }
    let blend = Batch.concatenating(gathered, schema: plan.schema).taking(sources)
    let map = RowMap(rows: numbers, inputs: owners)
    return TaskOutputs([
      "rows": [try task.artifacts.publish(blend)],
      "map": [try task.artifacts.publish(map.data, kind: .statistics, rows: nil)],
    ])
  }

  private struct Wish {
    /// In the partition that is made.
    var place: Int
    var cell: Int
    var ordinal: Int
  }

  /// By part and its partition.
  private static func wanted(_ plan: BlendPlan, _ range: Range<Int>) -> [[[Wish]]] {
    var places = BlendPlaces(plan)
    var wanted = plan.parts.map { [[Wish]](repeating: [], count: $0.counts.counts.count) }
    for row in range {
      let place = places.place(of: row)
      wanted[place.part][place.partition].append(
        Wish(place: row - range.lowerBound, cell: place.cell, ordinal: place.ordinal))
    }
    return wanted
  }

  private static func rows(
    _ wishes: [Wish], _ batch: Batch, _ columns: [String], _ part: BlendPlan.Part
  ) throws -> [Int] {
    guard !columns.isEmpty else {
      // One cell: the how-manieth row of it is the row.
      guard wishes.allSatisfy({ $0.ordinal < batch.rows }) else { throw missingInput("blend") }
      return wishes.map(\.ordinal)
    }
    let rows = CellRows(batch, columns: columns, keys: part.counts.keys)
    return try wishes.map { wish in
      guard let row = rows.row(cell: wish.cell, ordinal: wish.ordinal) else {
        throw missingInput("blend")
      }
      return row
    }
  }
}

/// The rows of a batch by cell, in their order.
struct CellRows {
  private let rows: [[Int]]

  init(_ batch: Batch, columns: [String], keys: [CellKey]) {
    let index = Dictionary(keys.enumerated().map { ($1, $0) }) { first, _ in first }
    let own = RowCells(batch, columns: columns)
    let map = own.keys.map { index[$0] }
    var rows = [[Int]](repeating: [], count: keys.count)
    for (row, cell) in own.cells.enumerated() {
      if let at = map[Int(cell)] { rows[at].append(row) }
    }
    self.rows = rows
  }

  func row(cell: Int, ordinal: Int) -> Int? {
    rows.indices.contains(cell) && rows[cell].indices.contains(ordinal) ? rows[cell][ordinal] : nil
  }
}
