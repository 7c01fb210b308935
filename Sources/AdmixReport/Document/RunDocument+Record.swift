package import AdmixEngine
package import AdmixModel
import Foundation

extension RunDocument {
  /// The document of a recorded run.
  ///
  /// - Parameter report: reads a check report; nil where its bytes are gone.
  package init(
    _ record: RunRecord, version: String, report: (Artifact) -> CheckReport?
  ) {
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withInternetDateTime]
    self.init(
      pipeline: record.pipeline, description: record.description,
      run: String(record.run.prefix(8)),
      started: formatter.string(from: Date(timeIntervalSince1970: record.started)),
      seconds: record.seconds, status: record.status.rawValue, seed: record.seed, version: version,
      stages: record.stages.map { stage in
        RunDocument.Stage(
          name: stage.name, kind: stage.kind, status: stage.status.rawValue, why: stage.why,
          seconds: stage.seconds,
          inputs: stage.inputs.map { .init(role: $0.role, stage: $0.stage, output: $0.output) }
            + stage.after.map { .init(role: "after", stage: $0, output: nil) },
          outputs: stage.outputs.compactMap { name in
            stage.artifacts[name].map {
              .init(name: name, kind: $0.kind, digest: $0.digest, bytes: $0.bytes, rows: $0.rows)
            }
          },
          sources: stage.sources.map { .init(name: $0.name, digest: $0.digest) },
          gates: stage.gates, warnings: stage.warnings + stage.failure,
          report: stage.artifacts["report"].flatMap(report), files: stage.files,
          fromCache: stage.fromCache, determinism: stage.determinism)
      })
  }
}
