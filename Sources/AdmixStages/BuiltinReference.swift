import AdmixEngine
import AdmixExpression
import AdmixGenerators
package import AdmixSpec
import AdmixStatistics

/// The reference pages of what comes with admix, made from the descriptions that the program works by.
package enum BuiltinReference {
  package static var pages: [Reference.Page] {
    let kinds = builtinStages.descriptions
    return [Reference.top(kinds: kinds)] + kinds.map(Reference.page)
      + [generators, plugin, metrics, expressions]
  }

  private static var generators: Reference.Page {
    var text = """
      # Generators

      What may stand in `with` of a [generate](generate.md) stage.

      """
    for type in BuiltinGenerators.all {
      let it = type.description
      text += """

        ## \(it.name)

        \(it.summary)

        - \(it.needsLearning ? "Learns from the dataset named by `learn`." : "Learns from no data.")
        - \(rows(of: type))
        - Cost: \(it.cost)
        - Limits: \(it.limits)
        - Sources: \(it.sources)

        \(it.fields.isEmpty ? "It has no options.\n" : Reference.table(it.fields))
        """
    }
    return Reference.Page("generators", text)
  }

  /// What asking for certain rows comes to.
  private static func rows(of type: any Generator.Type) -> String {
    if type is any Simulation.Type {
      return "Its rows follow from each other: `rows`, `where` and `keep` are refused."
    }
    return type.description.conditionsExactly
      ? "Conditions (`where`) are met by construction."
      : "Conditions (`where`) are met by leaving out rows that miss them."
  }

  private static var plugin: Reference.Page {
    Reference.Page(
      "plugin",
      """
      # plugin.yaml

      What a plugin says about itself; [the protocol](../../Plugins/PROTOCOL.md) says what it means, and
      [plugins](../plugins.md) how to write and use one.

      \(Reference.table(PluginManifest.fields))
      """)
  }

  private static var metrics: Reference.Page {
    var text = """
      # Metrics

      Gates name them: `disparate_impact(sex) < 0.8`, and trip when the rule is true. A metric that could not
      be computed passes no gate. `lower_bound(…)` and `upper_bound(…)` take the ends of its interval.

      ## Of fairness stages

      Each takes the columns of a view, `disparate_impact(sex, race)` for an intersection; the last two take a
      column of `conditional` after them. Before the name may stand `against.` (the other dataset), `change.`
      (mixed minus the other) or `parts.STAGE.` (the rows that came from a stage).

      | metric | | formula | range | best | from |
      | --- | --- | --- | --- | --- | --- |

      """
    text += rows(FairnessMetrics.all)
    text += """

      In the formulas n is a number of rows, q a rate of the positive label, P a distribution of labels, d the
      group compared and a the others or the reference group.

      ## Of decisions and models

      Fairness stages with `prediction` or `models` measure these as well, each for the columns of a view. Before
      the name stands whose decisions: `prediction.equalized_odds_difference(sex)`, or the model that learned from
      the measured dataset, `logistic.equalized_odds_difference(sex)`; with `against.`, `change.` or
      `parts.STAGE.` after it from which dataset: `logistic.against.equalized_odds_difference(sex)`. Models are
      tested on the holdout, whatever they learned from.

      | metric | | formula | range | best | from |
      | --- | --- | --- | --- | --- | --- |

      """
    text += rows(OutcomeMetrics.all + ScoreMetrics.all)
    text += """

      In the formulas p is a rate of good decisions, TPR, FPR, FNR, PPV, FOR, FDR, ACC and ERR are the rates of
      the confusion matrix, n_1 and p_1 numbers of good outcomes and decisions, y an outcome, s a score. A group
      in which a rate is a share of nothing is left out, which is said, and never counts as 0.

      ## Of validate stages

      | metric | what it says | range | best |
      | --- | --- | --- | --- |

      """
    for metric in ValidateMetric.all {
      text += Reference.row(["`\(metric.name)`", metric.summary, metric.range, metric.best])
    }
    return Reference.Page("metrics", text)
  }

  private static func rows(_ metrics: [MetricDescriptor]) -> String {
    metrics.map { metric in
      let best =
        switch metric.better {
        case .zero: "0"
        case .one: "1"
        case .lower: "low"
        case .higher: "high"
        }
      return Reference.row([
        "`\(metric.name)`", "\(metric.title). \(metric.summary)", metric.formula, metric.range,
        best, metric.source,
      ])
    }.joined()
  }

  private static var expressions: Reference.Page {
    var text = """
      # Expressions

      One small language in `derive`, `filter`, `expect`, `keep`, in the `rules` and `agents` generators, and,
      without columns, in `${…}`.

      - Numbers, `'texts'`, `true`, `false`, `null`; columns by name, in backquotes where the name is no plain
        word: `` `hours per week` ``. A plain word may have dashes inside: `hours-per-week`, so a minus has spaces around it.
      - `+ - * / %`, `== != < <= > >=`, `and or not`, `in [a, b]`, `is null`, `is not null`.
      - A missing value makes what it is part of missing; a filter keeps rows for which its condition is true.

      | function | what it gives | in `${…}` |
      | --- | --- | --- |

      """
    for function in FunctionCatalog.all {
      text += Reference.row([
        "`\(function.signature)`", function.summary, function.isScalar ? "yes" : "",
      ])
    }
    return Reference.Page("expressions", text)
  }
}
