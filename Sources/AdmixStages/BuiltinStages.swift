package import AdmixEngine

/// The stage kinds that come with admix, one line each.
package let builtinStages = StageRegistry([
  Ingest.self,
  Generate.self,
  Mix.self,
])
