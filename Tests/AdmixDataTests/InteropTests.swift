import AdmixData
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// Files of the formats' own test suites: all of them are read or refused, and none does harm.
@Suite struct InteropTests {
  private struct Reference {
    let isOK: Bool
    let rows: Int?
  }

  /// What pyarrow made of each file, as `FILES.csv` says.
  private static func references(_ data: URL) throws -> [String: Reference] {
    let text = try String(contentsOf: data.appendingPathComponent("FILES.csv"), encoding: .utf8)
    var references: [String: Reference] = [:]
    for line in text.split(separator: "\n") where line.hasPrefix("interop/") {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      guard fields.count > 4 else { continue }
      references[String(fields[0])] = Reference(
        isOK: line.contains(",pyarrow,ok,"), rows: Int(fields[3]))
    }
    return references
  }

  private static func files(under folder: URL) -> [URL] {
    let found = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    var files: [URL] = []
    while let file = found?.nextObject() as? URL {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder),
        !isFolder.boolValue
      {
        files.append(file)
      }
    }
    return files.sorted { $0.path < $1.path }
  }

  /// Every value is looked at once, so that a wrong pointer would show.
  private static func rows(_ file: URL, _ format: TableFormat) throws -> Int {
    var reader = try openTable(path: file.path, format: format)
    var rows = 0
    while let batch = try reader.next(maxRows: 1000) {
      rows += batch.rows
      _ = batch.difference(from: batch)
    }
    return rows
  }

  @Test(arguments: [
    ("parquet-testing", TableFormat.parquet, ["parquet"]),
    ("arrow-testing/parquet", .parquet, []),
    ("arrow-testing/arrow-ipc-file", .arrow, []),
    ("arrow-testing/arrow-ipc-stream", .arrow, []),
    ("arrow-testing/arrow-ipc-tensor-stream", .arrow, []),
    ("arrow-testing", .arrow, ["arrow_file", "stream"]),
    // Files of another kind altogether.
    ("arrow-testing/csv", .parquet, []),
    ("arrow-testing/csv", .arrow, []),
    ("json-test-suite", .jsonLines, []),
    ("duckdb-json", .jsonLines, []),
  ])
  func readsOrRefuses(folder: String, format: TableFormat, endings: [String]) throws {
    guard let data = sharedFolder("data"), let corpus = sharedFolder("data/interop/\(folder)")
    else {
      return
    }
    let references = try Self.references(data)
    var counts = (read: 0, refused: 0, unsupported: 0)
    for file in Self.files(under: corpus)
    where endings.isEmpty || endings.contains(file.pathExtension) {
      let name = String(file.path.dropFirst(data.path.count + 1))
      let reference = references[name]
      let began = ContinuousClock.now
      do {
        let rows = try Self.rows(file, format)
        counts.read += 1
        if let expected = reference?.rows, reference?.isOK == true, format != .jsonLines {
          #expect(rows == expected, "\(name)")
        }
      } catch let problem as Diagnostic {
        if problem.code == "AX0451" {
          counts.unsupported += 1
        } else {
          counts.refused += 1
          if reference?.isOK == true, format != .jsonLines, !name.contains("/csv/") {
            print(
              "refused, though pyarrow reads it: \(name): \(problem.fact); \(problem.cause ?? "")")
          }
        }
        #expect(!problem.fact.isEmpty && !problem.fact.contains("\n"), "\(name)")
      } catch is Diagnostics {
        counts.refused += 1
      }
      let took = ContinuousClock.now - began
      #expect(took < .seconds(20), "\(name)")
    }
    print("\(folder): \(counts)")
    #expect(counts.read + counts.refused + counts.unsupported > 0)
  }

  @Test func refusesNestedColumnsBeforeReadingThem() throws {
    guard let folder = sharedFolder("data/interop/parquet-testing/data") else { return }
    let path = folder.appendingPathComponent("large_string_map.brotli.parquet").path
    let began = ContinuousClock.now
    let problem = #expect(throws: Diagnostic.self) {
      try openTable(path: path, name: "map.parquet", format: .parquet)
    }
    #expect(problem?.code == "AX0451")
    #expect(problem?.fact.contains("column 'arr' of 'map.parquet'") == true)
    #expect(ContinuousClock.now - began < .seconds(1))
  }

  @Test func takesJSONExactlyWhereTheModelsParserDoes() throws {
    guard let folder = sharedFolder("data/interop/json-test-suite") else { return }
    let target = FileManager.default.temporaryDirectory
      .appendingPathComponent("admix-json-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: target) }
    var wrong: [String] = []
    var seen = 0
    for file in Self.files(under: folder) where file.pathExtension == "json" {
      var content = try Data(contentsOf: file)
      if content.contains(0x0a) { continue }
      seen += 1
      content = Data("{\"v\":".utf8) + content + Data("}".utf8)
      try content.write(to: target)
      let isJSON = (try? JSONValue(parsing: Array(content))) != nil
      let isRead =
        (try? Self.rows(target, .jsonLines, TableOptions(nested: .text, textColumns: ["v"]))) != nil
      if isJSON != isRead { wrong.append(file.lastPathComponent) }
    }
    #expect(wrong == [] && seen > 100)
  }

  private static func rows(_ file: URL, _ format: TableFormat, _ options: TableOptions) throws
    -> Int
  {
    var reader = try openTable(path: file.path, format: format, options: options)
    var rows = 0
    while let batch = try reader.next(maxRows: 7) { rows += batch.rows }
    return rows
  }
}
