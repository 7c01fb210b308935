import AdmixModel
import AdmixReport

/// A run with everything a report can show, the hostile and the undefined included.
enum ExampleRun {
  private static let digest = Digest(of: "example")

  private static func share(_ value: Double, _ n: Int) -> AdmixModel.Measurement {
    let half = 1.96 * (value * (1 - value) / Double(n)).squareRoot()
    return .init(value, low: value - half, high: value + half, level: 0.95, support: n)
  }

  static let fairness = CheckReport(
    title: "Fairness", summary: "The label rate differs by 14.2 points between the sexes.",
    metrics: ["disparate_impact(sex)": .init(0.68, low: 0.62, high: 0.75, support: 4526)],
    sections: [
      .init(
        title: "By sex", text: "Shares of rows with the positive label, with Wilson intervals.",
        charts: [
          .intervals(
            title: "Label rate", labels: ["Female", "Male", "(missing)"],
            series: [
              .init(
                name: "real",
                values: [share(0.30, 1835), share(0.445, 2691), .undefined("no rows")]),
              .init(
                name: "synthetic",
                values: [share(0.33, 900), share(0.44, 1100), .undefined("no rows")]),
              .init(
                name: "mixed",
                values: [share(0.41, 2000), share(0.42, 2000), .undefined("no rows")]),
            ], reference: 0.4, isShare: true),
          .bars(
            title: "Rows", labels: ["Female", "Male"],
            series: [.init(name: "real", values: [.init(1835), .init(2691)])], isShare: false),
          .lines(
            title: "age, cumulative", x: [17, 30, 40, 50, 90],
            series: [
              .init(
                name: "real", values: [.init(0), .init(0.3), .init(0.6), .init(0.8), .init(1)]),
              .init(
                name: "synthetic",
                values: [.init(0), .init(0.35), .init(0.58), .init(0.82), .init(1)]),
            ]),
          .heatmap(
            title: "Association, difference", rows: ["age", "sex"], columns: ["age", "sex"],
            values: [[0, 0.31], [0.31, nil]], low: 0, high: 0.5),
        ],
        tables: [
          .init(
            title: "Gaps", columns: ["metric", "value", "rows", "holds"],
            rows: [
              [
                .text("disparate impact"), .measurement(.init(0.68, low: 0.62, high: 0.75)),
                .count(4526), .flag(false),
              ],
              [
                .text("KL <script>"), .measurement(.undefined("no positives in group 'x|y'")),
                .count(0), .flag(true),
              ],
              [.text("ratio"), .measurement(.init(.infinity)), .count(12), .flag(true)],
              [.text("share"), .share(share(0.5, 40)), .count(40), .flag(true)],
            ])
        ])
    ])

  static let document = RunDocument(
    pipeline: "admissions <b>", description: "1973, \"graduate\" admissions & more", run: "7f3a",
    started: "2026-11-24T02:00:00Z", seconds: 12.34, status: "gated", seed: 7, version: "0.1.0",
    stages: [
      .init(
        name: "counts", kind: "ingest", status: "cached", seconds: 0.004,
        outputs: [.init(name: "data", kind: .dataset, digest: digest, bytes: 900, rows: 24)],
        sources: [.init(name: "admissions.csv", digest: digest)]),
      .init(
        name: "blend", kind: "mix", status: "executed",
        why: [.init(.parameter, name: "rows", old: "1000", new: "4526")], seconds: 0.8,
        inputs: [.init(role: "from", stage: "counts", output: nil)],
        outputs: [.init(name: "data", kind: .dataset, digest: digest, bytes: 90_000, rows: 4526)],
        warnings: [.warning("AX0001", "2 rows were rejected")]),
      .init(
        name: "bias", kind: "fairness", status: "executed", why: [.init(.new, name: "bias")],
        seconds: 61, inputs: [.init(role: "of", stage: "blend", output: nil)],
        gates: [
          .init(
            rule: "disparate_impact(sex) < 0.8", action: .fail,
            measurement: .init(0.68, low: 0.62, high: 0.75), passed: false),
          .init(
            rule: "cddl(sex, department) > 0.1", action: .warn,
            measurement: .undefined("one stratum only"), passed: false),
        ], report: fairness),
      .init(
        name: "publish", kind: "export", status: "gated",
        inputs: [
          .init(role: "from", stage: "blend", output: nil),
          .init(role: "after", stage: "bias", output: nil),
        ], files: ["out/a.parquet"]),
    ])

  /// The same run with every free text replaced.
  static func named(_ name: String, status: String) -> RunDocument {
    var document = document
    document.pipeline = name
    document.description = name
    document.status = status
    for index in document.stages.indices {
      document.stages[index].name = name + "\(index)"
      document.stages[index].status = status
      document.stages[index].why = [.init(.parameter, name: name, old: name, new: name)]
      document.stages[index].inputs =
        index == 0 ? [] : [.init(role: name, stage: name + "0", output: name)]
      document.stages[index].sources = [.init(name: name, digest: digest)]
      document.stages[index].files = [name]
      document.stages[index].warnings = [.error(name, name, cause: name, hint: name)]
      document.stages[index].gates = [
        .init(rule: name, action: .fail, measurement: .undefined(name), passed: false)
      ]
      document.stages[index].report = CheckReport(
        title: name, summary: name,
        sections: [
          .init(
            title: name, text: name + "\n" + name,
            charts: [
              .bars(
                title: name, labels: [name, name],
                series: [.init(name: name, values: [.init(1), .undefined(name)])], isShare: false),
              .lines(
                title: name, x: [0, 1], series: [.init(name: name, values: [.init(0), .init(1)])]),
              .heatmap(
                title: name, rows: [name], columns: [name], values: [[0.5]], low: 0, high: 1),
            ],
            tables: [.init(title: name, columns: [name], rows: [[.text(name)]])])
        ])
    }
    return document
  }

  /// A check of so many columns.
  static func wide(columns: Int) -> RunDocument {
    let names = (0..<columns).map { "column_number_\($0)" }
    let scores = names.indices.map { AdmixModel.Measurement(0.9 + Double($0 % 10) / 100) }
    var document = document
    document.stages[2].report = CheckReport(
      title: "Fidelity", summary: "97 %",
      sections: [
        .init(
          title: "Columns",
          charts: [
            .bars(
              title: "Column shapes", labels: names,
              series: [
                .init(name: "score", values: scores), .init(name: "expected", values: scores),
              ],
              isShare: true),
            .heatmap(
              title: "Pair trends", rows: names, columns: names,
              values: names.indices.map { a in
                names.indices.map { b in a == b ? nil : Double((a * 7 + b * 7) % 100) / 100 }
              }, low: 0, high: 1),
          ],
          tables: [
            .init(
              title: "Columns", columns: ["column", "score"],
              rows: zip(names, scores).map { [.text($0), .share($1)] })
          ])
      ])
    return document
  }

  /// A matrix of so many checks.
  static func many(stages: Int) -> RunDocument {
    var document = document
    let check = document.stages[2]
    document.stages = Array(document.stages.prefix(2))
    for number in 0..<stages {
      var stage = check
      stage.name = "check[n=\(number)]"
      document.stages.append(stage)
    }
    return document
  }
}
