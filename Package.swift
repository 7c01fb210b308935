// swift-tools-version: 6.1
import PackageDescription

// `make setup` leaves here what it had to take from the pyarrow wheel; where the system has Arrow of
// its own, the folder is absent and pkg-config answers.
let deps = "\(Context.packageDirectory)/.deps"

let package = Package(
  name: "admix",
  products: [
    .executable(name: "admix", targets: ["admix"]),
    // Arrow is heavy to load, so it lives in a library that is opened on first use.
    .library(name: "AdmixArrow", type: .dynamic, targets: ["CArrowShim"]),
    // For plugins in Swift, which are programs of their own.
    .library(name: "AdmixPlugin", targets: ["AdmixPlugin"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CCrypto", path: "Sources/CCrypto", pkgConfig: "libcrypto",
      providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CLibYAML", path: "Sources/CLibYAML", pkgConfig: "yaml-0.1",
      providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CArrowLibrary", path: "Sources/CArrowLibrary", pkgConfig: "admix-arrow"),
    .target(name: "CArrow"),
    .target(
      name: "CArrowShim", dependencies: ["CArrowLibrary"],
      // The header alone: as a dependency CArrow would come as a clang module, which C++ refuses here.
      cxxSettings: [.headerSearchPath("../CArrow/include")],
      linkerSettings: [
        .unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", "\(deps)/lib"])
      ]),
    .target(name: "CFetch", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "CSandbox"),

    .target(name: "AdmixModel", dependencies: ["CCrypto"]),
    .target(name: "AdmixExpression", dependencies: ["AdmixModel"]),
    .target(name: "AdmixSpec", dependencies: ["AdmixModel", "AdmixExpression", "CLibYAML"]),
    .target(
      name: "AdmixData",
      dependencies: ["AdmixModel", "AdmixExpression", "CArrow", "CFetch"]),
    .target(name: "AdmixProcess", dependencies: ["CSandbox"]),
    .target(name: "AdmixStatistics", dependencies: ["AdmixModel", "AdmixData"]),
    .target(
      name: "AdmixStore",
      dependencies: ["AdmixModel", .product(name: "GRDB", package: "GRDB.swift")]),
    .target(name: "AdmixCache", dependencies: ["AdmixModel", "AdmixStore", "CFetch"]),
    .target(
      name: "AdmixEngine",
      dependencies: ["AdmixModel", "AdmixSpec", "AdmixData", "AdmixStore", "AdmixCache"]),
    .target(
      name: "AdmixGenerators",
      dependencies: [
        "AdmixModel", "AdmixExpression", "AdmixSpec", "AdmixData", "AdmixStatistics",
        "AdmixProcess",
      ]),
    .target(
      name: "AdmixStages",
      dependencies: [
        "AdmixModel", "AdmixExpression", "AdmixSpec", "AdmixData", "AdmixStatistics",
        "AdmixGenerators", "AdmixEngine", "AdmixProcess",
      ]),
    .target(
      name: "AdmixReport", dependencies: ["AdmixModel", "AdmixStore", "AdmixCache", "AdmixEngine"]),
    .executableTarget(
      name: "admix",
      dependencies: [
        "AdmixModel", "AdmixSpec", "AdmixData", "AdmixProcess", "AdmixStore", "AdmixCache",
        "AdmixGenerators", "AdmixEngine",
        "AdmixStages", "AdmixReport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      // Links to what `admix plugin new` writes.
      resources: [
        "admix_plugin.py", "template.py", "template_transform.py", "requirements.lock",
        "sdk_swift.txt", "sdk_transformer_swift.txt", "template_swift.txt",
        "template_transform_swift.txt",
      ].map { .embedInCode("Plugins/Templates/\($0)") }),

    .target(name: "AdmixPlugin", path: "Plugins/sdk/swift/AdmixPlugin"),

    .target(
      name: "AdmixTestSupport", dependencies: ["AdmixModel", "AdmixData", "AdmixCache"],
      path: "Tests/AdmixTestSupport"),
    .testTarget(name: "AdmixModelTests", dependencies: ["AdmixModel", "AdmixTestSupport"]),
    .testTarget(
      name: "AdmixExpressionTests",
      dependencies: ["AdmixModel", "AdmixExpression", "AdmixTestSupport"]),
    .testTarget(
      name: "AdmixSpecTests",
      dependencies: ["AdmixModel", "AdmixExpression", "AdmixSpec", "AdmixTestSupport"]),
    .testTarget(
      name: "AdmixDataTests",
      dependencies: ["AdmixModel", "AdmixExpression", "AdmixData", "AdmixTestSupport"]),
    .testTarget(
      name: "AdmixStatisticsTests",
      dependencies: ["AdmixModel", "AdmixData", "AdmixStatistics", "AdmixTestSupport"]),
    .testTarget(
      name: "AdmixProcessTests", dependencies: ["AdmixProcess", "AdmixTestSupport", "admix"]),
    .testTarget(
      name: "AdmixStoreTests", dependencies: ["AdmixModel", "AdmixStore", "AdmixTestSupport"]),
    .testTarget(
      name: "AdmixCacheTests",
      dependencies: ["AdmixModel", "AdmixStore", "AdmixCache", "AdmixTestSupport"]),
    .testTarget(
      name: "AdmixEngineTests",
      dependencies: [
        "AdmixModel", "AdmixSpec", "AdmixData", "AdmixStore", "AdmixEngine", "AdmixTestSupport",
      ]),
    .testTarget(
      name: "AdmixGeneratorsTests",
      dependencies: [
        "AdmixModel", "AdmixExpression", "AdmixSpec", "AdmixData", "AdmixStatistics",
        "AdmixGenerators", "AdmixTestSupport",
      ]),
    .testTarget(
      name: "AdmixStagesTests",
      dependencies: [
        "AdmixModel", "AdmixExpression", "AdmixSpec", "AdmixData", "AdmixStatistics",
        "AdmixGenerators", "AdmixStore", "AdmixEngine", "AdmixProcess", "AdmixStages",
        "AdmixTestSupport",
      ]),
    .testTarget(
      name: "AdmixReportTests",
      dependencies: ["AdmixModel", "AdmixStore", "AdmixEngine", "AdmixReport", "AdmixTestSupport"]),
    .testTarget(
      name: "EndToEndTests",
      dependencies: ["AdmixModel", "AdmixStore", "AdmixProcess", "AdmixTestSupport", "admix"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)

// Fuzz targets need libFuzzer's instrumentation, so only `make fuzz` sees them.
if Context.environment["ADMIX_FUZZ"] == "1" {
  func fuzz(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
      name: name, dependencies: dependencies, path: "Tests/Fuzz/\(name)",
      swiftSettings: [.unsafeFlags(["-parse-as-library", "-sanitize=fuzzer"])],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])])
  }
  package.targets += [
    fuzz("FuzzSpec", ["AdmixModel", "AdmixSpec"]),
    fuzz("FuzzExpression", ["AdmixModel", "AdmixExpression", "AdmixData"]),
  ]
  let probed = ["AdmixModel", "AdmixSpec", "AdmixExpression", "AdmixData"]
  for target in package.targets where probed.contains(target.name) {
    target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=fuzzer"])]
  }
}

for target in package.targets where ![.system, .plugin].contains(target.type) {
  target.swiftSettings =
    (target.swiftSettings ?? []) + [
      .enableUpcomingFeature("ExistentialAny"),
      .enableUpcomingFeature("InternalImportsByDefault"),
      .enableUpcomingFeature("MemberImportVisibility"),
    ]
}
