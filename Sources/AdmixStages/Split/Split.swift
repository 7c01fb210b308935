import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import Foundation

/// Cuts a dataset into parts of exact size; rows keep their order within each part.
///
/// Every row is ranked by a seeded permutation of row numbers within its stratum, and the first so
/// many of each stratum go to the first part, and so on. Which part a row is in follows from the seed
/// and the data alone.
package struct Split: StageKind {
  package static let description = KindDescription(
    name: "split", revision: 1, summary: "Cuts a dataset into parts of exact size.",
    fields: [
      .required("from", .edge(.dataset), "The dataset to cut."),
      .required(
        "into", .orderedMap(.number(0...Double(1 << 53))),
        "The parts with their shares, which add up to 1, or with their numbers of rows."),
      .optional(
        "stratify", .listOrOne(.column),
        "Columns whose combinations of values have the same shares in every part."),
      .optional("group", .column, "All rows with the same value go to the same part."),
    ],
    outputs: nil, usesRandomness: true,
    example: """
      split: {from: census, into: {train: 0.8, holdout: 0.2}, stratify: [income, sex]}
      """)

  private let parts: [(name: String, size: Double)]
  private let isShares: Bool
  private let stratify: [(name: String, span: SourceSpan)]
  private let group: (name: String, span: SourceSpan)?
  private let span: SourceSpan

  package init(_ options: OptionValues, report: inout Diagnostics) {
    let into = options["into"]
    span = into?.span ?? options.span
    parts = (into?.items ?? []).flatMap(\.members).map { ($0.key, $0.value.double ?? 0) }
    let sum = parts.reduce(0) { $0 + $1.size }
    isShares = sum <= 1 + 1e-9
    if parts.isEmpty || parts.count > 250 {
      report.append(.error("AX0630", at: span, "'into' names 1 to 250 parts, not \(parts.count)"))
    } else if isShares, abs(sum - 1) > 1e-9 {
      report.append(
        .error(
          "AX0631", at: span, "the shares of 'into' add up to \(sum), not 1",
          hint: "name the rest as a part too, such as {train: 0.8, rest: 0.2}"))
    } else if !isShares, parts.contains(where: { $0.size != $0.size.rounded() }) {
      report.append(.error("AX0631", at: span, "'into' mixes shares and numbers of rows"))
    }
    stratify = (options["stratify"]?.items ?? []).compactMap { item in
      item.text.map { ($0, item.span) }
    }
    group = options["group"].flatMap { node in node.text.map { ($0, node.span) } }
    if let group, !stratify.isEmpty {
      report.append(
        .error(
          "AX0632", at: group.span, "'group' and 'stratify' exclude each other",
          cause: "a group goes to one side as a whole, whatever its rows are"))
    }
  }

  package var outputs: [String] { parts.map(\.name) }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    guard let schema = inputs["from"] else { return [:] }
    do { try check(schema) } catch let problem as Diagnostic { report.append(problem) } catch {}
    return Dictionary(parts.map { ($0.name, schema) }) { first, _ in first }
  }

  private func check(_ schema: Schema) throws {
    for column in stratify + (group.map { [$0] } ?? []) where schema[column.name] == nil {
      throw Diagnostic.error(
        "AX0633", at: column.span, "there is no column '\(column.name)'",
        hint: Spelling.closest(to: column.name, among: schema.names).map { "did you mean '\($0)'?" }
      )
    }
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    guard let input = stage.inputs["from"] else {
      throw TaskFailure(.error("AX0909", "a split without a dataset"))
    }
    let manifest = try stage.artifacts.dataset(input)
    try check(manifest.schema)
    let total = manifest.rows
    if !isShares {
      let asked = parts.reduce(0) { $0 + Int($1.size) }
      guard asked == total else {
        throw TaskFailure(
          .error(
            "AX0634", at: span, "the parts have \(asked) rows together and the dataset \(total)"))
      }
    }
    let keys = group.map { [$0.name] } ?? stratify.map(\.name)
    let parameters = AssignParameters(
      parts: parts.map(\.size), isShares: isShares, keys: keys, isGrouped: group != nil,
      seed: stage.seed, salt: stage.salt)
    let assigned = try await stage.run([
      TaskRequest(
        step: "assign", parameters: try .init(encoding: parameters), inputs: ["dataset": [input]],
        expectedRows: total)
    ])
    guard let plan = assigned.first?.artifacts["plan"], plan.count == manifest.partitions.count
    else {
      throw TaskFailure(.error("AX0909", "a split was not planned"))
    }
    let schema = try JSONValue(encoding: manifest.schema)
    let cuts = try await stage.run(
      zip(manifest.partitions, plan).map { partition, plan in
        TaskRequest(
          step: "cut", parameters: .object(["schema": schema, "parts": JSONValue(parts.count)]),
          inputs: ["partition": [partition], "plan": [plan]], expectedRows: partition.rows)
      })
    var outputs = StageOutputs()
    for (index, part) in parts.enumerated() {
      let partitions = cuts.flatMap { $0.artifacts["part\(index)"] ?? [] }
      let part1 = DatasetManifest(schema: manifest.schema, partitions: partitions)
      outputs.artifacts[part.name] = try stage.artifacts.publish(
        part1, kind: .dataset, rows: part1.rows)
      if part1.rows == 0 {
        outputs.warnings.append(.warning("AX0635", at: span, "part '\(part.name)' has no rows"))
      }
    }
    return outputs
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case "assign": try SplitSteps.assign(task)
    case "cut": try SplitSteps.cut(task)
    default:
      throw TaskFailure(.error("AX0901", "stage kind 'split' has no step '\(task.request.step)'"))
    }
  }
}

struct AssignParameters: Codable {
  var parts: [Double]
  var isShares: Bool
  var keys: [String]
  var isGrouped: Bool
  var seed: UInt64
  var salt: String
}

enum SplitSteps {
  /// Decides for every row which part it goes to: a byte a row, a plan for each partition.
  static func assign(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = try task.request.parameters.decoded(AssignParameters.self)
    guard let input = task.request.inputs["dataset"]?.first else {
      throw TaskFailure(.error("AX0909", "a split without a dataset"))
    }
    let manifest = try task.artifacts.dataset(input)
    // The key of every row as a dense number, in the order of first sight: the same for any worker.
    var codes: [Int32] = []
    codes.reserveCapacity(manifest.rows)
    var numbers: [StratumKey: Int32] = [:]
    if parameters.keys.isEmpty {
      codes = Array(repeating: 0, count: manifest.rows)
    } else {
      for partition in manifest.partitions {
        try task.checkCancellation()
        let batch = try task.artifacts.batch(
          partition, schema: manifest.schema, columns: parameters.keys)
        for row in 0..<batch.rows {
          let key = StratumKey(batch, row)
          let next = Int32(numbers.count)
          let code = numbers[key] ?? next
          if code == next { numbers[key] = next }
          codes.append(code)
        }
        task.progress(rows: batch.rows)
      }
    }
    let random = RandomSource(seed: parameters.seed, salt: parameters.salt + "\u{0}split")
    let parts =
      parameters.isGrouped
      ? grouped(codes, max(1, numbers.count), parameters, random)
      : stratified(codes, max(1, numbers.count), parameters, random)
    var plans: [Artifact] = []
    for (partition, start) in zip(manifest.partitions, manifest.offsets) {
      let bytes = Data(parts[start..<(start + (partition.rows ?? 0))])
      plans.append(try task.artifacts.publish(bytes, kind: .statistics, rows: nil))
    }
    return TaskOutputs(["plan": plans])
  }

  /// Sizes that are exact overall and, by largest remainder, as near as can be in every stratum.
  private static func stratified(
    _ codes: [Int32], _ strata: Int, _ parameters: AssignParameters, _ random: RandomSource
  ) -> [UInt8] {
    let total = codes.count
    let shares =
      parameters.isShares ? parameters.parts : parameters.parts.map { $0 / Double(max(1, total)) }
    var members = [[Int32]](repeating: [], count: strata)
    for (row, code) in codes.enumerated() { members[Int(code)].append(Int32(row)) }
    var wanted = Apportionment.largestRemainder(total, weights: shares)
    // Whole rows first, then the rest to the parts that are owed most in a stratum and still open.
    var sizes = members.map { list in shares.map { Int(($0 * Double(list.count)).rounded(.down)) } }
    for counts in sizes { for part in counts.indices { wanted[part] -= counts[part] } }
    var rest = members.indices.map { members[$0].count - sizes[$0].reduce(0, +) }
    var claims: [(stratum: Int, part: Int, owed: Double)] = []
    for stratum in members.indices {
      for part in shares.indices {
        let exact = shares[part] * Double(members[stratum].count)
        claims.append((stratum, part, exact - exact.rounded(.down)))
      }
    }
    claims.sort { ($1.owed, $0.stratum, $0.part) < ($0.owed, $1.stratum, $1.part) }
    for claim in claims where rest[claim.stratum] > 0 && wanted[claim.part] > 0 {
      sizes[claim.stratum][claim.part] += 1
      rest[claim.stratum] -= 1
      wanted[claim.part] -= 1
    }
    for stratum in members.indices {
      while rest[stratum] > 0, let part = wanted.indices.first(where: { wanted[$0] > 0 }) {
        sizes[stratum][part] += 1
        rest[stratum] -= 1
        wanted[part] -= 1
      }
    }
    var out = [UInt8](repeating: 0, count: total)
    for (stratum, list) in members.enumerated() where !list.isEmpty {
      let order = RandomPermutation(
        count: list.count,
        source: RandomSource(key: key(random, stratum)))
      var bounds: [Int] = []
      var sum = 0
      for size in sizes[stratum] {
        sum += size
        bounds.append(sum)
      }
      for (index, row) in list.enumerated() {
        let rank = order[index]
        out[Int(row)] = UInt8(bounds.firstIndex { rank < $0 } ?? bounds.count - 1)
      }
    }
    return out
  }

  /// Whole groups, in a seeded order, each to the part that is furthest below its size.
  private static func grouped(
    _ codes: [Int32], _ groups: Int, _ parameters: AssignParameters, _ random: RandomSource
  ) -> [UInt8] {
    let total = codes.count
    let wanted =
      parameters.isShares
      ? parameters.parts.map { $0 * Double(total) } : parameters.parts
    var sizes = [Int](repeating: 0, count: groups)
    for code in codes { sizes[Int(code)] += 1 }
    let shuffle = RandomPermutation(count: groups, source: random)
    let order = (0..<groups).map { shuffle[$0] }
    // Large groups first leave the small ones to even things out; the shuffle decides among equals.
    let queue = order.enumerated().sorted {
      (sizes[$1.element], $0.offset) < (sizes[$0.element], $1.offset)
    }.map(\.element)
    var have = [Double](repeating: 0, count: wanted.count)
    var part = [UInt8](repeating: 0, count: groups)
    for group in queue {
      let target =
        wanted.indices.max { (wanted[$0] - have[$0], -$0) < (wanted[$1] - have[$1], -$1) } ?? 0
      part[group] = UInt8(target)
      have[target] += Double(sizes[group])
    }
    return codes.map { part[Int($0)] }
  }

  private static func key(_ random: RandomSource, _ stratum: Int) -> (UInt32, UInt32) {
    let block = random.block(row: UInt64(stratum), tag: 0x5354_5254)
    return (block.0, block.1)
  }

  static func cut(_ task: any TaskContext) throws -> TaskOutputs {
    guard let partition = task.request.inputs["partition"]?.first,
      let plan = task.request.inputs["plan"]?.first,
      let schema = try task.request.parameters["schema"]?.decoded(Schema.self),
      let parts = task.request.parameters["parts"]?.int
    else { throw TaskFailure(.error("AX0909", "a cut without a plan")) }
    let batch = try task.artifacts.batch(partition, schema: schema)
    let owners = [UInt8](try task.artifacts.read(plan))
    guard owners.count == batch.rows else {
      throw TaskFailure(.error("AX0909", "the plan of a split has another length"))
    }
    var outputs = TaskOutputs()
    for part in 0..<parts {
      let rows = owners.indices.filter { Int(owners[$0]) == part }
      if rows.isEmpty { continue }
      outputs.artifacts["part\(part)"] = [try task.artifacts.publish(batch.taking(rows))]
    }
    task.progress(rows: batch.rows)
    return outputs
  }
}

/// The values of some columns in one row, for grouping.
struct StratumKey: Hashable {
  private enum Value: Hashable {
    case missing
    case int(Int64)
    case double(UInt64)
    case text([UInt8])
  }

  private let values: [Value]

  init(_ batch: Batch, _ row: Int) {
    values = batch.columns.map { column in
      if column.isMissing(row) { return .missing }
      return switch column.values {
      case .bool(let bits): .int(bits[row] ? 1 : 0)
      case .int(let values), .datetime(let values): .int(values[row])
      case .date(let values): .int(Int64(values[row]))
      // 0 and -0 are one value.
      case .double(let values): .double((values[row] == 0 ? 0 : values[row]).bitPattern)
      case .text(let texts): .text(Array(texts.utf8(row)))
      case .category(let codes, _): .int(Int64(codes[row]))
      }
    }
  }
}
