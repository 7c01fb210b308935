import AdmixData
import AdmixModel

/// What the first pass of sequential trees notes about one column.
///
/// Levels are noted by their texts, so that what is said of a partition rests on its rows alone.
enum LevelNotes {
  case numbers(NumericCounts)
  case levels(TextCounts)
  /// Keys are made, not learned.
  case none

  static func of(_ column: Column, as entry: ColumnPlan.Entry) -> LevelNotes {
    if entry.treatment == .key { return .none }
    switch column.values {
    case .int, .double, .date, .datetime, .text:
      switch ColumnCounts.of(column, as: entry) {
      case .numeric(let counts): return .numbers(counts)
      case .texts(let counts): return .levels(counts)
      case .flags, .categories, .none: return .none
      }
    case .category(let codes, let categories):
      let values = codes.unsafe
      return levels(of: column, names: categories) { Int(values[$0]) }
    case .bool(let bits):
      return levels(of: column, names: ["false", "true"]) { bits[$0] ? 1 : 0 }
    }
  }

  private static func levels(of column: Column, names: [String], code: (Int) -> Int) -> LevelNotes {
    var counts = [Int64](repeating: 0, count: names.count)
    var notes = TextCounts(limit: .max)
    for row in 0..<column.count {
      if column.isMissing(row) { notes.missing += 1 } else { counts[code(row)] += 1 }
    }
    var byText: [ExactText: Int64] = [:]
    for (name, count) in zip(names, counts) where count > 0 {
      byText[ExactText(name), default: 0] += count
    }
    notes.add(byText)
    return .levels(notes)
  }

  func write(to writer: inout ByteWriter) {
    switch self {
    case .none: writer.write(0)
    case .numbers(let counts):
      writer.write(1)
      counts.write(to: &writer)
    case .levels(let counts):
      writer.write(2)
      counts.write(to: &writer)
    }
  }

  init(from reader: inout ByteReader) throws {
    switch try reader.int() {
    case 0: self = .none
    case 1: self = .numbers(try NumericCounts(from: &reader))
    case 2: self = .levels(try TextCounts(from: &reader))
    default: throw DamagedBytes()
    }
  }
}

/// The notes of one column, over partitions in order.
struct MergedLevels {
  private var values = PairwiseMerge()
  private var numbers: NumericCounts?
  private var levels: TextCounts?

  mutating func add(_ notes: LevelNotes) {
    switch notes {
    case .none: break
    case .numbers(let next):
      values.add(next.counts)
      if numbers == nil { numbers = next } else { numbers?.join(next) }
    case .levels(let next):
      if levels == nil { levels = next } else { levels?.merge(next) }
    }
  }

  /// The column's distribution in pieces; says what is wrong with it.
  func marginal(_ entry: ColumnPlan.Entry, _ span: SourceSpan?, report: inout Diagnostics)
    -> Marginal
  {
    let name = entry.column.name
    if var numbers {
      numbers.counts = values.result
      if numbers.tooLarge > 0 {
        report.append(LearningProblem.tooLarge(name, numbers.tooLarge, span))
      }
      if numbers.notFinite > 0 {
        report.append(LearningProblem.notFinite(name, numbers.notFinite, span))
      }
      return .numeric(entry, numbers, frequentShare: 0.001, grid: 2_048)
    }
    guard let levels else {
      return Marginal(column: ColumnPlan.output(entry), treatment: entry.treatment)
    }
    switch entry.column.type {
    case .category:
      let index = CategoryIndex(entry.column.categories)
      var counts = [Int64](repeating: 0, count: entry.column.categories.count)
      for (text, count) in zip(levels.texts, levels.counts) {
        if let code = index.code(of: text) { counts[Int(code)] += count }
      }
      return .coded(entry, counts: counts, missing: levels.missing)
    case .bool:
      var counts: [Int64] = [0, 0]
      for (text, count) in zip(levels.texts, levels.counts) {
        counts[text == "true" ? 1 : 0] += count
      }
      return .coded(entry, counts: counts, missing: levels.missing)
    default:
      if entry.treatment == .nominal, levels.texts.count > TextPolicy.learnedLevels {
        report.append(LearningProblem.freeText(name, SequentialTrees.description.name, span))
      }
      if !levels.isComplete, entry.treatment == .resampled {
        report.append(LearningProblem.someTexts(name, span))
      }
      return .texts(entry, levels)
    }
  }
}
