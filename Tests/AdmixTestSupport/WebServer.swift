package import Foundation

/// Python's server does not know ranges; this one does, can break off, and remembers requests.
private let script = """
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

/// A small web server on this machine's loopback, gone with the object.
///
/// `/NAME` gives a file of its folder, ranges and all; `/NAME/half` breaks off in the middle, `/whole`
/// knows no ranges, `/moved`, `/loop` and `/tofile` redirect.
package final class WebServer {
  package let folder: URL
  package let port: Int
  private let process = Process()
  private let lifeline = Pipe()

  package init?() throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("admix-server-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script]
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

  /// Paths and ranges asked for, in order.
  package var requests: [String] {
    let text = try? String(
      contentsOf: folder.appendingPathComponent("requests"), encoding: .utf8)
    return (text ?? "").split(separator: "\n").map(String.init)
  }
}
