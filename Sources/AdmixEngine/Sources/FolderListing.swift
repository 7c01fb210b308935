import Foundation

enum FolderListing {
  /// The names of a folder's files, in no order; none where it cannot be read.
  ///
  /// The kernel tells with each name what it is, so that a hundred thousand of them need no further
  /// question; only links have to be followed.
  static func files(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let kind = Int(entry.pointee.d_type)
      guard kind == DT_REG || kind == DT_LNK || kind == DT_UNKNOWN else { continue }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if kind == DT_REG || isFile("\(folder)/\(name)") { names.append(name) }
    }
    return names
  }

  private static func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }
}
