import AdmixModel
import Foundation

extension SourceLocator {
  /// A program as files: itself, then what it needs to start.
  ///
  /// The digest of the bytes stands for the version: it needs no run of the program, which planning may
  /// not do, and costs one `stat` when it is known. Behind a version manager's shim, which chooses the
  /// program when it is run, it is the shim's digest that counts.
  func program(_ request: SourceRequest) throws -> [SourceFile] {
    if let files = memo.program(request.location) { return files }
    let path = try found(request.location, request)
    var files = [try identify(name: request.location, path: path, at: request.span)]
    let settings =
      ((path as NSString).deletingLastPathComponent as NSString).deletingLastPathComponent
      + "/pyvenv.cfg"
    if isFile(settings) {
      files.append(try identify(name: "\(request.location) (pyvenv.cfg)", path: settings, at: nil))
    }
    var script = path
    // An interpreter may be a script, though not for ever.
    for _ in 0..<4 {
      let words = Self.interpreter(of: script)
      guard let first = words.first else { break }
      script = first.hasPrefix("/") ? first : "\(root)/\(first)"
      files.append(try identify(name: first, path: script, at: request.span))
      if (first as NSString).lastPathComponent == "env",
        let name = words.dropFirst().first(where: { !$0.hasPrefix("-") && !$0.contains("=") })
      {
        script = try found(name, request)
        files.append(try identify(name: name, path: script, at: request.span))
      }
    }
    memo.keep(files, of: request.location)
    return files
  }

  /// The words after `#!` in the first line of a script.
  private static func interpreter(of path: String) -> [String] {
    guard let file = FileHandle(forReadingAtPath: path) else { return [] }
    defer { try? file.close() }
    guard let data = try? file.read(upToCount: 256), data.starts(with: Array("#!".utf8)) else {
      return []
    }
    let line = data.dropFirst(2).prefix { $0 != 0x0a }
    return String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == "\t" || $0 == "\r" }
      .map(String.init)
  }

  private func found(_ name: String, _ request: SourceRequest) throws -> String {
    let candidates =
      name.contains("/")
      ? [name.hasPrefix("/") ? name : "\(root)/\(name)"]
      : searchPath.split(separator: ":").filter { $0.hasPrefix("/") }.map { "\($0)/\(name)" }
    if let path = candidates.first(where: { isFile($0) && access($0, X_OK) == 0 }) { return path }
    if name.contains("/"), let path = candidates.first, isFile(path) {
      throw TaskFailure(
        .error(
          "AX0863", at: request.span, "'\(name)' cannot be executed",
          cause: "it is no program: nobody may execute it", hint: "chmod +x \(name)"),
        reason: .input)
    }
    throw TaskFailure(
      .error(
        "AX0863", at: request.span, "there is no program '\(name)'",
        cause: name.contains("/")
          ? "paths start from the folder of the pipeline file"
          : "none of the folders of PATH has it",
        hint: "install it, or give its path"), reason: .input)
  }
}
