/// The sum of any number of whole numbers, to the last digit.
package struct WholeSum: Hashable, Sendable {
  /// 64 bits for the numbers and 64 for how many there are.
  private var sum: Int128 = 0
  package private(set) var count = 0

  package init() {}

  package init(_ numbers: some Sequence<Int64>) {
    for number in numbers { add(number) }
  }

  package mutating func add(_ number: Int64) {
    sum += Int128(number)
    count += 1
  }

  package mutating func merge(_ other: WholeSum) {
    sum += other.sum
    count += other.count
  }

  /// Rounded to the nearest whole number, halves away from zero; nil of nothing.
  package var mean: Int64? {
    guard count > 0 else { return nil }
    let (quotient, remainder) = sum.quotientAndRemainder(dividingBy: Int128(count))
    let isAway = 2 * remainder.magnitude >= UInt128(count)
    // The mean lies between the least and the greatest, so it is a 64-bit number as they are.
    return Int64(truncatingIfNeeded: quotient + (isAway ? (sum < 0 ? -1 : 1) : 0))
  }

  package func write(to out: inout PackedWriter) {
    out.append(count)
    out.append(Int(truncatingIfNeeded: sum >> 64))
    out.append(Int(truncatingIfNeeded: sum))
  }

  package init(from reader: inout PackedReader) throws {
    count = try reader.int()
    let high = try reader.int()
    let low = UInt64(bitPattern: Int64(try reader.int()))
    guard count >= 0 else { throw PackedReader.damaged }
    sum = Int128(high) << 64 | Int128(low)
  }
}
