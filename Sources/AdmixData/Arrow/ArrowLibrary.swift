import AdmixModel
import CArrow
import Foundation

/// Arrow, opened on first use: linked into the program it would cost every start some 15 ms.
///
/// Unchecked because of the pointer: the table is constant and the library is never closed.
struct ArrowLibrary: @unchecked Sendable {
  let functions: AdmixArrowFunctions

  /// The library, or why there is none.
  static func open() throws -> ArrowLibrary { try shared.get() }

  private static let shared: Result<ArrowLibrary, Diagnostic> = load()

  private static let fileName = "libAdmixArrow.so"

  private static func load() -> Result<ArrowLibrary, Diagnostic> {
    let candidates = self.candidates()
    var reasons: [String] = []
    for path in candidates where access(path, R_OK) == 0 {
      guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
        reasons.append(String(cString: dlerror()))
        continue
      }
      guard let symbol = dlsym(handle, "admix_arrow_functions") else {
        reasons.append("\(path) is another library")
        continue
      }
      typealias Functions = @convention(c) () -> UnsafePointer<AdmixArrowFunctions>
      let functions = unsafeBitCast(symbol, to: Functions.self)().pointee
      guard functions.abi == ADMIX_ARROW_ABI else {
        reasons.append("\(path) belongs to another version of admix")
        continue
      }
      return .success(ArrowLibrary(functions: functions))
    }
    let folders = candidates.map { ($0 as NSString).deletingLastPathComponent }
    return .failure(
      .error(
        "AX0950", "\(fileName) cannot be opened",
        cause: reasons.isEmpty
          ? "it is in none of: \(folders.joined(separator: ", "))"
          : reasons.joined(separator: "; "),
        hint: "put it beside the program, or name it in ADMIX_ARROW_LIBRARY"))
  }

  /// What `ADMIX_ARROW_LIBRARY` names and nothing else; otherwise beside the program, and beside the
  /// file that this code came in, which for tests is another one.
  private static func candidates() -> [String] {
    if let named = ProcessInfo.processInfo.environment["ADMIX_ARROW_LIBRARY"], !named.isEmpty {
      return [named]
    }
    var images: [String] = []
    if let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      images.append(program)
    }
    if let image = admix_image_path() { images.append(String(cString: image)) }
    var paths: [String] = []
    for image in images {
      let folder = (image as NSString).deletingLastPathComponent
      for path in ["\(folder)/\(fileName)", "\(folder)/../lib/admix/\(fileName)"]
      where !paths.contains(path) {
        paths.append(path)
      }
    }
    return paths
  }
}

/// What went wrong on the other side of the C interface.
struct ArrowFailure: Error {
  let kind: AdmixArrowErrorKind
  /// Empty where it is about the file as a whole.
  let column: String
  let text: String

  init(_ error: AdmixArrowError) {
    kind = AdmixArrowErrorKind(UInt32(error.kind))
    column = withUnsafeBytes(of: error.column) { ArrowFailure.text($0) }
    text = withUnsafeBytes(of: error.text) { ArrowFailure.text($0) }
  }

  init(damaged text: String, column: String = "") {
    kind = ADMIX_ARROW_DAMAGED
    self.column = column
    self.text = text
  }

  private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Calls a function of the library and throws what it reports.
  static func check(_ call: (UnsafeMutablePointer<AdmixArrowError>) -> Int32) throws {
    var error = AdmixArrowError()
    if call(&error) != 0 { throw ArrowFailure(error) }
  }
}
