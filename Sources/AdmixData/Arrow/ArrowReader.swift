import AdmixModel
import CArrow

/// A handle of the library's reader, closed with the object.
///
/// One thread at a time uses it.
final class ArrowReader {
  struct ColumnFacts {
    let name: String
    /// In Arrow's words.
    let sourceType: String
    let type: Int32
    let isUTC: Bool
    let wasDictionary: Bool
    let decimals: Int?
  }

  private let library: ArrowLibrary
  private let handle: OpaquePointer
  let columns: [ColumnFacts]

  /// - Parameter names: the columns to read, in order; nil reads all.
  init(_ path: String, format: AdmixArrowFormat, batchRows: Int, names: [String]?) throws {
    let library = try ArrowLibrary.open()
    var opened: OpaquePointer?
    try ArrowFailure.check { error in
      withCStrings(names ?? []) { pointers in
        library.functions.reader_open(
          path, Int32(format.rawValue), Int64(batchRows), names == nil ? nil : pointers,
          Int64(names?.count ?? 0), &opened, error)
      }
    }
    guard let handle = opened else { throw ArrowFailure(damaged: "the file did not open") }
    self.library = library
    self.handle = handle
    columns = (0..<library.functions.reader_columns(handle)).map { index in
      var column = AdmixArrowColumn()
      library.functions.reader_column(handle, index, &column)
      return ColumnFacts(
        name: String(cString: column.name), sourceType: String(cString: column.source_type),
        type: column.type, isUTC: column.is_utc != 0, wasDictionary: column.was_dictionary != 0,
        decimals: column.decimals >= 0 ? Int(column.decimals) : nil)
    }
  }

  deinit { library.functions.reader_close(handle) }

  /// The columns of the next batch and their length; nil at the end.
  func next() throws -> (columns: [Column], rows: Int)? {
    var rows: Int64 = -1
    var arrays = [ArrowArray](repeating: ArrowArray(), count: max(1, columns.count))
    try ArrowFailure.check { library.functions.reader_next(handle, &rows, &arrays, $0) }
    guard rows >= 0 else { return nil }
    var failure: (any Error)?
    var taken: [Column] = []
    // Every array is taken, also after a failure, so that none is left to leak.
    for (array, facts) in zip(arrays, columns) {
      do {
        taken.append(try ColumnImport.column(taking: array, type: facts.type, name: facts.name))
      } catch {
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    guard taken.allSatisfy({ $0.count == Int(rows) }) else {
      throw ArrowFailure(damaged: "columns have different lengths")
    }
    return (taken, Int(rows))
  }
}

/// Passes texts to C as an array of pointers, never an empty one.
func withCStrings<Result>(
  _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws -> Result
) rethrows -> Result {
  let copies = texts.map { text in
    let bytes = Array(text.utf8CString)
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    copy.initialize(from: bytes, count: bytes.count)
    return copy
  }
  defer { copies.forEach { $0.deallocate() } }
  let pointers = copies.map { UnsafePointer<CChar>?($0) } + [nil]
  return try pointers.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { preconditionFailure("an array with an element") }
    return try body(base)
  }
}
