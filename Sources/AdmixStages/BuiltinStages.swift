package import AdmixEngine
package import AdmixGenerators
import AdmixModel
import AdmixSpec

/// The stage kinds that come with admix, one line each.
package let builtinStages = StageRegistry([
  Ingest.self,
  Transform.self,
  Generate.self,
  Mix.self,
  Split.self,
  Fairness.self,
  Mitigate.self,
  Validate.self,
  Export.self,
  Command.self,
])

extension StageRegistry {
  /// The same with generators and transforms that are plugins.
  package func adding(_ catalog: PluginCatalog) -> StageRegistry {
    if catalog.plugins.isEmpty { return self }
    let generate = Self.entry(
      Generate.self, BuiltinGenerators.variants, .generator, catalog
    ) { options, plugin, manifest, report in
      PluginGenerate(
        options, plugin, manifest, environments: catalog.environments, report: &report)
    }
    let transform = Self.entry(Transform.self, [], .transform, catalog) {
      options, plugin, manifest, report in
      PluginTransform(
        options, plugin, manifest, environments: catalog.environments, report: &report)
    }
    return replacing(generate).replacing(transform)
  }

  private typealias Make =
    @Sendable (OptionValues, Plugin, PluginManifest, inout Diagnostics) ->
    any ConfiguredStage

  /// A kind whose `with` may name a plugin, which then makes the stage.
  ///
  /// - Parameter variants: what `with` may name beside plugins.
  private static func entry(
    _ kind: any StageKind.Type, _ variants: [Variant], _ use: PluginManifest.Kind,
    _ catalog: PluginCatalog, make: @escaping Make
  ) -> Entry {
    var description = kind.description
    let variants = variants + catalog.variants(use)
    for (index, field) in description.fields.enumerated()
    where field.name == "with" && !variants.isEmpty {
      description.fields[index].type = .variant(variants)
    }
    return Entry(description) { options, report in
      let chosen = options["with"]
      let name = chosen?.members.first?.key ?? chosen?.text ?? ""
      guard let plugin = catalog[name] else { return kind.init(options, report: &report) }
      switch plugin.manifest {
      case .success(let manifest) where manifest.kinds.contains(use):
        return make(options, plugin, manifest, &report)
      case .success: return kind.init(options, report: &report)
      case .failure(let problems):
        report.append(
          .error(
            "AX0880", at: chosen?.members.first?.keySpan ?? chosen?.span ?? options.span,
            "the plugin '\(name)' cannot be used",
            cause: "its '\(plugin.folder)/plugin.yaml' has something wrong"))
        report.append(contentsOf: problems)
        var ignored = Diagnostics()
        return kind.init(options.choosingDefault, report: &ignored)
      }
    }
  }
}

extension OptionValues {
  /// A stage that stands in for one whose plugin cannot be read; what is wrong has been reported.
  fileprivate var choosingDefault: OptionValues {
    OptionValues(Node(.map(node.members.filter { $0.key != "with" }), at: node.span))
  }
}
