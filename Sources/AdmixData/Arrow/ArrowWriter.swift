import AdmixModel
import CArrow

/// A handle of the library's writer, closed with the object.
///
/// One thread at a time uses it.
final class ArrowWriter {
  private let library: ArrowLibrary
  private let handle: OpaquePointer
  private let ownDictionary: Bool

  /// - Parameter ownDictionary: each batch carries the categories that occur in it, and no others.
  init(
    _ path: String, format: AdmixArrowFormat, compression: AdmixArrowCompression, schema: Schema,
    ownDictionary: Bool = false
  ) throws {
    let library = try ArrowLibrary.open()
    var opened: OpaquePointer?
    try ArrowFailure.check { error in
      withCStrings(schema.names) { names in
        let columns = schema.columns.enumerated().map { index, column in
          AdmixArrowColumn(
            name: names[index], source_type: nil, type: ColumnExport.type(of: column.type),
            is_utc: column.isUTC ? 1 : 0, was_dictionary: 0, decimals: -1)
        }
        return library.functions.writer_open(
          path, Int32(format.rawValue), Int32(compression.rawValue), columns,
          Int64(columns.count), &opened, error)
      }
    }
    guard let handle = opened else { throw ArrowFailure(damaged: "the file did not open") }
    self.library = library
    self.handle = handle
    self.ownDictionary = ownDictionary
  }

  deinit { library.functions.writer_close(handle) }

  func append(_ batch: Batch) throws {
    var arrays: [ArrowArray] = []
    for column in batch.columns {
      arrays.append(try ColumnExport.array(column, ownDictionary: ownDictionary))
    }
    if arrays.isEmpty { arrays.append(ArrowArray()) }
    try ArrowFailure.check { error in
      library.functions.writer_write(handle, Int64(batch.rows), &arrays, error)
    }
  }

  func finish() throws {
    try ArrowFailure.check { library.functions.writer_finish(handle, $0) }
  }
}
