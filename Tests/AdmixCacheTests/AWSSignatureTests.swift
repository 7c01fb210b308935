import AdmixCache
import AdmixModel
import Testing

struct AWSSignatureTests {
  /// Reference values: the examples of "Authenticating Requests: Using the Authorization Header", Amazon
  /// S3 API Reference.
  @Test(
    "signs as AWS's own examples",
    arguments: [
      (
        "GET", "/test.txt", ["range": "bytes=0-9"], "",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
      ),
      (
        "PUT", "/test%24file.text",
        ["date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"],
        "Welcome to Amazon S3.",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
      ),
    ])
  func examples(
    method: String, path: String, headers: [String: String], body: String, signature: String
  ) {
    let signed = AWSSignature.signed(
      .init(
        method: method, host: "examplebucket.s3.amazonaws.com", path: path, headers: headers,
        payload: Digest(of: body)),
      AWSCredentials(
        accessKey: "AKIAIOSFODNN7EXAMPLE",
        secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), region: "us-east-1",
      time: 1_369_353_600)
    #expect(signed["authorization"]?.hasSuffix("Signature=\(signature)") == true)
    #expect(AWSSignature.encoded("test$file.text") == "test%24file.text")
  }

  @Test(
    "finds credentials where AWS's tools do",
    arguments: [
      (["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"], "a b - -"),
      (
        [
          "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "t",
          "AWS_REGION": "r",
        ], "a b t r"
      ),
      (["HOME": "/h"], "dk ds - eu-1"), (["HOME": "/h", "AWS_PROFILE": "ci"], "ck cs ct eu-2"),
      (["HOME": "/h", "AWS_PROFILE": "none"], "- - - -"),
      (["HOME": "/h", "AWS_ACCESS_KEY_ID": "a"], "dk ds - eu-1"),
      (["HOME": "/h", "AWS_CONFIG_FILE": "/other", "AWS_DEFAULT_REGION": "x"], "dk ds - x"),
    ])
  func profiles(environment: [String: String], expected: String) {
    let files = [
      "/h/.aws/credentials":
        "# mine\n[default]\naws_access_key_id = dk\naws_secret_access_key=ds\n",
      "/h/.aws/config":
        "[default]\nregion = eu-1\n[profile ci]\nregion=eu-2\naws_access_key_id=ck\naws_secret_access_key=cs\naws_session_token=ct\n",
    ]
    let profile = AWSProfile(environment: environment) { files[$0] }
    let found = profile.credentials
    let parts = [found?.accessKey, found?.secretKey, found?.token, profile.region]
    #expect(parts.map { $0 ?? "-" }.joined(separator: " ") == expected)
  }
}
