import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// `admix lineage` and its standard forms, with the built binary on a real pipeline.
struct LineageTests {
  private static let repository = testsFolder.deletingLastPathComponent()

  private func admissions(_ change: (String) -> String = { $0 }) throws -> Product {
    let product = try Product()
    let folder = Self.repository.appendingPathComponent("pipelines/admissions")
    for name in ["pipeline.yaml", "admissions.csv"] {
      let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      try product.write(name == "pipeline.yaml" ? change(text) : text, to: name)
    }
    return product
  }

  private func digest(_ product: Product, _ stage: String, _ output: String) throws -> String {
    let lineage = try JSONValue(parsing: product.admix("lineage", "--json").out)
    let found = lineage["stages"]?.array?.first { $0["name"]?.string == stage }
    return try #require(
      found?["outputs"]?.array?.first { $0["name"]?.string == output }?["digest"]?.string)
  }

  /// Columns from which values come, `stage.output.column` and the file's.
  private func columns(_ answer: JSONValue, direct: Bool = true) -> Set<String> {
    let tree = answer["answers"]?.array?.first
    let nodes = tree?["nodes"]?.array ?? []
    let reached = (tree?["edges"]?.array ?? []).filter {
      ($0["type"]?.string == "DIRECT") == direct
    }.flatMap { [$0["from"]?.int ?? 0, $0["to"]?.int ?? 0] }
    return Set(
      reached.map { position in
        let node = nodes[position]
        return [node["stage"], node["output"], node["column"]].compactMap { $0?.string }
          .joined(separator: ".")
      })
  }

  @Test func answersFromEitherEndAndForWhatIsNoMore() throws {
    let product = try admissions()
    // Before anything ran the stages are known and the columns of files are not.
    #expect(try product.admix("lineage", ".", "blend").code == 0)
    #expect(try product.admix("lineage", ".", "blend.gender").code == 2)
    #expect(!product.exists(".admix"))
    #expect(try product.admix("run", "--quiet").code == 0)

    let up = try JSONValue(
      parsing: product.admix("lineage", ".", "publish.gender", "--json").out)
    #expect(
      columns(up) == [
        "publish.file.gender", "blend.data.gender", "parts.train.gender", "synthetic.data.gender",
        "applicants.data.gender", "counts.data.gender", "counts.gender",
      ])
    let down = try JSONValue(
      parsing: product.admix("lineage", ".", "counts.applicants", "--down", "--json").out)
    // The column is used up by 'uncount': no value comes from it, but all rows are there by it.
    #expect(columns(down).isEmpty)
    #expect(columns(down, direct: false) == ["counts.data.applicants", "applicants.data"])
    let far = try JSONValue(
      parsing: product.admix(
        "lineage", ".", "counts.applicants", "--down", "--indirect", "--json"
      ).out)
    #expect(columns(far, direct: false).union(columns(far)).contains("publish.file.gender"))

    // A digest that another plan has now: one row more.
    let old = try digest(product, "synthetic", "data")
    let source = try digest(product, "counts", "data")
    let file = try product.read("admissions.csv")
    try product.write(file + "F,Male,yes,1\n", to: "admissions.csv")
    #expect(try product.admix("run", "--quiet").code == 0)
    #expect(try digest(product, "synthetic", "data") != old)
    let then = try product.admix("lineage", ".", String(old.prefix(10)))
    #expect(then.out.contains("not part of the present plan"), "\(then.out)")
    #expect(then.out.contains("counts (ingest, 24 rows)  \(source.prefix(12))"), "\(then.out)")
    #expect(then.out.contains("file: admissions.csv"), "\(then.out)")
    let users = try product.admix("lineage", ".", source, "--down", "--json")
    let used = try JSONValue(parsing: users.out)["answers"]?.array?.first?["nodes"]?.array ?? []
    #expect(used.contains { $0["digest"]?.string == old })

    // Of a run with other options the stages are told, and of its columns what still holds.
    let text = try product.read("pipeline.yaml")
    try product.write(
      text.replacingOccurrences(of: "- uncount: applicants", with: "- filter: applicants > 9"),
      to: "other.yaml")
    let newest = try JSONValue(parsing: product.admix("runs", "--json").out)["runs"]?.array?.first
    let run = String(try #require(newest?["run"]?.string).prefix(8))
    let recorded = try product.admix("lineage", "other.yaml", "blend.gender", "--run", run)
    #expect(recorded.out.contains("not known: its options were others"), "\(recorded.out)")
    let beyond = try product.admix(
      "lineage", "other.yaml", "counts.gender", "--down", "--indirect", "--run", run)
    #expect(beyond.out.contains("publish.file.gender"), "\(beyond.out)")

    // An export is known by its path, and a copy of it by its bytes.
    try FileManager.default.copyItem(
      atPath: product.folder.path + "/out/admissions.parquet",
      toPath: product.folder.path + "/copy.bin")
    for path in ["out/admissions.parquet", "copy.bin"] {
      let answer = try product.admix("lineage", "pipeline.yaml", path)
      #expect(answer.out.contains("made by publish.file of admissions"), "\(answer.out)")
    }
    for format in ["dot", "mermaid"] {
      for what in ["blend", "blend.gender", old, "admissions.csv"] {
        let answer = try product.admix("lineage", ".", what, "--format", format, "--up", "--down")
        #expect(
          answer.code == 0 && answer.out.hasPrefix(format == "dot" ? "digraph" : "flowchart"),
          "\(format) \(what): \(answer.err)")
      }
    }
  }

  // MARK: OpenLineage

  /// What the published schemas ask for: OpenLineage.json 2-0-2 and the facets' own.
  private static let facets: [String: (schema: String, required: [String])] = [
    "parent": ("1-2-0/ParentRunFacet", ["run", "job"]),
    "errorMessage": ("1-0-1/ErrorMessageRunFacet", ["message", "programmingLanguage"]),
    "processing_engine": ("1-1-1/ProcessingEngineRunFacet", ["version"]),
    "jobType": ("2-0-4/JobTypeJobFacet", ["processingType", "integration"]),
    "documentation": ("1-1-0/DocumentationJobFacet", ["description"]),
    "schema": ("1-2-0/SchemaDatasetFacet", ["fields"]),
    "version": ("1-0-1/DatasetVersionDatasetFacet", ["datasetVersion"]),
    "columnLineage": ("1-2-0/ColumnLineageDatasetFacet", ["fields"]),
    "dataQualityMetrics": ("DataQualityMetrics", ["columnMetrics"]),
    "dataQualityAssertions": ("1-1-0/DataQualityAssertionsDatasetFacet", ["assertions"]),
    "outputStatistics": ("1-0-2/OutputStatisticsOutputDatasetFacet", []),
    "admix_reuse": ("2-0-2/OpenLineage.json#/$defs/RunFacet", ["reused"]),
  ]

  private func faults(_ event: JSONValue) -> [String] {
    var faults: [String] = []
    func check(_ holds: Bool, _ what: String) { if !holds { faults.append(what) } }
    func isURI(_ value: JSONValue?) -> Bool {
      value?.string.flatMap { URL(string: $0)?.scheme } != nil
    }
    func facets(_ value: JSONValue?) {
      for (name, facet) in value?.object ?? [:] {
        guard let rule = Self.facets[name] else {
          faults.append("an unknown facet \(name)")
          continue
        }
        check(isURI(facet["_producer"]), "\(name): _producer")
        check(
          facet["_schemaURL"]?.string?.hasPrefix("https://openlineage.io/spec/") == true
            && facet["_schemaURL"]?.string?.contains(rule.schema) == true, "\(name): _schemaURL")
        for key in rule.required { check(facet[key] != nil, "\(name): \(key)") }
      }
      for field in value?["columnLineage"]?["fields"]?.object?.values.map({ $0 }) ?? [] {
        check(field["inputFields"]?.array != nil, "inputFields")
        uses(field["inputFields"]?.array ?? [])
      }
      uses(value?["columnLineage"]?["dataset"]?.array ?? [])
      for item in value?["dataQualityAssertions"]?["assertions"]?.array ?? [] {
        check(item["assertion"]?.string != nil && item["success"]?.bool != nil, "assertion")
      }
      for field in value?["schema"]?["fields"]?.array ?? [] {
        check(field["name"]?.string != nil, "schema field")
      }
    }
    func uses(_ fields: [JSONValue]) {
      for field in fields {
        for key in ["namespace", "name", "field"] { check(field[key]?.string != nil, "use \(key)") }
        for way in field["transformations"]?.array ?? [] {
          let direct = ["IDENTITY", "TRANSFORMATION", "AGGREGATION"]
          let indirect = ["JOIN", "GROUP_BY", "FILTER", "SORT", "WINDOW", "CONDITIONAL"]
          let known = way["type"]?.string == "DIRECT" ? direct : indirect
          check(known.contains(way["subtype"]?.string ?? ""), "subtype of \(way.text)")
          check(way["masking"]?.bool != nil, "masking")
        }
      }
    }
    let time = event["eventTime"]?.string ?? ""
    check(
      time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "eventTime \(time)")
    check(isURI(event["producer"]), "producer")
    check(
      event["schemaURL"]?.string
        == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent", "schemaURL")
    check(
      ["START", "COMPLETE", "FAIL", "ABORT"].contains(event["eventType"]?.string ?? ""), "eventType"
    )
    check(UUID(uuidString: event["run"]?["runId"]?.string ?? "") != nil, "runId")
    for key in ["namespace", "name"] { check(event["job"]?[key]?.string != nil, "job \(key)") }
    facets(event["run"]?["facets"])
    facets(event["job"]?["facets"])
    for (kind, own) in [("inputs", "inputFacets"), ("outputs", "outputFacets")] {
      for dataset in event[kind]?.array ?? [] {
        for key in ["namespace", "name"] { check(dataset[key]?.string != nil, "\(kind) \(key)") }
        facets(dataset["facets"])
        facets(dataset[own])
      }
    }
    return faults
  }

  private func events(_ product: Product, _ arguments: String...) throws -> [JSONValue] {
    let line = (["lineage", "--format", "openlineage"] + arguments).joined(separator: " ")
    let answer = try product.shell("admix " + line)
    #expect(answer.code == 0, "\(answer.err)")
    for hidden in [product.folder.path, NSUserName(), ProcessInfo.processInfo.hostName]
    where hidden.count > 4 {
      #expect(!answer.out.contains(hidden), "it names \(hidden)")
    }
    return try answer.out.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
  }

  /// `job EVENT` in the order of the file.
  private func words(_ events: [JSONValue]) -> [String] {
    events.map { "\($0["job"]?["name"]?.string ?? "") \($0["eventType"]?.string ?? "")" }
  }

  @Test func eventsKeepThePublishedRules() throws {
    let product = try admissions()
    #expect(try product.admix("run", "--quiet").code == 0)
    let all = try events(product)
    for event in all { #expect(faults(event).isEmpty, "\(faults(event)) in \(event.text)") }
    let told = words(all)
    #expect(told.count == 18 && Set(told).count == 18)
    #expect(told.first == "admissions START" && told.last == "admissions COMPLETE")
    // Every run begins once and ends once, in this order, and each stage belongs to the run.
    let runs = Dictionary(grouping: all) { $0["run"]?["runId"]?.string ?? "" }
    #expect(runs.count == 9)
    for (_, pair) in runs {
      #expect(pair.map { $0["eventType"]?.string } == ["START", "COMPLETE"])
    }
    let whole = all.first?["run"]?["runId"]?.string
    #expect(
      all.dropFirst().dropLast().allSatisfy {
        $0["run"]?["facets"]?["parent"]?["run"]?["runId"]?.string == whole
      })

    func event(_ stage: String) -> JSONValue? {
      all.first {
        $0["job"]?["name"]?.string == "admissions.\(stage)"
          && $0["eventType"]?.string == "COMPLETE"
      }
    }
    let blend = event("blend")?["outputs"]?.array?.first?["facets"]?["columnLineage"]
    let gender = blend?["fields"]?["gender"]?["inputFields"]?.array ?? []
    #expect(
      Set(gender.compactMap { $0["name"]?.string }) == [
        "admissions.parts.train", "admissions.synthetic.data",
      ])
    let counted = event("counts")?["outputs"]?.array?.first?["facets"]?["dataQualityMetrics"]
    #expect(counted?["columnMetrics"]?["applicants"]?["count"]?.int == 24)
    let checked = event("quality")?["inputs"]?.array?.first?["inputFacets"]
    let rules = checked?["dataQualityAssertions"]?["assertions"]?.array ?? []
    // A gate and two expectations that hold.
    #expect(rules.count == 3 && rules.allSatisfy { $0["success"]?.bool == true })
    #expect(Set(rules.compactMap { $0["column"]?.string }) == ["department", "admitted"])
    let written = event("publish")?["outputs"]?.array?.compactMap { $0["name"]?.string } ?? []
    #expect(written.contains("out/admissions.parquet"))
    #expect(
      event("applicants")?["job"]?["facets"]?["documentation"]?["description"]?.string
        == "One row for each applicant, from the published counts.")

    // A run that found most of it, and one that failed.
    let text = try product.read("pipeline.yaml")
    try product.write(
      text.replacingOccurrences(of: "card: true", with: "card: false"), to: "pipeline.yaml")
    #expect(try product.admix("run", "--quiet").code == 0)
    let second = try events(product)
    #expect(
      second.filter { $0["run"]?["facets"]?["admix_reuse"] != nil }.count == 7
        && second.allSatisfy { faults($0).isEmpty })
    try product.write(
      text.replacingOccurrences(
        of: "steps:\n        - uncount: applicants",
        with: "steps:\n        - cast: {department: int}"), to: "pipeline.yaml")
    #expect(try product.admix("run", "--quiet").code == 1)
    let failed = try events(product)
    #expect(failed.allSatisfy { faults($0).isEmpty })
    #expect(
      words(failed) == [
        "admissions START", "admissions.counts START", "admissions.counts COMPLETE",
        "admissions.applicants START", "admissions.applicants FAIL", "admissions FAIL",
      ])
    let message = failed[4]["run"]?["facets"]?["errorMessage"]?["message"]?.string ?? ""
    #expect(message.contains("[AX05"), "\(message)")
    // Each run can still be told, by its name.
    let first = try events(product, "--run", String(whole?.prefix(8) ?? ""))
    #expect(first.count == 18 && first.first?["run"]?["runId"]?.string == whole)
    #expect(try product.admix("lineage", "--format", "openlineage", "--run", "zz").code == 2)
  }

  // MARK: PROV

  @Test func provenanceIsOneClosedDocument() throws {
    let product = try admissions()
    #expect(try product.admix("run", "--quiet").code == 0)
    let answer = try product.admix("lineage", "--format", "prov")
    #expect(!answer.out.contains(product.folder.path))
    let document = try JSONValue(parsing: answer.out)
    func names(_ kind: String) -> Set<String> { Set(document[kind]?.object?.keys.map { $0 } ?? []) }
    let (entities, activities) = (names("entity"), names("activity"))
    #expect(activities.count == 8 && names("agent").count == 1)
    // Six tables, a model, a profile, rejects, two reports, an export; its source and three files written.
    #expect(entities.count == 16, "\(entities.count)")
    let relations: [(kind: String, ends: [(key: String, among: Set<String>)])] = [
      ("used", [("prov:activity", activities), ("prov:entity", entities)]),
      ("wasGeneratedBy", [("prov:activity", activities), ("prov:entity", entities)]),
      ("wasDerivedFrom", [("prov:generatedEntity", entities), ("prov:usedEntity", entities)]),
      ("wasAssociatedWith", [("prov:activity", activities), ("prov:agent", names("agent"))]),
      ("wasInformedBy", [("prov:informed", activities), ("prov:informant", activities)]),
    ]
    for relation in relations {
      let all = document[relation.kind]?.object ?? [:]
      #expect(!all.isEmpty, "\(relation.kind)")
      for (name, members) in all {
        #expect(name.hasPrefix("_:"))
        for end in relation.ends {
          #expect(end.among.contains(members[end.key]?.string ?? ""), "\(relation.kind) \(end.key)")
        }
      }
    }
    // PROV-CONSTRAINTS, unique-generation: what was made was made once.
    let made = (document["wasGeneratedBy"]?.object ?? [:]).values.compactMap {
      $0["prov:entity"]?.string
    }
    #expect(Set(made).count == made.count)
    let prefixes = Set(document["prefix"]?.object?.keys.map { $0 } ?? []).union(["prov", "_"])
    for name in entities.union(activities) {
      #expect(prefixes.contains(name.components(separatedBy: ":")[0]), "\(name)")
    }
  }

  // MARK: Attestations

  @Test func attestationsHoldAndNoticeEveryChange() throws {
    func pipeline(_ text: String) -> String {
      text.replacingOccurrences(
        of: "card: true", with: "card: true\n      attestation: true"
      ).replacingOccurrences(
        of: "- uncount: applicants",
        with:
          "- uncount: applicants\n        - derive: {dean: department}\n        - pseudonymise: {columns: [dean], key: \"${env.KEY}\"}"
      )
    }
    let key = "correct horse battery staple"
    let product = try admissions(pipeline)
    let other = try admissions(pipeline)
    let path = "out/admissions.parquet.intoto.json"
    // Where the source lies is no difference.
    try other.write(
      other.read("pipeline.yaml").replacingOccurrences(
        of: "from: admissions.csv", with: "from: \(other.folder.path)/admissions.csv"),
      to: "pipeline.yaml")
    for one in [product, other] {
      let run = try one.admix(
        "run", "--quiet", "--jobs", one === product ? "1" : "3", environment: ["KEY": key])
      #expect(run.code == 0, "\(run.err)")
    }
    // The same inputs, the same bytes, wherever and whenever; and nothing secret.
    let text = try product.read(path)
    #expect(try text == other.read(path))
    #expect(!text.contains(key) && !text.contains(Digest(of: "\"\(key)\"").hex))
    #expect(!text.contains(Digest(of: key).hex) && !text.contains(product.folder.path))
    for format in ["openlineage", "prov"] {
      let told = try other.admix(
        "lineage", "--format", format, environment: ["KEY": key])
      #expect(told.out.contains("admissions.csv") && !told.out.contains(other.folder.path))
    }

    func verify(_ file: String, _ more: String = "") throws -> (Int32, String) {
      let answer = try product.shell(
        "export KEY='\(key)'; admix verify . --attestation \(file) \(more)")
      return (answer.code, answer.out + answer.err)
    }
    let good = try verify(path)
    #expect(good.0 == 0 && good.1.contains("'publish' of admissions"), "\(good)")

    // Any other byte of the statement, and any of the file, is noticed.
    let changes: [(old: String, new: String, code: String)] = [
      ("admissions.csv\"\n        }", "census.csv\"\n        }", "AX0974"),
      ("\"rows\": 4000", "\"rows\": 4001", "AX0975"),
      ("\"gaussian-copula\": \"2\"", "\"gaussian-copula\": \"3\"", "AX0975"),
      ("\"pipeline\": \"admissions\"", "\"pipeline\": \"others\"", "AX0975"),
      ("urn:admix:builder\"", "urn:somebody\"", "AX0975"),
      ("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v9", "AX0970"),
      ("\"name\": \"admissions.parquet\"", "\"name\": \"../pipeline.yaml\"", "AX0970"),
      ("\"name\": \"admissions.parquet\"", "\"name\": \"gone.parquet\"", "AX0971"),
      ("\"subject\": [", "\"subject\": [{},", "AX0970"),
    ]
    for change in changes {
      let changed = text.replacingOccurrences(of: change.old, with: change.new)
      #expect(changed != text, "\(change.old) is not there")
      try product.write(changed, to: "out/changed.intoto.json")
      let found = try verify("out/changed.intoto.json")
      #expect(found.1.contains("[\(change.code)]"), "\(change): \(found)")
      #expect(found.0 == (change.code == "AX0970" ? 2 : change.code == "AX0971" ? 7 : 6))
    }
    #expect(try verify(path, "--store elsewhere").1.contains("[AX0973]"))
    #expect(try product.shell("printf x >> out/admissions.parquet").code == 0)
    let spoiled = try verify(path, "--json")
    #expect(spoiled.0 == 6 && spoiled.1.contains("AX0972"))
    // Nothing but the file is at fault: a run puts it back.
    #expect(try product.admix("run", "--quiet", environment: ["KEY": key]).code == 0)
    #expect(try verify(path).0 == 0)
  }
}
