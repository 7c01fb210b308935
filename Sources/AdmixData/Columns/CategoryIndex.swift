/// The codes of categories by their texts.
///
/// Texts are told apart by their bytes: `String`'s own equality takes the two ways to write `é` for
/// one, which would merge categories that the data keeps apart.
package struct CategoryIndex: Sendable {
  private struct Key: Hashable, Sendable {
    let text: String

    static func == (a: Key, b: Key) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    func hash(into hasher: inout Hasher) {
      var text = text
      text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
  }

  private var codes: [Key: Int32]

  package init(_ categories: [String]) {
    codes = Dictionary(minimumCapacity: categories.count)
    for (code, category) in categories.enumerated() { codes[Key(text: category)] = Int32(code) }
  }

  package func code(of text: String) -> Int32? { codes[Key(text: text)] }

  /// The order of a schema's categories: by their UTF-8 bytes.
  package static func precedes(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }

  /// Each different text once, in the order of a schema's categories.
  package static func distinct(_ texts: some Sequence<String>) -> [String] {
    Set(texts.lazy.map(Key.init)).map(\.text).sorted(by: precedes)
  }
}
