package import AdmixEngine
package import AdmixModel

/// One run as people are told about it: everything a report says, and nothing it would have to look
/// up.
///
/// Text, HTML and JSON are made from this value alone.
package struct RunDocument: Hashable, Sendable, Codable {
  package var pipeline: String
  package var description: String?
  package var run: String
  /// ISO 8601, UTC.
  package var started: String
  package var seconds: Double
  /// `succeeded`, `failed`, `gated`, `interrupted`.
  package var status: String
  package var seed: UInt64
  package var version: String
  /// In an order in which every stage comes after its inputs.
  package var stages: [Stage]

  package struct Stage: Hashable, Sendable, Codable {
    package var name: String
    package var kind: String
    /// `executed`, `cached`, `failed`, `skipped`, `gated`.
    package var status: String
    package var why: [Change]
    package var seconds: Double
    package var inputs: [Input]
    package var outputs: [Output]
    package var sources: [Source]
    package var gates: [GateResult]
    package var warnings: [Diagnostic]
    package var report: CheckReport?
    /// Paths of files that were put beside the project.
    package var files: [String]
    /// What came from the shared cache; nil where nothing did.
    package var fromCache: FromCache?
    /// What doing its tasks twice has shown; nil where nobody checked.
    package var determinism: Determinism?

    package init(
      name: String, kind: String, status: String, why: [Change] = [], seconds: Double = 0,
      inputs: [Input] = [], outputs: [Output] = [], sources: [Source] = [],
      gates: [GateResult] = [], warnings: [Diagnostic] = [], report: CheckReport? = nil,
      files: [String] = [], fromCache: FromCache? = nil, determinism: Determinism? = nil
    ) {
      self.name = name
      self.kind = kind
      self.status = status
      self.why = why
      self.seconds = seconds
      self.inputs = inputs
      self.outputs = outputs
      self.sources = sources
      self.gates = gates
      self.warnings = warnings
      self.report = report
      self.files = files
      self.fromCache = fromCache
      self.determinism = determinism
    }

    /// How many rows the primary dataset has.
    package var rows: Int? { outputs.lazy.compactMap(\.rows).first }
  }

  package struct Input: Hashable, Sendable, Codable {
    package var role: String
    package var stage: String
    package var output: String?

    package init(role: String, stage: String, output: String?) {
      self.role = role
      self.stage = stage
      self.output = output
    }
  }

  package struct Output: Hashable, Sendable, Codable {
    package var name: String
    package var kind: Artifact.Kind
    package var digest: Digest
    package var bytes: Int
    package var rows: Int?

    package init(name: String, kind: Artifact.Kind, digest: Digest, bytes: Int, rows: Int?) {
      self.name = name
      self.kind = kind
      self.digest = digest
      self.bytes = bytes
      self.rows = rows
    }
  }

  package struct Source: Hashable, Sendable, Codable {
    package var name: String
    package var digest: Digest

    package init(name: String, digest: Digest) {
      self.name = name
      self.digest = digest
    }
  }

  package init(
    pipeline: String, description: String?, run: String, started: String, seconds: Double,
    status: String, seed: UInt64, version: String, stages: [Stage]
  ) {
    self.pipeline = pipeline
    self.description = description
    self.run = run
    self.started = started
    self.seconds = seconds
    self.status = status
    self.seed = seed
    self.version = version
    self.stages = stages
  }
}
