import AdmixModel
import AdmixStore

/// A source file of a stage by its name: one whose place in the list is another has not changed.
///
/// There may be a hundred thousand of them, before and now, so both are put in the order of names and
/// compared in one walk.
struct NamedFile {
  /// Which of the stage's requests it serves: one file may serve two.
  var request: Int
  var name: String
  /// Nil where the record is not what anybody writes.
  var digest: Digest?

  /// What a stage would read now.
  static func list(_ stage: Graph.Stage, _ sources: [[SourceFile]]) -> [NamedFile] {
    var files: [NamedFile] = []
    for (request, found) in sources.enumerated()
    where !stage.kind.sources.indices.contains(request) || stage.kind.sources[request].part == nil {
      for file in found {
        files.append(.init(request: request, name: file.name, digest: file.digest))
      }
    }
    return files.inOrder
  }

  /// What a stage read when it last succeeded.
  ///
  /// - Parameter present: the files there are now. A record from before names were kept has positions
  ///   only; content tells what is still there.
  static func list(_ record: Provenance, present: [NamedFile]) -> [NamedFile] {
    var names = record.names.files[...]
    var nameless: [Int] = []
    var files: [NamedFile] = []
    for part in record.fingerprint.components where part.kind == .file {
      while let next = names.first, next.component.precedesInBytes(part.name) {
        names.removeFirst()
      }
      let name = names.first.flatMap { $0.component == part.name ? $0.name : nil }
      if name == nil { nameless.append(files.count) }
      files.append(
        .init(
          request: Int(part.name.prefix { $0 != "." }) ?? 0, name: name ?? "number \(part.name)",
          digest: Digest(hex: part.value)))
    }
    if !nameless.isEmpty {
      let known = Dictionary(present.map { ($0.digest, $0.name) }) { first, _ in first }
      for index in nameless {
        if let name = known[files[index].digest] { files[index].name = name }
      }
    }
    return files.inOrder
  }

  /// What differs, in the order of names.
  static func changes(_ now: [NamedFile], since before: [NamedFile]) -> [Change] {
    var changes: [Change] = []
    var (old, new) = (before[...], now[...])
    while let first = old.first ?? new.first {
      let was = new.first.map { $0.precedes(first) } == true ? nil : old.first
      let after =
        was.map { was in new.first.map { was.precedes($0) } ?? true } == true ? nil : new.first
      if was != nil { old.removeFirst() }
      if after != nil { new.removeFirst() }
      guard was?.digest != after?.digest, let name = (after ?? was)?.name else { continue }
      changes.append(
        Change(.file, name: name, old: was?.digest?.hex, new: after?.digest?.hex))
    }
    return changes
  }

  fileprivate func precedes(_ other: NamedFile) -> Bool {
    name == other.name ? request < other.request : name.precedesInBytes(other.name)
  }
}

extension [NamedFile] {
  fileprivate var inOrder: [NamedFile] { sorted { $0.precedes($1) } }
}
