package import Foundation
package import Testing

/// Compares a text with a file under `Tests/Golden`; `ADMIX_RECORD=1` rewrites it and still fails.
package func expectGolden(
  _ text: String, _ path: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  let file = testsFolder.appendingPathComponent("Golden/\(path)")
  if ProcessInfo.processInfo.environment["ADMIX_RECORD"] == "1" {
    try? FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try? Data(text.utf8).write(to: file)
    Issue.record("recorded \(path)", sourceLocation: sourceLocation)
    return
  }
  let expected = (try? String(contentsOf: file, encoding: .utf8)) ?? "(no such file)"
  #expect(text == expected, "Tests/Golden/\(path)", sourceLocation: sourceLocation)
}

/// The `Tests` folder of this checkout.
package let testsFolder = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent()

/// The real datasets and reference values beside the checkout, or where `ADMIX_SHARED` says.
///
/// A test that needs them calls this and, where it gives nothing, says loudly that it did not run.
package func sharedFolder(_ path: String) -> URL? {
  let root =
    ProcessInfo.processInfo.environment["ADMIX_SHARED"].map { URL(fileURLWithPath: $0) }
    ?? testsFolder.deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("shared")
  let url = root.appendingPathComponent(path)
  guard FileManager.default.fileExists(atPath: url.path) else {
    FileHandle.standardError.write(
      Data("NOT RUN: \(path) is not there (set ADMIX_SHARED to the folder that holds it)\n".utf8))
    return nil
  }
  return url
}
