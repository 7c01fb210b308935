/// The distinct byte strings of a column, each with a code in the order of its first sight.
struct ByteTable {
  private var slots: [Int32]
  private var arena: [UInt8] = []
  private(set) var bounds: [(start: Int, end: Int)] = []
  private var mask: Int

  init() {
    slots = Array(repeating: -1, count: 64)
    mask = 63
  }

  var count: Int { bounds.count }

  @inline(__always)
  private static func hash(_ cell: UnsafeBufferPointer<UInt8>) -> Int {
    // FNV-1a over eight bytes at a time would need padding; cells are short.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in cell { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return Int(truncatingIfNeeded: hash ^ (hash >> 29))
  }

  @inline(__always)
  mutating func code(_ cell: UnsafeBufferPointer<UInt8>) -> Int32 {
    var slot = Self.hash(cell) & mask
    while true {
      let code = slots[slot]
      if code < 0 { break }
      if equals(Int(code), cell) { return code }
      slot = (slot + 1) & mask
    }
    let code = Int32(bounds.count)
    let start = arena.count
    arena.append(contentsOf: cell)
    bounds.append((start, arena.count))
    slots[slot] = code
    if bounds.count * 2 > slots.count { grow() }
    return code
  }

  @inline(__always)
  private func equals(_ code: Int, _ cell: UnsafeBufferPointer<UInt8>) -> Bool {
    let (start, end) = bounds[code]
    guard end - start == cell.count else { return false }
    for index in 0..<cell.count where arena[start + index] != cell[index] { return false }
    return true
  }

  private mutating func grow() {
    slots = Array(repeating: -1, count: slots.count * 4)
    mask = slots.count - 1
    for (code, bound) in bounds.enumerated() {
      arena.withUnsafeBufferPointer { bytes in
        var slot = Self.hash(UnsafeBufferPointer(rebasing: bytes[bound.start..<bound.end])) & mask
        while slots[slot] >= 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(code)
      }
    }
  }

  /// The strings sorted by their bytes, and where each code has gone.
  func sorted() -> (texts: [String], places: [Int32]) {
    let order = bounds.indices.sorted { a, b in
      arena[bounds[a].start..<bounds[a].end]
        .lexicographicallyPrecedes(arena[bounds[b].start..<bounds[b].end])
    }
    var places = [Int32](repeating: 0, count: bounds.count)
    for (place, code) in order.enumerated() { places[code] = Int32(place) }
    return (
      order.map { String(decoding: arena[bounds[$0].start..<bounds[$0].end], as: UTF8.self) },
      places
    )
  }
}
