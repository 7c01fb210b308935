import AdmixModel
import ArgumentParser
import Foundation

struct Init: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Write a first pipeline that runs as it is.")

  @Argument(help: "The folder; made if it is not there.", completion: .directory) var folder = "."
  @Flag(help: "Prints one JSON document on standard output.") var json = false

  func run() async throws {
    let folder = self.folder == "." ? "" : self.folder
    let file =
      folder.isEmpty
      ? "pipeline.yaml" : (folder as NSString).appendingPathComponent("pipeline.yaml")
    guard !FileManager.default.fileExists(atPath: file) else {
      throw Complaint.fail(
        Diagnostics([
          .error(
            "AX0316", "'\(file)' is there already", cause: "a pipeline file is never overwritten",
            hint: "name another folder: admix init NAME")
        ]), .usage, json: json)
    }
    var written: [String] = []
    do {
      if !folder.isEmpty { try OutputFile.makeFolder(folder) }
      try OutputFile.write(Self.pipeline, to: file)
      written.append(file)
      let ignore = Self.beside(file, ".gitignore")
      if !FileManager.default.fileExists(atPath: ignore) {
        try OutputFile.write(".admix/\nout/\n", to: ignore)
        written.append(ignore)
      }
    } catch {
      throw Complaint.fail(Diagnostics([error]), .stageFailed, json: json)
    }
    if json {
      Terminal.out(
        JSONValue.object(["written": .array(written.map { .string($0) })]).pretty + "\n")
    } else {
      let target = file == "pipeline.yaml" ? "" : " \(file)"
      Terminal.out(
        written.map { "wrote \($0)\n" }.joined() + "next: admix run\(target)\n")
    }
  }

  private static func beside(_ file: String, _ name: String) -> String {
    let folder = (file as NSString).deletingLastPathComponent
    return folder.isEmpty ? name : folder + "/" + name
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
