import Foundation

/// Credentials and region as AWS's own tools find them: the environment first, then the profile's files.
///
/// Source: "Configuration and credential file settings", AWS CLI User Guide. Left out are roles, single
/// sign-on and metadata services, for which `aws configure export-credentials --format env` stands in.
package struct AWSProfile: Sendable {
  package var credentials: AWSCredentials?
  package var region: String?
  package var endpoint: String?

  /// - Parameter read: gives a file's text, nil where there is none.
  package init(environment: [String: String], read: (String) -> String?) {
    func variable(_ names: String...) -> String? {
      names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    region = variable("AWS_REGION", "AWS_DEFAULT_REGION")
    endpoint = variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    if let key = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") {
      credentials = AWSCredentials(
        accessKey: key, secretKey: secret, token: variable("AWS_SESSION_TOKEN"))
    }
    if credentials != nil, region != nil { return }
    let name = variable("AWS_PROFILE", "AWS_DEFAULT_PROFILE") ?? "default"
    let home = variable("HOME") ?? "/"
    let shared = read(variable("AWS_SHARED_CREDENTIALS_FILE") ?? "\(home)/.aws/credentials")
    let config = read(variable("AWS_CONFIG_FILE") ?? "\(home)/.aws/config")
    let own = Self.section(name, of: shared ?? "")
    let more = Self.section(name == "default" ? name : "profile \(name)", of: config ?? "")
    for section in [own, more] where credentials == nil {
      guard let key = section["aws_access_key_id"], let secret = section["aws_secret_access_key"]
      else { continue }
      credentials = AWSCredentials(
        accessKey: key, secretKey: secret, token: section["aws_session_token"])
    }
    region = region ?? own["region"] ?? more["region"]
    endpoint = endpoint ?? own["endpoint_url"] ?? more["endpoint_url"]
  }

  package init(environment: [String: String]) {
    self.init(environment: environment) { try? String(contentsOfFile: $0, encoding: .utf8) }
  }

  /// The settings below `[name]`.
  private static func section(_ name: String, of text: String) -> [String: String] {
    var settings: [String: String] = [:]
    var isInside = false
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.trimmingCharacters(in: .whitespaces)
      if line.hasPrefix("#") || line.hasPrefix(";") { continue }
      if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
        let words = line[line.index(after: line.startIndex)..<end].split(separator: " ")
        isInside = words.joined(separator: " ") == name
      } else if isInside, let equals = line.firstIndex(of: "=") {
        settings[line[..<equals].trimmingCharacters(in: .whitespaces)] =
          line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
      }
    }
    return settings
  }
}
