import AdmixData
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

@Suite(.serialized) struct DownloadTests {
  @Test func fetchesResumesAndRefuses() throws {
    guard let server = try WebServer() else { return }
    var random = SeededRandom(seed: 7)
    let content = Data((0..<300_000).map { _ in UInt8.random(in: 0...255, using: &random) })
    try content.write(to: server.folder.appendingPathComponent("data"))
    let digest = Digest(of: content)
    let base = "http://127.0.0.1:\(server.port)"
    func target(_ name: String) -> String { server.folder.appendingPathComponent(name).path }
    func bytes(_ name: String) -> Data? { FileManager.default.contents(atPath: target(name)) }

    // At once, by a redirect, and from a file URL.
    nonisolated(unsafe) var last = (0, 0 as Int?)
    try Download.fetch("\(base)/data", to: target("a"), expecting: digest) { last = ($0, $1) }
    #expect(bytes("a") == content && last.0 == content.count && last.1 == content.count)
    try Download.fetch("\(base)/data/moved", to: target("b"), expecting: digest)
    #expect(bytes("b") == content)
    try Download.fetch("file://\(target("data"))", to: target("c"), expecting: digest)
    #expect(bytes("c") == content && bytes("c.part") == nil)

    // A transfer that breaks off leaves its half, and the next one asks for the rest.
    let broken = #expect(throws: Diagnostic.self) {
      try Download.fetch("\(base)/data/half", to: target("d"), expecting: digest)
    }
    #expect(broken?.code == "AX0470" && broken?.hint?.contains("goes on") == true)
    #expect(bytes("d") == nil && bytes("d.part")?.count == 150_000)
    try Download.fetch("\(base)/data/half", to: target("d"), expecting: digest)
    #expect(bytes("d") == content && server.requests.last == "/data/half bytes=150000-")

    // Parts that do not fit: of another file, too long, whole already, or a server without ranges.
    for (name, part, mode) in [
      ("e", Data(repeating: 1, count: 1000), ""), ("f", content + content, ""), ("g", content, ""),
      ("h", content.prefix(1000), "/whole"),
    ] {
      try part.write(to: URL(fileURLWithPath: target("\(name).part")))
      try Download.fetch("\(base)/data\(mode)", to: target(name), expecting: digest)
      #expect(bytes(name) == content, "\(name)")
    }

    // What must not come through.
    let wrong = Digest(of: "something else")
    for (url, code, words) in [
      ("\(base)/data", "AX0471", digest.hex), ("\(base)/none", "AX0470", "404"),
      ("\(base)/data/loop", "AX0470", "redirect"), ("\(base)/data/tofile", "AX0470", "rotocol"),
      ("http://user:secret@127.0.0.1:1/x", "AX0470", "onnect"),
      ("gopher://127.0.0.1/x", "AX0470", "rotocol"),
      ("file:///no/such/file", "AX0470", "file"),
    ] {
      let problem = #expect(throws: Diagnostic.self) {
        try Download.fetch(url, to: target("z"), expecting: wrong)
      }
      #expect(problem?.code == code, "\(url)")
      #expect(problem?.cause?.contains(words) == true, "\(problem?.cause ?? "")")
      #expect(problem?.fact.contains("secret") == false)
      #expect(bytes("z") == nil && bytes("z.part") == nil, "\(url)")
    }

    // What the progress function throws ends the transfer.
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try Download.fetch("\(base)/data", to: target("y"), expecting: digest) { _, _ in throw Stop()
      }
    }
    #expect(bytes("y") == nil)
    #expect(throws: Diagnostic.self) {
      try Download.fetch("\(base)/data", to: target("no/folder"), expecting: digest)
    }
  }
}
