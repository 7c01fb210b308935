import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Gradient boosted trees by the system's libxgboost, which is opened when first asked for.
///
/// One thread and fixed parameters, so that equal rows give equal trees with one library version;
/// the version is part of what a task is told.
package struct XGBoost: Sendable {
  package struct Failure: Error { package var reason: String }

  package static let rounds = 60
  package static let parameters: [(String, String)] = [
    ("objective", "binary:logistic"), ("tree_method", "hist"), ("max_depth", "4"), ("eta", "0.2"),
    ("nthread", "1"), ("seed", "0"), ("verbosity", "0"),
  ]

  private typealias Handle = UnsafeMutableRawPointer
  private typealias Create =
    @convention(c) (UnsafePointer<Float>, UInt64, UInt64, Float, UnsafeMutablePointer<Handle?>) ->
    Int32
  private typealias SetInfo =
    @convention(c) (Handle, UnsafePointer<CChar>, UnsafePointer<Float>, UInt64) -> Int32
  private typealias Free = @convention(c) (Handle) -> Int32
  private typealias CreateBooster =
    @convention(c) (UnsafePointer<Handle?>, UInt64, UnsafeMutablePointer<Handle?>) -> Int32
  private typealias SetParameter =
    @convention(c) (Handle, UnsafePointer<CChar>, UnsafePointer<CChar>) -> Int32
  private typealias Update = @convention(c) (Handle, Int32, Handle) -> Int32
  private typealias Predict =
    @convention(c) (
      Handle, Handle, Int32, UInt32, Int32, UnsafeMutablePointer<UInt64>,
      UnsafeMutablePointer<UnsafePointer<Float>?>
    ) -> Int32
  private typealias Version =
    @convention(c) (
      UnsafeMutablePointer<Int32>, UnsafeMutablePointer<Int32>, UnsafeMutablePointer<Int32>
    ) -> Void

  private let create: Create
  private let setInfo: SetInfo
  private let freeMatrix: Free
  private let createBooster: CreateBooster
  private let setParameter: SetParameter
  private let update: Update
  private let predict: Predict
  private let freeBooster: Free
  /// Such as `1.6.0`.
  package let version: String

  /// Opens the library.
  package static func load() throws(Failure) -> XGBoost {
    // Never closed: its threads and thread-local data outlive any one use.
    guard
      let library = dlopen("libxgboost.so.0", RTLD_NOW | RTLD_LOCAL)
        ?? dlopen("libxgboost.so", RTLD_NOW | RTLD_LOCAL)
    else { throw Failure(reason: "libxgboost is not installed") }
    func symbol<Function>(_ name: String, _ type: Function.Type) throws(Failure) -> Function {
      guard let address = dlsym(library, name) else {
        throw Failure(reason: "libxgboost has no \(name)")
      }
      // The types above are those of xgboost/c_api.h, unchanged from 0.90 to 2.x.
      return unsafeBitCast(address, to: type)
    }
    var numbers: (Int32, Int32, Int32) = (0, 0, 0)
    try symbol("XGBoostVersion", Version.self)(&numbers.0, &numbers.1, &numbers.2)
    return XGBoost(
      create: try symbol("XGDMatrixCreateFromMat", Create.self),
      setInfo: try symbol("XGDMatrixSetFloatInfo", SetInfo.self),
      freeMatrix: try symbol("XGDMatrixFree", Free.self),
      createBooster: try symbol("XGBoosterCreate", CreateBooster.self),
      setParameter: try symbol("XGBoosterSetParam", SetParameter.self),
      update: try symbol("XGBoosterUpdateOneIter", Update.self),
      predict: try symbol("XGBoosterPredict", Predict.self),
      freeBooster: try symbol("XGBoosterFree", Free.self),
      version: "\(numbers.0).\(numbers.1).\(numbers.2)")
  }

  /// Trains on some rows and scores others.
  package func scores(training: LabelledRows, testing: LabelledRows) throws(Failure) -> [Double] {
    let train = try matrix(training)
    defer { _ = freeMatrix(train) }
    let test = try matrix(testing)
    defer { _ = freeMatrix(test) }
    var booster: Handle?
    var list: [Handle?] = [train]
    try check(createBooster(&list, 1, &booster))
    guard let booster else { throw Failure(reason: "libxgboost made no model") }
    defer { _ = freeBooster(booster) }
    for (name, value) in Self.parameters { try check(setParameter(booster, name, value)) }
    for round in 0..<Self.rounds { try check(update(booster, Int32(round), train)) }
    var count: UInt64 = 0
    var values: UnsafePointer<Float>?
    try check(predict(booster, test, 0, 0, 0, &count, &values))
    guard let values, count == UInt64(testing.rows) else {
      throw Failure(reason: "libxgboost gave \(count) scores for \(testing.rows) rows")
    }
    // The library owns the scores until the next call; they are copied here.
    return (0..<testing.rows).map { Double(values[$0]) }
  }

  private func matrix(_ rows: LabelledRows) throws(Failure) -> Handle {
    var dense = [Float](repeating: 0, count: rows.rows * rows.features)
    for row in 0..<rows.rows {
      for place in 0..<rows.numericCount {
        dense[row * rows.features + place] = Float(rows.numbers[row * rows.numericCount + place])
      }
      for place in 0..<rows.categoricalCount {
        let feature = rows.active[row * rows.categoricalCount + place]
        if feature >= 0 { dense[row * rows.features + Int(feature)] = 1 }
      }
    }
    var handle: Handle?
    try check(create(dense, UInt64(rows.rows), UInt64(rows.features), .nan, &handle))
    guard let handle else { throw Failure(reason: "libxgboost took no rows") }
    let labels = rows.labels.map { Float($0 ? 1 : 0) }
    try check(setInfo(handle, "label", labels, UInt64(labels.count)))
    return handle
  }

  private func check(_ code: Int32) throws(Failure) {
    if code != 0 { throw Failure(reason: "libxgboost failed") }
  }
}
