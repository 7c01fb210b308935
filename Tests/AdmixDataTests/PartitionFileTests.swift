import AdmixData
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

@Suite struct PartitionFileTests {
  @Test func comesBackAsItWasWritten() throws {
    let artifacts = try FolderArtifacts()
    try forEverySeed(60) { random in
      let rows = [0, 1, 7, 8, 9, 1000].randomElement(using: &random) ?? 0
      let batch = RandomBatches.make(&random, rows: rows)
      let partition = try artifacts.publish(batch)
      let back = try artifacts.batch(partition, schema: batch.schema)
      let names = Array(batch.schema.names.shuffled(using: &random).prefix(3))
      let some = try artifacts.batch(partition, schema: batch.schema, columns: names)
      let none = try artifacts.batch(partition, schema: batch.schema, columns: [])
      guard let expected = batch.selecting(names) else { return false }
      return back.difference(from: batch) == nil && some.difference(from: expected) == nil
        && none.rows == rows && none.columns.isEmpty
    }
  }

  @Test func hasBytesThatFollowFromItsRowsAlone() throws {
    let artifacts = try FolderArtifacts()
    try forEverySeed(40) { random in
      let batch = RandomBatches.make(&random, rows: 200)
      // The same rows from a larger batch, at an odd offset, with more categories and with garbage
      // at missing places.
      let larger = Batch.concatenating([batch.slice(0..<3), batch, batch], schema: batch.schema)
      var wider = larger.slice(3..<203)
      wider = Batch(
        schema: Schema(
          wider.schema.columns.map { column in
            var column = column
            if column.type == .category { column.categories.append("\u{10FFFF} unused") }
            return column
          }),
        columns: wider.columns.map { column in
          switch column.values {
          case .category(let codes, let categories):
            Column(
              .category(codes, categories: categories + ["\u{10FFFF} unused"]),
              validity: column.validity)
          case .int(let values):
            Column(
              .int(
                Buffer(count: values.count) { out in
                  for row in 0..<values.count {
                    out[row] = column.isMissing(row) ? 42 : values[row]
                  }
                }), validity: column.validity ?? Bitmap(repeating: true, count: values.count))
          default: column
          }
        })
      return try artifacts.publish(batch) == artifacts.publish(wider)
    }
  }

  @Test func isAnErrorWhereItIsDamagedAndNeverACrash() throws {
    let artifacts = try FolderArtifacts()
    var random = SeededRandom(seed: 1)
    let batch = RandomBatches.make(&random, rows: 100)
    let partition = try artifacts.publish(batch)
    let path = try artifacts.file(of: partition)
    let good = try Data(contentsOf: URL(fileURLWithPath: path))
    var refused = 0
    var damages = stride(from: 0, to: good.count, by: 97).map { good.prefix($0) }
    for _ in 0..<1500 {
      var bad = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bad[Int.random(in: 0..<bad.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      damages.append(bad)
    }
    for bad in damages {
      try bad.write(to: URL(fileURLWithPath: path))
      do {
        let read = try artifacts.batch(partition, schema: batch.schema)
        // What was taken for good must be readable from end to end.
        _ = read.difference(from: batch)
      } catch let problem as Diagnostic {
        refused += 1
        if problem.code != "AX0951" { Issue.record("\(problem)") }
      }
    }
    #expect(refused > damages.count / 4)

    try good.write(to: URL(fileURLWithPath: path))
    var other = batch.schema
    other.columns[1].type = .double
    #expect(throws: Diagnostic.self) { try artifacts.batch(partition, schema: other) }
    var fewer = batch.schema
    for index in fewer.columns.indices { fewer.columns[index].categories = [] }
    let names = batch.schema.columns.filter { $0.type == .category }.map(\.name)
    if batch[names[0]]?.missingCount != batch.rows {
      #expect(throws: Diagnostic.self) { try artifacts.batch(partition, schema: fewer) }
    }
    var wrongCount = partition
    wrongCount.rows = 99
    #expect(throws: Diagnostic.self) { try artifacts.batch(wrongCount, schema: batch.schema) }
  }
}
