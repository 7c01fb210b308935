/// The codes of categories by their texts.
///
/// Texts are told apart by their bytes: `String`'s own equality takes the two ways to write `é` for
/// one, which would merge categories that the data keeps apart.
package struct CategoryIndex: Sendable {
  private var codes: [ByteText: Int32]

  package init(_ categories: [String]) {
    codes = Dictionary(minimumCapacity: categories.count)
    for (code, category) in categories.enumerated() { codes[ByteText(category)] = Int32(code) }
  }

  package func code(of text: String) -> Int32? { codes[ByteText(text)] }

  /// The order of a schema's categories: by their UTF-8 bytes.
  package static func precedes(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }

  /// Each different text once, in the order of a schema's categories.
  package static func distinct(_ texts: some Sequence<String>) -> [String] {
    Set(texts.lazy.map(ByteText.init)).map(\.text).sorted(by: precedes)
  }
}

/// A text that only the same bytes are equal to, for sets and dictionaries of values.
package struct ByteText: Hashable, Sendable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (a: ByteText, b: ByteText) -> Bool {
    a.text.utf8.elementsEqual(b.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
