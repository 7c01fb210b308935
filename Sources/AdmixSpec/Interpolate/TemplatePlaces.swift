internal import AdmixModel

/// Finds the `${` of a value in its file again, whatever quoting or folding the value has.
///
/// Lines are taken apart once: a line may be a megabyte long and hold a hundred thousand values.
struct TemplatePlaces {
  private let sources: [String: SourceText]
  private var lines: [LineName: Line] = [:]

  private struct LineName: Hashable {
    var file: String
    var number: Int
  }

  private struct Line {
    var scalars: [Unicode.Scalar]
    /// The columns of every `${`, counted from 0.
    var openings: [Int]
  }

  init(sources: [String: SourceText]) { self.sources = sources }

  /// The place of what stands between the braces of the `count`-th `${` (from 0) of a value; the whole
  /// value where escapes or folded lines make the text differ from the file.
  mutating func place(of inside: String, occurrence count: Int, in value: SourceSpan) -> SourceSpan
  {
    guard let start = opening(count, in: value) else { return value }
    let length = inside.unicodeScalars.count
    if length == 0 { return start.slice(offset: 0, length: 3) }
    let span = start.slice(offset: 2, length: length)
    let line = self.line(value.file, span.line)
    let first = span.column - 1
    guard let line, first + length <= line.scalars.count,
      line.scalars[first..<(first + length)].elementsEqual(inside.unicodeScalars)
    else { return value }
    return span
  }

  /// The place of the `count`-th `${` itself.
  mutating func opening(_ count: Int, in value: SourceSpan) -> SourceSpan? {
    var remaining = count
    var column = value.column - 1
    for number in value.line..<(value.line + 200) {
      guard let openings = line(value.file, number)?.openings else { return nil }
      let first = openings.partitioned { $0 >= column }
      if remaining < openings.count - first {
        return SourceSpan(
          file: value.file, line: number, column: openings[first + remaining] + 1, length: 2)
      }
      remaining -= openings.count - first
      column = 0
    }
    return nil
  }

  private mutating func line(_ file: String, _ number: Int) -> Line? {
    let name = LineName(file: file, number: number)
    if let line = lines[name] { return line }
    guard let text = sources[file]?.line(number) else { return nil }
    let scalars = Array(text.unicodeScalars)
    var openings: [Int] = []
    for index in scalars.indices.dropLast() where scalars[index] == "$" {
      if scalars[index + 1] == "{" { openings.append(index) }
    }
    let line = Line(scalars: scalars, openings: openings)
    lines[name] = line
    return line
  }
}

extension [Int] {
  /// The first position from which on the condition holds; the condition must never fail again.
  fileprivate func partitioned(_ condition: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if condition(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
