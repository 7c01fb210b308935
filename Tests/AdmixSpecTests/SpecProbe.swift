import AdmixModel
import AdmixSpec

/// What must hold for any bytes given as a pipeline; shared by the tests and the fuzz target.
enum SpecProbe {
  /// - Returns: what does not hold, or nothing.
  static func complaint(about bytes: [UInt8]) -> String? {
    for kinds in [Kinds.toys, Kinds.real] {
      let compiler = SpecCompiler(kinds: kinds)
      let files = SpecFiles.memory(["p": bytes, "more.yaml": Array("stages: {}".utf8)])
      let options = SpecCompiler.Options(environment: ["WORD": "hush-hush"])
      do throws(Diagnostics) {
        let spec = try compiler.compile(file: "p", options: options, files: files)
        if let text = complaint(about: spec, kinds) { return text }
      } catch {
        if !error.hasErrors { return "refused without an error" }
        if error.items.contains(where: { $0.span == nil }) { return "a problem has no place" }
        let text = DiagnosticRenderer(limit: .max) { files.line($0, $1) }.render(error)
        if text.contains("hush-hush") { return "a message shows a secret" }
      }
    }
    // The same bytes as a value on the command line and as a stream of any YAML.
    let text = String(decoding: bytes.prefix(2_000), as: UTF8.self)
    let options = SpecCompiler.Options(set: ["x=\(text)", text])
    _ = try? SpecCompiler(kinds: Kinds.toys).compile(
      text: "admix: 1\nname: n\nparams: {x: 1}\nstages: {a: {source: {label: '${params.x}'}}}",
      options: options)
    _ = try? YAMLReader.documents(bytes)
    return nil
  }

  private static func complaint(about spec: PipelineSpec, _ kinds: [KindDescription]) -> String? {
    let names = Set(spec.stages.map(\.name))
    if names.count != spec.stages.count { return "two stages have one name" }
    for stage in spec.stages {
      if !stage.edges.allSatisfy({ names.contains($0.stage) }) { return "an edge leads nowhere" }
      guard let kind = kinds.first(where: { $0.name == stage.kind }) else { return "no kind" }
      let components = stage.fingerprintParameters(kind: kind)
      if Set(components.map(\.name)).count != components.count { return "two leaves have one path" }
      if components.contains(where: { $0.value.contains("hush-hush") }) {
        return "a secret is kept"
      }
    }
    if JSONValue.object(spec.params).text.contains("hush-hush") { return "a param is secret" }
    return nil
  }
}
