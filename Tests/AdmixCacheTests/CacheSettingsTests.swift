import AdmixCache
import AdmixModel
import Testing

struct CacheSettingsTests {
  private static func resolved(
    _ file: (String?, String?), _ environment: (String?, String?), _ line: (String?, String?),
    network: Bool = true
  ) -> String {
    let wishes = [
      (line, "/here", "--cache"), (environment, "/here", "ADMIX_CACHE"),
      (file, "/project", "'cache'"),
    ]
    .map { CacheSettings.Wish(url: $0.0, mode: $0.1, folder: $1, name: $2) }
    do {
      let settings = try CacheSettings.resolve(wishes, allowsNetwork: network)
      return settings.map { "\($0.shown) \($0.mode.rawValue)" } ?? "none"
    } catch { return "\(error.code) \(error.fact); \(error.cause ?? "")" }
  }

  @Test(
    "the command line beats the environment, which beats the file",
    arguments: [
      (nil, nil, nil, nil, nil, nil, "none"),
      ("../team", nil, nil, nil, nil, nil, "/team read-only"),
      ("../team", "read-write", nil, nil, nil, nil, "/team read-write"),
      ("../team", "read-write", nil, nil, nil, "read-only", "/team read-only"),
      ("../team", nil, "", "read-write", nil, nil, "/team read-write"),
      ("../team", nil, "near", nil, nil, nil, "/here/near read-only"),
      ("../team", nil, "near", nil, "file:///far", nil, "/far read-only"),
      ("../team", nil, nil, "off", nil, nil, "none"),
      ("../team", "off", nil, nil, nil, "read-only", "/team read-only"),
      ("s3://b/p/q/", nil, nil, nil, nil, nil, "s3://b/p/q read-only"),
      (nil, nil, nil, nil, nil, "read-write", "none"),
    ]
      as [(String?, String?, String?, String?, String?, String?, String)])
  func precedence(
    file: String?, fileMode: String?, variable: String?, variableMode: String?, line: String?,
    lineMode: String?, expected: String
  ) {
    #expect(Self.resolved((file, fileMode), (variable, variableMode), (line, lineMode)) == expected)
  }

  @Test(
    "says what names no cache, and never repeats what may be a password",
    arguments: [
      "s3://key:secret@bucket/p", "https://secret.example.org", "s3://", "s3:///secret",
      "file://host/secret", "file:///", "s3://secret/../x", "s3://b/p?secret", "a secret://x",
      "s3://sec ret", "\0secret",
    ])
  func nonsense(url: String) {
    let text = Self.resolved((nil, nil), (nil, nil), (url, nil))
    #expect(text.hasPrefix("AX0920") && !text.contains("secret"), "\(text)")
  }

  @Test func aBucketIsNoCacheWithoutANetwork() {
    let off = Self.resolved(("s3://b", nil), (nil, nil), (nil, nil), network: false)
    #expect(off == "none")
    #expect(
      Self.resolved(("x", nil), (nil, nil), (nil, nil), network: false) == "/project/x read-only")
    #expect(Self.resolved(("x", "sometimes"), (nil, nil), (nil, nil)).hasPrefix("AX0920"))
  }
}
