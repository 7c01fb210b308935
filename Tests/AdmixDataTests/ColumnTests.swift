import AdmixData
import AdmixModel
import AdmixTestSupport
import Testing

@Suite struct ColumnTests {
  @Test func takesSlicesAndJoinsWithoutChangingValues() {
    forEverySeed(100) { random in
      let rows = Int.random(in: 0...70, using: &random)
      let batch = RandomBatches.make(&random, rows: rows)
      let cut = Int.random(in: 0...rows, using: &random)
      let parts = [batch.slice(0..<cut), batch.slice(cut..<rows)]
      let joined = Batch.concatenating(parts, schema: batch.schema)
      let order = (0..<rows).shuffled(using: &random)
      var inverse = [Int](repeating: 0, count: rows)
      for (place, row) in order.enumerated() { inverse[row] = place }
      // Slices of slices begin in the middle of a byte of their bitmaps.
      let inner = batch.slice(cut..<rows)
      let third = inner.slice(inner.rows / 2..<inner.rows)
      return joined.difference(from: batch) == nil
        && batch.taking(order).taking(inverse).difference(from: batch) == nil
        && third.difference(from: batch.taking(Array(cut + inner.rows / 2..<rows))) == nil
        && batch.selecting(batch.schema.names.reversed())?.columns.count == batch.columns.count
        && batch.selecting(["no such"]) == nil
    }
  }

  @Test func bringsCategoriesTogetherByTheirBytes() throws {
    // The two spellings of é are one String to Swift and two categories to the data.
    let composed = "é"
    let decomposed = "e\u{301}"
    let all = ColumnSchema("c", .category, categories: [decomposed, "z", composed])
    let first = Column(.category(Buffer([0, 1]), categories: [composed, "z"]))
    let second = Column(.category(Buffer([0]), categories: [decomposed]))
    let joined = Column.concatenating([first, second], schema: all)
    guard case .category(let codes, _) = joined.values else {
      Issue.record("not a category")
      return
    }
    #expect(codes.array == [2, 1, 0])
    #expect(throws: UnknownCategory.self) { try first.recoded(to: ["z"]) }
    // A code at a missing place means nothing.
    let missing = Column(
      .category(Buffer([9, 0]), categories: ["z"]), validity: Bitmap(count: 2) { $0 == 1 })
    #expect(try missing.recoded(to: ["a", "z"]).isMissing(0))
    // Compared by their bytes, for the strings themselves are equal.
    let distinct = CategoryIndex.distinct(["z", composed, decomposed, "z", composed])
    #expect(distinct.map { Array($0.utf8) } == [decomposed, "z", composed].map { Array($0.utf8) })
  }

  @Test func seesEveryKindOfDifference() {
    let schema = Schema([ColumnSchema("x", .double)])
    func batch(_ values: [Double], missing: Int? = nil) -> Batch {
      Batch(
        schema: schema,
        columns: [
          Column(
            .double(Buffer(values)),
            validity: missing.map { row in Bitmap(count: values.count) { $0 != row } })
        ])
    }
    let base = batch([1, 2])
    #expect(base.difference(from: batch([1, 2])) == nil)
    #expect(base.difference(from: batch([1, 2, 3])) == "2 rows and 3 rows")
    #expect(base.difference(from: batch([1, 4])) == "column 'x': row 1 differs")
    #expect(batch([0, 2]).difference(from: batch([-0.0, 2])) == "column 'x': row 0 differs")
    #expect(
      base.difference(from: batch([1, 2], missing: 0))
        == "column 'x': row 0 is missing in one of them")
  }

  @Test func cutsByRowCountAlone() {
    #expect(Partitioning.ranges(rows: 0) == [0..<0])
    #expect(Partitioning.ranges(rows: 65_536) == [0..<65_536])
    #expect(Partitioning.ranges(rows: 65_537) == [0..<65_536, 65_536..<65_537])
  }
}
