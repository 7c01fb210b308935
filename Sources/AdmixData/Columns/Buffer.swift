/// Owns bytes that never change again, wherever they came from.
///
/// Unchecked because it holds a raw pointer: the bytes are written before the object is shared and
/// only read after that, and `release` runs once, when the last reader is gone.
package final class Memory: @unchecked Sendable {
  private let release: () -> Void

  package init(release: @escaping () -> Void) { self.release = release }
  deinit { release() }
}

/// A run of plain values in memory that somebody owns: our own, or Arrow's, which is not copied.
///
/// Unchecked because of the pointer: it stays valid while `memory` lives, and nothing writes to it.
package struct Buffer<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  @usableFromInline let memory: Memory?
  @usableFromInline package let start: UnsafePointer<Element>
  package let count: Int

  /// - Parameters:
  ///   - start: valid for `count` elements while `memory` lives.
  package init(memory: Memory, start: UnsafePointer<Element>, count: Int) {
    self.memory = memory
    self.start = start
    self.count = count
  }

  /// Makes `count` elements and lets the closure write every one of them.
  @inlinable
  package init(count: Int, _ fill: (UnsafeMutableBufferPointer<Element>) throws -> Void) rethrows {
    // One element at least, so that an empty buffer too has an address to point to.
    let base = UnsafeMutablePointer<Element>.allocate(capacity: max(1, count))
    do {
      try fill(UnsafeMutableBufferPointer(start: base, count: count))
    } catch {
      base.deallocate()
      throw error
    }
    self.init(taking: base, count: count)
  }

  @usableFromInline
  package init(taking base: UnsafeMutablePointer<Element>, count: Int) {
    nonisolated(unsafe) let owned = base  // only the release closure touches it, once
    memory = Memory { owned.deallocate() }
    start = UnsafePointer(base)
    self.count = count
  }

  @inlinable
  package init(_ values: [Element]) {
    self.init(count: values.count) { out in
      for index in values.indices { out[index] = values[index] }
    }
  }

  @inlinable
  package subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "a buffer is read outside its bounds")
    return start[index]
  }

  /// For loops that have checked their bounds once.
  @inlinable
  package var unsafe: UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(start: start, count: count)
  }

  @inlinable package var array: [Element] { Array(unsafe) }

  /// A part of this buffer, sharing its memory.
  package func slice(_ range: Range<Int>) -> Buffer {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "a slice outside its buffer")
    return Buffer(sharing: memory, start: start + range.lowerBound, count: range.count)
  }

  private init(sharing memory: Memory?, start: UnsafePointer<Element>, count: Int) {
    self.memory = memory
    self.start = start
    self.count = count
  }
}

/// Bits in Arrow's order: bit `i` is bit `i % 8` of byte `i / 8`.
package struct Bitmap: Sendable {
  @usableFromInline package let bytes: Buffer<UInt8>
  /// The position of the first bit.
  @usableFromInline package let offset: Int
  package let count: Int

  /// - Parameter bytes: at least `(offset + count + 7) / 8` of them.
  package init(bytes: Buffer<UInt8>, offset: Int = 0, count: Int) {
    precondition(bytes.count * 8 >= offset + count, "a bitmap shorter than its column")
    self.bytes = bytes
    self.offset = offset
    self.count = count
  }

  @inlinable
  package init(count: Int, _ bit: (Int) throws -> Bool) rethrows {
    let buffer = try Buffer<UInt8>(count: (count + 7) / 8) { out in
      out.initialize(repeating: 0)
      for index in 0..<count where try bit(index) { out[index >> 3] |= 1 << UInt8(index & 7) }
    }
    self.init(bytes: buffer, count: count)
  }

  @inlinable
  package subscript(index: Int) -> Bool {
    precondition(index >= 0 && index < count, "a bitmap is read outside its bounds")
    let at = offset + index
    return bytes.start[at >> 3] >> UInt8(at & 7) & 1 == 1
  }

  package var trueCount: Int {
    var sum = 0
    for index in 0..<count where self[index] { sum += 1 }
    return sum
  }

  package func slice(_ range: Range<Int>) -> Bitmap {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "a slice outside its bitmap")
    return Bitmap(bytes: bytes, offset: offset + range.lowerBound, count: range.count)
  }
}
