import AdmixData
import AdmixModel
import AdmixStatistics

/// The models that stages train to see what rows teach.
enum Classifier {
  static let names = ["logistic", "xgboost"]

  /// What a model depends on beside its rows: another version of a library gives other figures.
  static func library(_ model: String) -> String? {
    guard model == "xgboost" else { return nil }
    return (try? XGBoost.load())?.version ?? "none"
  }

  struct Found {
    /// By row of the test table that has a label: its number, its score, and what is so.
    var rows: [Int]
    var scores: [Double]
    var labels: [Bool]
  }

  struct Lack: Error { var reason: String }

  /// - Parameters:
  ///   - tables: the one that features are fitted on, the one that is learned from, the one tested on.
  ///   - positive: the classes that count as good; the last of two where nil.
  static func scores(
    _ model: String, _ tables: [Batch], columns: [ComparedColumn], target: String,
    positive: [String]?
  ) throws -> Result<Found, Lack> {
    let (encoding, reason) = FeatureEncoding.fit(
      tables[0], columns: columns, target: target, positive: positive)
    guard let encoding else { return .failure(Lack(reason: reason)) }
    let train = encoding.encode(tables[1])
    let test = encoding.encode(tables[2])
    guard train.labels.contains(true), train.labels.contains(false) else {
      return .failure(Lack(reason: "the rows it learns from have one class"))
    }
    let scores: [Double]
    switch model {
    case "xgboost":
      do {
        scores = try XGBoost.load().scores(training: train, testing: test)
      } catch {
        return .failure(Lack(reason: error.reason))
      }
    default:
      guard let model = LogisticRegression(train) else {
        return .failure(Lack(reason: "the weights could not be found"))
      }
      scores = model.scores(test)
    }
    return .success(
      Found(rows: encoding.labelled(tables[2]), scores: scores, labels: test.labels))
  }
}
