import AdmixModel
import CArrow

/// Arrow's memory as columns, without a copy; the array is released when the last column is gone.
enum ColumnImport {
  /// - Parameters:
  ///   - array: validated in full on the other side; this takes it, also when it throws.
  ///   - type: what the array is, in admix's types.
  static func column(taking array: ArrowArray, type: Int32, name: String) throws -> Column {
    let owned = UnsafeMutablePointer<ArrowArray>.allocate(capacity: 1)
    owned.initialize(to: array)
    nonisolated(unsafe) let released = owned  // only the release closure touches it, once
    let memory = Memory {
      released.pointee.release?(released)
      released.deallocate()
    }
    guard let count = Int(exactly: array.length), let offset = Int(exactly: array.offset),
      count >= 0, offset >= 0, array.n_buffers >= 2, let buffers = array.buffers
    else { throw ArrowFailure(damaged: "an array is malformed", column: name) }

    var validity: Bitmap?
    if array.null_count != 0, count > 0, let bits = buffers[0] {
      validity = bitmap(bits, offset: offset, count: count, memory)
    }
    let values: Column.Values
    switch UInt32(type) {
    case ADMIX_ARROW_BOOL.rawValue:
      if let bits = buffers[1], count > 0 {
        values = .bool(bitmap(bits, offset: offset, count: count, memory))
      } else {
        values = .bool(Bitmap(repeating: false, count: 0))
      }
    case ADMIX_ARROW_INT.rawValue:
      values = .int(try buffer(buffers[1], offset, count, memory, name))
    case ADMIX_ARROW_DATETIME.rawValue:
      values = .datetime(try buffer(buffers[1], offset, count, memory, name))
    case ADMIX_ARROW_DOUBLE.rawValue:
      values = .double(try buffer(buffers[1], offset, count, memory, name))
    case ADMIX_ARROW_DATE.rawValue:
      values = .date(try buffer(buffers[1], offset, count, memory, name))
    case ADMIX_ARROW_TEXT.rawValue:
      values = .text(try text(array, memory, name))
    case ADMIX_ARROW_CATEGORY.rawValue:
      guard let dictionary = array.dictionary, dictionary.pointee.null_count == 0 else {
        throw ArrowFailure(damaged: "a dictionary is malformed", column: name)
      }
      let texts = try text(dictionary.pointee, memory, name)
      values = .category(
        try buffer(buffers[1], offset, count, memory, name),
        categories: (0..<texts.count).map { texts[$0] })
    default: throw ArrowFailure(damaged: "an unknown type", column: name)
    }
    return Column(values, validity: validity)
  }

  private static func bitmap(
    _ bits: UnsafeRawPointer, offset: Int, count: Int, _ memory: Memory
  ) -> Bitmap {
    let bytes = Buffer(
      memory: memory, start: bits.assumingMemoryBound(to: UInt8.self),
      count: (offset + count + 7) / 8)
    return Bitmap(bytes: bytes, offset: offset, count: count)
  }

  private static func buffer<Element: BitwiseCopyable & Sendable>(
    _ start: UnsafeRawPointer?, _ offset: Int, _ count: Int, _ memory: Memory, _ name: String
  ) throws -> Buffer<Element> {
    if count == 0 { return Buffer([]) }
    guard let start, Int(bitPattern: start) % MemoryLayout<Element>.alignment == 0 else {
      throw ArrowFailure(damaged: "an array is malformed", column: name)
    }
    return Buffer(
      memory: memory, start: start.assumingMemoryBound(to: Element.self) + offset, count: count)
  }

  private static func text(_ array: ArrowArray, _ memory: Memory, _ name: String) throws
    -> TextBuffer
  {
    let count = Int(array.length)
    guard count > 0 else { return TextBuffer([]) }
    guard array.n_buffers >= 3, let buffers = array.buffers else {
      throw ArrowFailure(damaged: "an array is malformed", column: name)
    }
    let offsets: Buffer<Int32> = try buffer(
      buffers[1], Int(array.offset), count + 1, memory, name)
    let length = Int(offsets[count])
    guard length > 0, let bytes = buffers[2] else {
      return TextBuffer(offsets: offsets, bytes: Buffer([]))
    }
    return TextBuffer(
      offsets: offsets,
      bytes: Buffer(
        memory: memory, start: bytes.assumingMemoryBound(to: UInt8.self), count: length))
  }
}
