/// Parts of texts, found by their bytes.
///
/// `String`'s own search works on what people see as characters, so that an `e` is not found in an `é`
/// written as two scalars; data is told apart by bytes, and `length` counts scalars.
enum TextSearch {
  case anywhere, atStart, atEnd

  init(_ function: String) {
    self = function == "starts_with" ? .atStart : function == "ends_with" ? .atEnd : .anywhere
  }

  /// An empty part is found in every text.
  func finds(_ part: String, in text: String) -> Bool {
    let (part, text) = (Array(part.utf8), Array(text.utf8))
    switch self {
    case .atStart: return text.starts(with: part)
    case .atEnd: return text.count >= part.count && text.suffix(part.count).elementsEqual(part)
    case .anywhere: return part.isEmpty || Self.place(of: part, in: text, from: 0) != nil
    }
  }

  /// Every occurrence replaced, from the left; an empty part occurs nowhere.
  static func replacing(_ part: String, in text: String, by other: String) -> String {
    let (wanted, bytes) = (Array(part.utf8), Array(text.utf8))
    guard !wanted.isEmpty, let first = place(of: wanted, in: bytes, from: 0) else { return text }
    var out: [UInt8] = []
    var start = 0
    var next: Int? = first
    while let at = next {
      out += bytes[start..<at]
      out += other.utf8
      start = at + wanted.count
      next = place(of: wanted, in: bytes, from: start)
    }
    out += bytes[start...]
    return String(decoding: out, as: UTF8.self)
  }

  private static func place(of part: [UInt8], in text: [UInt8], from start: Int) -> Int? {
    guard text.count >= part.count else { return nil }
    var at = start
    while at + part.count <= text.count {
      if text[at] == part[0], text[at..<(at + part.count)].elementsEqual(part) { return at }
      at += 1
    }
    return nil
  }
}
