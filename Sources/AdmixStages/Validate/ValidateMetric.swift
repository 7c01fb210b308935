/// The metrics of validate stages as the reference page tells them.
struct ValidateMetric: Sendable {
  /// `COLUMN`, `MODEL` and so on stand for names of the pipeline.
  var name: String
  var summary: String
  var range: String
  var best: String

  private init(_ name: String, _ summary: String, _ range: String, best: String) {
    self.name = name
    self.summary = summary
    self.range = range
    self.best = best
  }

  static let all: [ValidateMetric] = [
    .init("expect.passed", "Expectations that hold.", "a count", best: "high"),
    .init("expect.failed", "Expectations that do not hold.", "a count", best: "0"),
    .init("expect.warned", "Expectations that do not hold and only warn.", "a count", best: "0"),
    .init(
      "fidelity.overall", "The mean of column shapes and pair trends.", "0 to 1", best: "1"),
    .init(
      "fidelity.column_shapes",
      "The mean of the columns' scores: how alike each column is by itself.",
      "0 to 1", best: "1"),
    .init(
      "fidelity.pair_trends", "The mean of the pairs' scores: how alike columns go together.",
      "0 to 1", best: "1"),
    .init("fidelity.shape(COLUMN)", "1 minus the distance below.", "0 to 1", best: "1"),
    .init(
      "fidelity.ks(COLUMN)", "Kolmogorov-Smirnov distance of a column of numbers or dates.",
      "0 to 1",
      best: "0"),
    .init(
      "fidelity.tv(COLUMN)", "Total variation distance of a column of categories.", "0 to 1",
      best: "0"),
    .init(
      "fidelity.coverage(COLUMN)", "The part of the real range or categories that occurs.",
      "0 to 1",
      best: "1"),
    .init(
      "fidelity.adherence(COLUMN)", "The part of the rows inside the real range or categories.",
      "0 to 1", best: "1"),
    .init(
      "fidelity.missing(COLUMN)", "1 minus the difference of the shares that are missing.",
      "0 to 1",
      best: "1"),
    .init(
      "fidelity.pair(COLUMN, COLUMN)",
      "How alike two columns go together; of more than 10,000 pairs those furthest from the reference and those in gates.",
      "0 to 1", best: "1"),
    .init(
      "fidelity.synthetic.…", "All of these for the synthetic rows alone.", "", best: ""),
    .init("privacy.copies.share", "Rows that equal a real row.", "0 to 1", best: "low"),
    .init(
      "privacy.copies.baseline", "The same for the holdout: how many are equal by chance.",
      "0 to 1",
      best: ""),
    .init(
      "privacy.copies.excess",
      "Share minus 1 − (1 − baseline)^k, what chance alone gives; k is the reference's rows over the holdout's.",
      "-1 to 1", best: "0 or less"),
    .init(
      "privacy.dcr.closer_share",
      "Synthetic rows that are closer to a training row than to a holdout row; 0.5 is what no copying gives.",
      "0 to 1", best: "0.5"),
    .init(
      "privacy.dcr.median",
      "Median distance to the closest training record; `p5` is the 5th percentile.",
      "0 and up", best: "high"),
    .init("privacy.dcr.p5", "5th percentile of that distance.", "0 and up", best: "high"),
    .init(
      "privacy.dcr.holdout_median", "Median distance to the closest holdout record.", "0 and up",
      best: ""),
    .init("privacy.dcr.holdout_p5", "5th percentile of that distance.", "0 and up", best: ""),
    .init(
      "anonymity.k", "k-anonymity: the rows of the smallest class of equal quasi-identifiers.",
      "a count", best: "high"),
    .init("anonymity.classes", "Classes of equal quasi-identifiers.", "a count", best: ""),
    .init(
      "anonymity.unique_share", "Rows that are alone in their class.", "0 to 1", best: "0"),
    .init(
      "anonymity.below_5", "Rows in classes of fewer than 5; `below_10` of fewer than 10.",
      "0 to 1", best: "0"),
    .init("anonymity.below_10", "Rows in classes of fewer than 10.", "0 to 1", best: "0"),
    .init(
      "anonymity.l(COLUMN)", "Distinct l-diversity: the fewest sensitive values of a class.",
      "1 and up", best: "high"),
    .init(
      "anonymity.entropy_l(COLUMN)",
      "Entropy l-diversity: e to the least entropy of a class; not rounded down, as pyCANON does.",
      "1 and up", best: "high"),
    .init(
      "anonymity.recursive_c(COLUMN)",
      "Recursive (c,l)-diversity holds for every c above this: the greatest r₁ / (r_l + … + r_m) of a class, r₁ its most frequent value; infinite where a class has fewer than l values. (pyCANON divides the least frequent one.)",
      "0 and up", best: "low"),
    .init(
      "anonymity.t(COLUMN)",
      "t-closeness: the greatest distance of a class from all rows; equal distance for categories, ordered earth mover's for numbers and dates.",
      "0 to 1", best: "0"),
    .init(
      "anonymity.beta(COLUMN)",
      "Basic β-likeness: the greatest (q − p) / p, q a value's share of a class, p of all rows.",
      "0 and up", best: "0"),
    .init(
      "anonymity.enhanced_beta(COLUMN)",
      "Enhanced β-likeness: the same, but no more than −ln of the rarest value's share.",
      "0 and up", best: "0"),
    .init(
      "anonymity.delta(COLUMN)",
      "δ-disclosure: the greatest |ln (q / p)| of values that occur in a class.",
      "0 and up", best: "0"),
    .init(
      "anonymity.alpha(COLUMN)",
      "α of (α,k)-anonymity: the greatest share of a class that one value has.",
      "0 to 1", best: "low"),
    .init("anonymity.reference.…", "All of these for the reference.", "", best: ""),
    .init(
      "disclosure.cap(COLUMN)",
      "Correct attribution probability: how often the secret of a synthetic row that agrees in the known columns is right, over people of the reference who have such a row.",
      "0 to 1", best: "that of the holdout"),
    .init(
      "disclosure.zero_cap(COLUMN)", "The same over all people; one without such a row counts 0.",
      "0 to 1", best: "low"),
    .init(
      "disclosure.holdout_cap(COLUMN)", "CAP of people who were not learned from.", "0 to 1",
      best: ""),
    .init("disclosure.excess(COLUMN)", "CAP minus that of the holdout.", "-1 to 1", best: "0"),
    .init(
      "disclosure.baseline_uniform(COLUMN)", "1 over the number of values of the secret.",
      "0 to 1", best: ""),
    .init(
      "disclosure.baseline_marginal(COLUMN)",
      "CAP without any known column: what the secret's frequencies give.", "0 to 1", best: ""),
    .init(
      "utility.MODEL.TRAINING.auc",
      "Area under the ROC curve on the real holdout, learned from `trtr` (real), `tstr` (synthetic) or `mixed` rows.",
      "0 to 1", best: "1"),
    .init("utility.MODEL.TRAINING.accuracy", "Share of right answers.", "0 to 1", best: "1"),
    .init("utility.MODEL.TRAINING.brier", "Brier score.", "0 to 1", best: "0"),
    .init("utility.MODEL.TRAINING.log_loss", "Logarithmic loss, nats.", "0 and up", best: "0"),
    .init(
      "utility.MODEL.ratio", "Area under the curve of `tstr` over that of `trtr`.", "0 and up",
      best: "1"),
    .init(
      "utility.MODEL.mixed_ratio", "Area under the curve of `mixed` over that of `trtr`.",
      "0 and up",
      best: "1"),
  ]
}
