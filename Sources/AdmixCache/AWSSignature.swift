package import AdmixModel
import Foundation

/// Who one is to an S3 server.
///
/// Never printed, stored or put into a message.
package struct AWSCredentials: Sendable, Equatable {
  package var accessKey: String
  package var secretKey: String
  /// Of temporary credentials.
  package var token: String?

  package init(accessKey: String, secretKey: String, token: String? = nil) {
    self.accessKey = accessKey
    self.secretKey = secretKey
    self.token = token
  }
}

/// Signature version 4 of AWS, the header form with one chunk.
///
/// Source: "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)", Amazon S3
/// API Reference.
package enum AWSSignature {
  package struct Request {
    package var method: String
    package var host: String
    /// As it stands in the URL, with every segment encoded.
    package var path: String
    /// Beside `host`, names in lower case; all of them are signed.
    package var headers: [String: String]
    /// The SHA-256 of the body.
    package var payload: Digest

    package init(
      method: String, host: String, path: String, headers: [String: String] = [:], payload: Digest
    ) {
      self.method = method
      self.host = host
      self.path = path
      self.headers = headers
      self.payload = payload
    }
  }

  /// The headers of the request with its signature.
  ///
  /// - Parameter time: seconds since 1970.
  package static func signed(
    _ request: Request, _ credentials: AWSCredentials, region: String, time: Int
  ) -> [String: String] {
    let stamp = self.stamp(time)
    let day = String(stamp.prefix(8))
    var headers = request.headers
    headers["x-amz-date"] = stamp
    headers["x-amz-content-sha256"] = request.payload.hex
    headers["x-amz-security-token"] = credentials.token
    var signed = headers
    signed["host"] = request.host
    let names = signed.keys.sorted()
    let canonical =
      ([request.method, request.path, ""]
      + names.map { "\($0):\((signed[$0] ?? "").trimmingCharacters(in: .whitespaces))" }
      + ["", names.joined(separator: ";"), request.payload.hex]).joined(separator: "\n")
    let scope = "\(day)/\(region)/s3/aws4_request"
    let text = "AWS4-HMAC-SHA256\n\(stamp)\n\(scope)\n\(Digest(of: canonical).hex)"
    var key = Array("AWS4\(credentials.secretKey)".utf8)
    for part in [day, region, "s3", "aws4_request"] { key = hmac(key, Array(part.utf8)).bytes }
    let signature = hmac(key, Array(text.utf8)).hex
    headers["authorization"] =
      "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope),"
      + "SignedHeaders=\(names.joined(separator: ";")),Signature=\(signature)"
    return headers
  }

  /// A path segment with everything but unreserved characters as `%XX`.
  package static func encoded(_ segment: some StringProtocol) -> String {
    segment.utf8.map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        String(UnicodeScalar(byte))
      default: String(format: "%%%02X", Int(byte))
      }
    }.joined()
  }

  /// RFC 2104 with SHA-256.
  private static func hmac(_ key: [UInt8], _ text: [UInt8]) -> Digest {
    var block = key.count > 64 ? Digest(of: key).bytes : key
    block += repeatElement(0, count: 64 - block.count)
    let inner = Digest(of: block.map { $0 ^ 0x36 } + text)
    return Digest(of: block.map { $0 ^ 0x5C } + inner.bytes)
  }

  /// ISO 8601, basic form, UTC.
  private static func stamp(_ time: Int) -> String {
    var seconds = time_t(time)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    return String(
      format: "%04d%02d%02dT%02d%02d%02dZ", Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1,
      Int(parts.tm_mday), Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec))
  }
}
