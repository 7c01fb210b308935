package import AdmixEngine

/// The stage kinds that come with admix, one line each.
package let builtinStages = StageRegistry([
  Ingest.self,
  Transform.self,
  Generate.self,
  Mix.self,
  Split.self,
  Fairness.self,
  Validate.self,
  Export.self,
  Command.self,
])
