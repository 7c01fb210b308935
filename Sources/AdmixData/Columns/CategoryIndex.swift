/// The codes of categories by their texts, which are told apart by their bytes.
package struct CategoryIndex: Sendable {
  private var codes: [ExactText: Int32]

  package init(_ categories: [String]) {
    codes = Dictionary(minimumCapacity: categories.count)
    for (code, category) in categories.enumerated() { codes[ExactText(category)] = Int32(code) }
  }

  package func code(of text: String) -> Int32? { codes[ExactText(text)] }

  /// The order of a schema's categories: by their UTF-8 bytes.
  package static func precedes(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }

  /// Each different text once, in the order of a schema's categories.
  package static func distinct(_ texts: some Sequence<String>) -> [String] {
    Set(texts.lazy.map(ExactText.init)).map(\.text).sorted(by: precedes)
  }
}
