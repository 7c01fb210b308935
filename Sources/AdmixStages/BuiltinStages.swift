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
  Validate.self,
  Export.self,
  Command.self,
])

extension StageRegistry {
  /// The same with generators that are plugins.
  package func adding(_ catalog: PluginCatalog) -> StageRegistry {
    if catalog.plugins.isEmpty { return self }
    var description = Generate.description
    for (index, field) in description.fields.enumerated() where field.name == "with" {
      description.fields[index].type = .variant(BuiltinGenerators.variants + catalog.variants)
    }
    return replacing(
      Entry(description) { options, report in
        let chosen = options["with"]
        let name = chosen?.members.first?.key ?? chosen?.text ?? ""
        guard let plugin = catalog[name] else { return Generate(options, report: &report) }
        switch plugin.manifest {
        case .success(let manifest):
          return PluginGenerate(
            options, plugin, manifest, environments: catalog.environments, report: &report)
        case .failure(let problems):
          report.append(
            .error(
              "AX0880", at: chosen?.members.first?.keySpan ?? chosen?.span ?? options.span,
              "the plugin '\(name)' cannot be used",
              cause: "its '\(plugin.folder)/plugin.yaml' has something wrong"))
          report.append(contentsOf: problems)
          var ignored = Diagnostics()
          return Generate(options.choosingDefault, report: &ignored)
        }
      })
  }
}

extension OptionValues {
  /// A stage that stands in for one whose plugin cannot be read; what is wrong has been reported.
  fileprivate var choosingDefault: OptionValues {
    OptionValues(Node(.map(node.members.filter { $0.key != "with" }), at: node.span))
  }
}
