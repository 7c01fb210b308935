import AdmixModel
import CArrow

/// Columns as Arrow arrays in one form only: no offset, zeros at missing places, no validity where
/// nothing is missing.
///
/// So equal columns give equal bytes, whatever they were made from.
enum ColumnExport {
  /// Keeps what an array points to; the array's release callback lets go of it.
  private final class Holder {
    let memories: [Any]
    let buffers: UnsafeMutablePointer<UnsafeRawPointer?>
    let dictionary: UnsafeMutablePointer<ArrowArray>?

    init(_ memories: [Any], _ pointers: [UnsafeRawPointer?], dictionary: ArrowArray?) {
      self.memories = memories
      buffers = .allocate(capacity: pointers.count)
      buffers.initialize(from: pointers, count: pointers.count)
      self.dictionary = dictionary.map { array in
        let place = UnsafeMutablePointer<ArrowArray>.allocate(capacity: 1)
        place.initialize(to: array)
        return place
      }
    }

    deinit {
      buffers.deallocate()
      if let dictionary {
        dictionary.pointee.release?(dictionary)
        dictionary.deallocate()
      }
    }
  }

  static func type(of type: ColumnType) -> Int32 {
    let code =
      switch type {
      case .bool: ADMIX_ARROW_BOOL
      case .int: ADMIX_ARROW_INT
      case .double: ADMIX_ARROW_DOUBLE
      case .text: ADMIX_ARROW_TEXT
      case .category: ADMIX_ARROW_CATEGORY
      case .date: ADMIX_ARROW_DATE
      case .datetime: ADMIX_ARROW_DATETIME
      }
    return Int32(code.rawValue)
  }

  /// - Parameter ownDictionary: the categories that occur here, sorted, instead of all of them.
  static func array(_ column: Column, ownDictionary: Bool) throws -> ArrowArray {
    let missing = column.missingCount
    let validity = missing == 0 ? nil : column.validity
    let present = validity.map { bits in Buffer<UInt8>(packing: bits, where: nil) }
    let count = column.count
    switch column.values {
    case .bool(let bits):
      let bytes = Buffer<UInt8>(packing: bits, where: validity)
      return array(count, missing, present, [bytes], [UnsafeRawPointer(bytes.start)])
    case .int(let values), .datetime(let values):
      let clean = blanked(values, validity)
      return array(count, missing, present, [clean], [UnsafeRawPointer(clean.start)])
    case .double(let values):
      let clean = blanked(values, validity)
      return array(count, missing, present, [clean], [UnsafeRawPointer(clean.start)])
    case .date(let values):
      let clean = blanked(values, validity)
      return array(count, missing, present, [clean], [UnsafeRawPointer(clean.start)])
    case .text(let texts):
      let clean = try blanked(texts, validity)
      return array(
        count, missing, present, [clean.offsets, clean.bytes],
        [UnsafeRawPointer(clean.offsets.start), UnsafeRawPointer(clean.bytes.start)])
    case .category(let codes, let categories):
      let (codes, used) =
        ownDictionary
        ? narrowed(codes, categories, validity) : (blanked(codes, validity), categories)
      let texts = TextBuffer(used)
      let dictionary = array(
        texts.count, 0, nil, [texts.offsets, texts.bytes],
        [UnsafeRawPointer(texts.offsets.start), UnsafeRawPointer(texts.bytes.start)])
      return array(
        count, missing, present, [codes], [UnsafeRawPointer(codes.start)], dictionary: dictionary)
    }
  }

  private static func array(
    _ count: Int, _ missing: Int, _ validity: Buffer<UInt8>?, _ memories: [Any],
    _ pointers: [UnsafeRawPointer], dictionary: ArrowArray? = nil
  ) -> ArrowArray {
    var kept = memories
    if let validity { kept.append(validity) }
    let first = validity.map { UnsafeRawPointer($0.start) }
    let holder = Holder(kept, [first] + pointers, dictionary: dictionary)
    var array = ArrowArray()
    array.length = Int64(count)
    array.null_count = Int64(missing)
    array.n_buffers = Int64(pointers.count + 1)
    array.buffers = holder.buffers
    array.dictionary = holder.dictionary
    array.private_data = Unmanaged.passRetained(holder).toOpaque()
    array.release = { array in
      guard let array, let holder = array.pointee.private_data else { return }
      array.pointee.release = nil
      array.pointee.private_data = nil
      Unmanaged<Holder>.fromOpaque(holder).release()
    }
    return array
  }

  /// The values with zeros where they are missing.
  private static func blanked<Element: BitwiseCopyable & Sendable & AdditiveArithmetic>(
    _ values: Buffer<Element>, _ validity: Bitmap?
  ) -> Buffer<Element> {
    guard let validity else { return values }
    return Buffer(count: values.count) { out in
      let source = values.unsafe
      for row in 0..<source.count { out[row] = validity[row] ? source[row] : .zero }
    }
  }

  private static func blanked(_ texts: TextBuffer, _ validity: Bitmap?) throws -> TextBuffer {
    let count = texts.count
    let source = texts.offsets.unsafe
    if validity == nil, source[0] == 0, Int(source[count]) == texts.bytes.count { return texts }
    var total = 0
    for row in 0..<count where validity?[row] ?? true { total += texts.utf8(row).count }
    // A builder cannot get here; joined or gathered columns are checked where they are made.
    precondition(total <= Int(Int32.max), "more than 2 GiB of text in one column")
    let offsets = Buffer<Int32>(count: count + 1) { out in
      var at: Int32 = 0
      for row in 0..<count {
        out[row] = at
        if validity?[row] ?? true { at += source[row + 1] - source[row] }
      }
      out[count] = at
    }
    let bytes = Buffer<UInt8>(count: total) { out in
      guard let base = out.baseAddress else { return }
      for row in 0..<count where validity?[row] ?? true {
        let text = texts.utf8(row)
        if let from = text.baseAddress, text.count > 0 {
          (base + Int(offsets[row])).update(from: from, count: text.count)
        }
      }
    }
    return TextBuffer(offsets: offsets, bytes: bytes)
  }

  /// Codes into the sorted list of those categories that occur.
  private static func narrowed(
    _ codes: Buffer<Int32>, _ categories: [String], _ validity: Bitmap?
  ) -> (Buffer<Int32>, [String]) {
    var occurs = [Bool](repeating: false, count: categories.count)
    let source = codes.unsafe
    for row in 0..<source.count where validity?[row] ?? true {
      let code = Int(source[row])
      precondition(code >= 0 && code < categories.count, "a code without a category")
      occurs[code] = true
    }
    let used = occurs.indices.filter { occurs[$0] }
      .sorted { CategoryIndex.precedes(categories[$0], categories[$1]) }
    var map = [Int32](repeating: 0, count: categories.count)
    for (code, old) in used.enumerated() { map[old] = Int32(code) }
    let narrow = Buffer<Int32>(count: source.count) { out in
      for row in 0..<source.count {
        out[row] = validity?[row] ?? true ? map[Int(source[row])] : 0
      }
    }
    return (narrow, used.map { categories[$0] })
  }
}

extension Buffer where Element == UInt8 {
  /// The bits from the first bit of the first byte on, cleared where `mask` is and after the end.
  fileprivate init(packing bits: Bitmap, where mask: Bitmap?) {
    self.init(count: (bits.count + 7) / 8) { out in
      for at in 0..<out.count {
        var byte: UInt8 = 0
        for bit in 0..<8 {
          let row = at << 3 + bit
          if row < bits.count, bits[row], mask?[row] ?? true { byte |= 1 << UInt8(bit) }
        }
        out[at] = byte
      }
    }
  }
}
