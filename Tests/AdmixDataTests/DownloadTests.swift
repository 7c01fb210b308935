import AdmixData
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

@Suite(.serialized) struct DownloadTests {
  /// Python's server does not know ranges; this one does, can break off, and remembers requests.
  private static let script = """
    import http.server, os, re, sys, threading
    def leave_with_parent(): sys.stdin.read(); os._exit(0)
    threading.Thread(target=leave_with_parent, daemon=True).start()
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def log_message(self, *args): pass
        def do_GET(self):
            name, _, mode = self.path.lstrip("/").partition("/")
            with open("requests", "a") as log: log.write(self.path + " " + str(self.headers.get("Range")) + "\\n")
            if mode == "loop":
                self.send_response(302); self.send_header("Location", self.path); self.send_header("Content-Length", "0"); self.end_headers(); return
            if mode == "moved":
                self.send_response(302); self.send_header("Location", "/" + name); self.send_header("Content-Length", "0"); self.end_headers(); return
            if mode == "tofile":
                self.send_response(302); self.send_header("Location", "file:///etc/hostname"); self.send_header("Content-Length", "0"); self.end_headers(); return
            try: data = open(name, "rb").read()
            except OSError: self.send_error(404); return
            start = 0
            found = re.match(r"bytes=(\\d+)-", self.headers.get("Range") or "")
            if found and mode != "whole":
                start = int(found.group(1))
                if start >= len(data): self.send_response(416); self.send_header("Content-Length", "0"); self.end_headers(); return
                self.send_response(206)
                self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
            else: self.send_response(200)
            self.send_header("Content-Length", str(len(data) - start)); self.end_headers()
            if mode == "half" and start == 0:
                self.wfile.write(data[:len(data) // 2]); self.wfile.flush(); self.close_connection = True; return
            self.wfile.write(data[start:])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
    """

  private final class Server {
    let folder: URL
    let port: Int
    private let process = Process()
    private let lifeline = Pipe()

    init?() throws {
      folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("admix-server-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = ["python3", "-c", DownloadTests.script]
      process.currentDirectoryURL = folder
      let output = Pipe()
      process.standardOutput = output
      // The server must not hold the test runner's streams open, nor outlive it.
      process.standardError = FileHandle.nullDevice
      process.standardInput = lifeline
      try process.run()
      let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
      guard let port = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
        print("NOT RUN: python3 does not serve files here")
        return nil
      }
      self.port = port
    }

    deinit {
      process.terminate()
      try? FileManager.default.removeItem(at: folder)
    }

    var requests: [String] {
      let text = try? String(
        contentsOf: folder.appendingPathComponent("requests"), encoding: .utf8)
      return (text ?? "").split(separator: "\n").map(String.init)
    }
  }

  @Test func fetchesResumesAndRefuses() throws {
    guard let server = try Server() else { return }
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
