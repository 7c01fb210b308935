import ArgumentParser
import Foundation

struct Init: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a first pipeline that runs as it is.")

  @Argument(help: "The folder; made if it is not there.") var folder = "."

  func run() async throws {
    let file = URL(fileURLWithPath: folder).appendingPathComponent("pipeline.yaml")
    guard !FileManager.default.fileExists(atPath: file.path) else {
      Terminal.error("error: \(file.relativePath) is there already; nothing was written [AX0110]\n")
      throw ExitCode(2)
    }
    do {
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(Self.pipeline.utf8).write(to: file, options: .withoutOverwriting)
      let ignore = file.deletingLastPathComponent().appendingPathComponent(".gitignore")
      if !FileManager.default.fileExists(atPath: ignore.path) {
        try Data(".admix/\nout/\n".utf8).write(to: ignore, options: .withoutOverwriting)
      }
    } catch {
      Terminal.error("error: \(folder) cannot be written: \(error.localizedDescription) [AX0111]\n")
      throw ExitCode(1)
    }
    Terminal.out("wrote \(file.relativePath)\nnext: admix run \(file.relativePath)\n")
  }

  static let pipeline = """
    # yaml-language-server: $schema=admix.schema.json
    # `admix schema > admix.schema.json` lets an editor check and complete this file.
    admix: 1
    name: first
    description: Loan decisions, topped up with synthetic rows
    seed: 1
    params: {rows: 2000, synthetic: 0.25}

    stages:
      # Replace this one with your own table:  people: {ingest: {from: people.csv}}
      people:
        generate:
          rows: 3000
          with:
            rules:
              columns:
                - id: {sequence: {start: 1}}
                - sex: {choice: {Female: 0.5, Male: 0.5}}
                - age: {integer: {low: 18, high: 80}}
                - income: {lognormal: {mean: "10 + 0.01 * age", sd: 0.5}, round: 1}
                - approved: {bernoulli: {p: "if(sex == 'Male', 0.6, 0.5)"}}

      parts:
        split: {from: people, into: {train: 0.8, holdout: 0.2}, stratify: [sex, approved]}

      synthetic:
        generate: {learn: parts.train, with: gaussian-copula, rows: "${params.rows * params.synthetic}"}

      blend:
        mix:
          rows: ${params.rows}
          parts:
            real: {from: parts.train, share: "${1 - params.synthetic}"}
            synthetic: {from: synthetic, share: "${params.synthetic}"}

      bias:
        fairness:
          of: blend
          against: people
          label: {column: approved, positive: true}
          protected: [sex]
          gates:
            - warn: disparate_impact(sex) < 0.8

      quality:
        validate:
          of: blend
          reference: parts.train
          holdout: parts.holdout
          expect:
            - {column: age, between: [18, 80]}
          fidelity: {}
          gates:
            - fail: fidelity.overall < 0.8

      publish:
        export: {from: blend, after: [bias, quality], to: out/loans.parquet, card: true}

    """
}
