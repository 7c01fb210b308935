import AdmixExpression
import AdmixModel
import AdmixSpec
import AdmixStatistics

extension Validate {
  /// The figures that need no column to be named, as rules spell them.
  ///
  /// - Parameter hasOrigins: whether rows say where they came from; nil where that is not known yet.
  private func plainMetrics(hasOrigins: Bool?) -> [String] {
    var names: [String] = []
    if !expectations.isEmpty { names += ["expect.passed", "expect.failed", "expect.warned"] }
    for prefix in fidelityPrefixes(hasOrigins: hasOrigins) {
      names += ["overall", "column_shapes", "pair_trends"].map { prefix + $0 }
    }
    if countsCopies {
      names += ["share", "baseline", "excess"].map { "privacy.copies.\($0)" }
    }
    if privacy != nil {
      names += ["closer_share", "median", "p5", "holdout_median", "holdout_p5"]
        .map { "privacy.dcr.\($0)" }
    }
    if let anonymity {
      for prefix in ["anonymity.", "anonymity.reference."] {
        names += AnonymityReport.plain.map { prefix + $0.name }
        names += anonymity.sensitive.flatMap { column in
          AnonymityReport.sensitive.map { Self.name(prefix + $0.name, [column]) }
        }
      }
    }
    names += (disclosure?.secret ?? []).flatMap { column in
      DisclosureOptions.metrics.map { Self.name("disclosure." + $0, [column]) }
    }
    for model in utility?.models ?? [] {
      let trainings = ["trtr", "tstr"] + (hasOrigins == false ? [] : ["mixed"])
      names += trainings.flatMap { training in
        ["auc", "accuracy", "brier", "log_loss"].map { "utility.\(model).\(training).\($0)" }
      }
      names.append("utility.\(model).ratio")
      if hasOrigins != false { names.append("utility.\(model).mixed_ratio") }
    }
    return names
  }

  private func fidelityPrefixes(hasOrigins: Bool?) -> [String] {
    guard measuresFidelity else { return [] }
    return ["fidelity."] + (hasOrigins == false ? [] : ["fidelity.synthetic."])
  }

  private static let columnMetrics = ["shape", "coverage", "adherence", "missing"]

  /// How rules call a figure of columns.
  static func name(_ metric: String, _ columns: [String]) -> String {
    let nowhere = SourceSpan(file: "", line: 1, column: 1)
    return Expression.call(metric, columns.map { .name($0, nowhere) }, nowhere).canonicalText
  }

  private func columnMetrics(_ columns: [ComparedColumn], hasOrigins: Bool?) -> [String] {
    fidelityPrefixes(hasOrigins: hasOrigins).flatMap { prefix in
      columns.flatMap { column in
        (Self.columnMetrics + [column.isNumber ? "ks" : "tv"])
          .map { Self.name(prefix + $0, [column.name]) }
      }
        + columns.indices.flatMap { a in
          columns[(a + 1)...].map { Self.name(prefix + "pair", [columns[a].name, $0.name]) }
        }
    }
  }

  /// Rules over what this stage does not measure, as far as can be told.
  ///
  /// - Parameters:
  ///   - table: the schema of the dataset and that of the reference; without them any column will do.
  func unknownMetrics(_ table: Schema?, _ reference: Schema?) -> Diagnostics {
    // A wide table has hundreds of thousands of names.
    if gates.isEmpty { return Diagnostics() }
    let hasOrigins = table.map { $0[Schema.originSource] != nil }
    var names = plainMetrics(hasOrigins: hasOrigins)
    if let table, let reference {
      names += columnMetrics(ComparedColumn.shared(table, reference), hasOrigins: hasOrigins)
    } else {
      let heads = fidelityPrefixes(hasOrigins: hasOrigins).flatMap { prefix in
        (Self.columnMetrics + ["ks", "tv", "pair"]).map { prefix + $0 + "(" }
      }
      names += gates.metrics.filter { name in heads.contains { name.hasPrefix($0) } }
    }
    return gates.unknown(in: names)
  }
}
