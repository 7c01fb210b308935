package import AdmixCache
import AdmixModel
import Foundation

/// An S3 server with a bucket of ours: the one that `ADMIX_TEST_S3_ENDPOINT` names, as
/// `scripts/test-s3-ceph` does, or moto, which `make test` installs below `.deps`.
package final class S3Server: Sendable {
  package let endpoint: String
  package let bucket: String
  package let credentials: AWSCredentials
  private let process: Process?

  /// Started once for all tests; nil where there is none, which has been said by then.
  package static let shared: S3Server? = try? S3Server()

  /// What a program has to be told of it.
  package var environment: [String: String] {
    [
      "AWS_ACCESS_KEY_ID": credentials.accessKey, "AWS_SECRET_ACCESS_KEY": credentials.secretKey,
      "AWS_ENDPOINT_URL_S3": endpoint, "AWS_REGION": "us-east-1",
    ]
  }

  private struct Missing: Error {}

  private init() throws {
    let variables = ProcessInfo.processInfo.environment
    if let named = variables["ADMIX_TEST_S3_ENDPOINT"],
      let key = variables["AWS_ACCESS_KEY_ID"], let secret = variables["AWS_SECRET_ACCESS_KEY"]
    {
      endpoint = named
      credentials = AWSCredentials(accessKey: key, secretKey: secret)
      process = nil
    } else {
      let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
      let program = root.appendingPathComponent(".deps/moto/bin/moto_server").path
      guard FileManager.default.isExecutableFile(atPath: program) else {
        throw Self.notRun("scripts/setup-tests has not installed moto")
      }
      let log = FileManager.default.temporaryDirectory
        .appendingPathComponent("admix-moto-\(UUID().uuidString)")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      // It must not outlive the tests, however they end.
      process.arguments = [
        "-c",
        """
        "$0" -H 127.0.0.1 -p 0 >"$1" 2>&1 & server=$!
        while kill -0 "$2" 2>/dev/null && kill -0 $server 2>/dev/null; do sleep 1; done
        # Its signals may be blocked, as they are in the thread that it comes from.
        kill -KILL $server
        """, program, log.path, "\(ProcessInfo.processInfo.processIdentifier)",
      ]
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      defer { try? FileManager.default.removeItem(at: log) }
      var address: Substring?
      for _ in 0..<600 where address == nil {
        usleep(50_000)
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        address = text.firstMatch(of: /http:\/\/127\.0\.0\.1:[0-9]+/)?.output
      }
      guard let address else { throw Self.notRun("moto does not start") }
      endpoint = String(address)
      credentials = AWSCredentials(accessKey: "admix", secretKey: "secret/+of=tests")
      self.process = process
    }
    bucket = "admix-\(UUID().uuidString.lowercased().prefix(12))"
    guard try request("PUT", "/\(bucket)") else { throw Self.notRun("no bucket can be made") }
  }

  private static func notRun(_ reason: String) -> Missing {
    FileHandle.standardError.write(Data("NOT RUN: the shared cache over S3 (\(reason))\n".utf8))
    return Missing()
  }

  /// Removes an object, as an owner of the bucket does to save room.
  package func remove(_ name: String) throws -> Bool { try request("DELETE", "/\(bucket)/\(name)") }

  private func request(_ method: String, _ path: String) throws -> Bool {
    let headers = AWSSignature.signed(
      .init(
        method: method, host: String(endpoint.drop { $0 != "/" }.dropFirst(2)), path: path,
        payload: Digest(of: "")), credentials, region: "us-east-1",
      time: Int(Date().timeIntervalSince1970))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        "python3", "-c",
        """
        import sys, urllib.request
        headers = dict(text.split(": ", 1) for text in sys.argv[3:])
        urllib.request.urlopen(urllib.request.Request(sys.argv[1], method=sys.argv[2], headers=headers))
        """, endpoint + path, method,
      ] + headers.map { "\($0.key): \($0.value)" }
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus == 0
  }
}
