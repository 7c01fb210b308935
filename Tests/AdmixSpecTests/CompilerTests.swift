import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// What a pipeline file comes to.
struct CompilerTests {
  static func design() throws -> String {
    try String(
      contentsOf: testsFolder.appendingPathComponent("Golden/spec/design.yaml"), encoding: .utf8)
  }

  /// A pipeline as text, for golden files and comparisons.
  static func describe(_ spec: PipelineSpec) -> String {
    var text =
      "name: \(spec.name)\nseed: \(spec.seed)\nparams: \(JSONValue.object(spec.params).text)\n"
    text += "files: \(spec.files.joined(separator: " "))\nenvironment: \(spec.environment)\n"
    for stage in spec.stages {
      text += "\n\(stage.name) (\(stage.kind))\n  \(stage.options.node.json.text)\n"
      for edge in stage.edges {
        text +=
          "  \(edge.role): \(edge.kind.rawValue) \(edge.stage)\(edge.output.map { " / \($0)" } ?? "")\n"
      }
    }
    return text
  }

  private static func compile(
    _ text: String, _ files: [String: String] = [:], _ options: SpecCompiler.Options = .init(),
    kinds: [KindDescription] = Kinds.toys
  ) -> String {
    do throws(Diagnostics) {
      return describe(
        try Kinds.compiler(kinds).compile(text: text, including: files, options: options))
    } catch {
      return DiagnosticRenderer().render(error)
    }
  }

  @Test func compilesTheExampleOfTheDesign() throws {
    expectGolden(Self.compile(try Self.design(), kinds: Kinds.real), "spec/design.txt")
  }

  private static func stages(_ text: String) -> String { "admix: 1\nname: demo\n" + text }

  @Test func composesIncludesParamsDefaultsAndMatrix() {
    let main = Self.stages(
      """
      include: [parts/more.yaml, parts/also.yaml]
      params: {rows: 4, model: {depth: 1, width: 2}, text: "x-${params.rows}", list: [1, 2]}
      defaults:
        source: {rows: 7}
        join: {how: zip}
      stages:
        a: {source: , description: first, seed: "${params.rows}"}
        b: {source: {rows: 1}}
        c: {source: {rows: "${params.model.depth}", label: "${params.text} $${no} ${params.model.width}"}}
        all: {join: {from: [a, b, more, c.rows]}}
        t: {types: {list: "${params.list}", text: 0.10, one: x, variant: plain, ordered: {b: 1, a: 2}, object: {x: 2.0}}}
      """)
    let more =
      "include: ../parts/also.yaml\nparams: {extra: 3}\nstages: {more: {source: {rows: '${params.extra}'}}}"
    let also = "stages: {also: {join: {from: more}}}"
    let files = [
      "parts/more.yaml": more, "parts/also.yaml": also, "p.yaml": "rows: 5\nmodel: {depth: 9}",
    ]
    expectGolden(Self.compile(main, files), "spec/composed.txt")
    let options = SpecCompiler.Options(
      set: ["model.width=${params.rows}", "list=[]"], paramsFiles: ["p.yaml"])
    expectGolden(Self.compile(main, files, options), "spec/composed-set.txt")
  }

  @Test func runsStagesOutOverTheirMatrixWithAllThatReadFromThem() {
    let text = Self.stages(
      """
      params: {sizes: [1, 2]}
      stages:
        blend:
          matrix: {ratio: [0.1, 0.30], size: "${params.sizes}"}
          source: {rows: "${matrix.size}", label: "at ${matrix.ratio}"}
        plain: {source: {}}
        both: {join: {from: [blend, plain], named: {one: {from: blend.rows, share: "${matrix.ratio}"}}}}
        seeded:
          matrix: {seed: [7, 8]}
          join: {from: "both[ratio=0.1, size=2]"}
        out: {sink: {from: seeded, to: "out-${matrix.seed}.csv", after: blend}}
        half: {join: {from: "both[size=1]"}}
        waits: {source: {after: [seeded, "both[size=1]"]}}
      """)
    expectGolden(Self.compile(text), "spec/matrix.txt")
  }

  @Test func keepsValuesOfTheEnvironmentOutOfSight() throws {
    let text = Self.stages(
      """
      params: {word: "${env.WORD}", rows: "${env.ROWS}", plain: 1, nested: {deep: ["${params.word}!"]}}
      stages:
        a: {source: {rows: "${params.rows}", label: "by ${params.word}"}}
      """)
    let options = SpecCompiler.Options(environment: [
      "WORD": "hush-hush", "ROWS": "12", "OTHER": "x",
    ])
    let spec = try Kinds.compiler().compile(text: text, options: options)
    #expect(spec.params == ["plain": 1])
    #expect(spec.environment == ["ROWS", "WORD"])
    let stage = try #require(spec.stages.first)
    #expect(stage.options["rows"]?.int == 12)
    #expect(stage.options["label"]?.text == "by hush-hush")
    #expect(stage.options["label"]?.isSecret == true)
    let components = stage.fingerprintParameters(kind: Kinds.toys[0])
    #expect(!components.contains { $0.value.contains("hush") || $0.value == "12" })
    let other = SpecCompiler.Options(environment: ["WORD": "other", "ROWS": "12"])
    let changed = try Kinds.compiler().compile(text: text, options: other).stages[0]
      .fingerprintParameters(kind: Kinds.toys[0])
    #expect(Fingerprint(changed).changes(since: Fingerprint(components)).map(\.name) == ["label"])

    // Nor do messages show them.
    for option in [
      "int", "number", "choice", "digest", "bool", "variant", "either", "list", "map", "object",
      "ordered", "count",
    ] {
      let message = Self.compile(
        Self.stages("stages: {a: {types: {\(option): '${env.WORD}'}}}"), [:], options)
      #expect(!message.contains("hush"), "\(message)")
    }
    for stage in [
      "join: {from: '${env.WORD}'}", "source: {after: ['x-${env.WORD}']}",
      "source: {rows: '${env.WORD + 1}'}",
    ] {
      let message = Self.compile(Self.stages("stages: {a: {\(stage)}}"), [:], options)
      #expect(message.contains("error") && !message.contains("hush"), "\(message)")
    }
  }

  @Test func acceptsAndNormalisesEveryType() throws {
    let cases: [(String, String)] = [
      ("bool: TRUE", "true"), ("int: -5", "-5"), ("int: 0x3", "3"), ("int: 3.0", "3"),
      ("count: 1e3", "1000"),
      ("number: 1", "1.0"), ("number: -0.0", "0.0"), ("text: 0.10", #""0.10""#),
      ("text: no", #""no""#),
      ("text: true", #""true""#), ("text: '~'", #""~""#), ("choice: red", #""red""#),
      ("column: 2020", #""2020""#),
      (
        "digest: 5B00264637DBFEC36BDEAAB5676B0B309FF9EB788D63554CA0A249491C86603D",
        #""5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d""#
      ),
      ("rule: a < 3", #""a < 3""#), ("list: [1, 2.0]", "[1,2]"), ("list: []", "[]"),
      ("one: x", #"["x"]"#), ("one: [x, 1]", #"["x","1"]"#),
      ("map: {b: 1, a: 0.5}", #"{"a":0.5,"b":1.0}"#), ("map:", "{}"),
      ("ordered: {b: 1, a: 2}", #"[{"b":"1"},{"a":"2"}]"#),
      ("ordered: [b: 1, b: 2]", #"[{"b":"1"},{"b":"2"}]"#), ("object: {x: 1}", #"{"x":1,"y":1.0}"#),
      ("variant: plain", #"{"plain":{"depth":3}}"#),
      ("variant: {plain: }", #"{"plain":{"depth":3}}"#),
      ("variant: {strict: {level: 2}}", #"{"strict":{"level":2}}"#),
      ("either: 1", "1.0"), ("either: equal", #""equal""#), ("either: {a: 1}", #"{"a":1.0}"#),
      ("scalar: ~", "null"), ("scalar: 1.50", "1.5"), ("any: [{a: [~]}]", #"[{"a":[null]}]"#),
    ]
    for (written, expected) in cases {
      let spec = try Kinds.compiler().compile(
        text: Self.stages("stages:\n  a:\n    types:\n      \(written)\n"))
      let name = String(written.prefix { $0 != ":" })
      #expect(spec.stages[0].options[name]?.json.text == expected, "\(written)")
    }
  }

  @Test func calculatesWithinInterpolations() throws {
    let cases: [(String, String)] = [
      ("count: ${params.rows * params.share}", "14000"), ("count: ${params.hundred * 0.29}", "29"),
      ("number: ${1 - params.share}", "0.65"),
      ("text: n=${params.rows / 2}", #""n=20000""#), ("count: ${round(params.rows / 3)}", "13333"),
      ("int: ${min(3, 9) - 1}", "2"),
      ("count: ${floor(2.7)}${ceil(0.2)}", ""), ("any: ${params.rows > 3}", "true"),
      ("text: ${pipeline.name}-${'}'}", #""demo-}""#),
    ]
    for (written, expected) in cases {
      let text = Self.stages(
        "params: {rows: 40000, share: 0.35, hundred: 100}\nstages:\n  a:\n    types:\n      \(written)\n"
      )
      let name = String(written.prefix { $0 != ":" })
      let found =
        (try? Kinds.compiler().compile(text: text))?.stages[0].options[name]?.json.text ?? ""
      #expect(found == expected, "\(written): \(Self.compile(text))")
    }
  }

  @Test func pointsIntoValuesHoweverTheyAreWritten() {
    // The value, the code, and the line, column and length of the problem.
    let cases: [(String, String, Int, Int, Int)] = [
      ("${params.x}", "AX0241", 7, 16, 8),
      ("'a ${params.x}'", "AX0241", 7, 19, 8),
      ("'it''s ${params.rows} ${ params.x }'", "AX0241", 7, 39, 8),
      ("\"a\\tb ${params.x}\"", "AX0241", 7, 22, 8),
      ("$${x} ${params.x}", "AX0241", 7, 22, 8),
      ("|\n        first\n        then ${params.x}", "AX0241", 9, 16, 8),
      ("one\n        ${params.rows}\n        ${params.x}", "AX0241", 9, 11, 8),
      ("é ${params.x}", "AX0241", 7, 18, 8),
      ("${params.rows + params.x}", "AX0241", 7, 30, 8),
      ("${params.rows + }", "AX0502", 7, 29, 1),
      ("${sqrt(params.rows, 2)}", "AX0503", 7, 16, 20),
      ("a ${squrt(2)}", "AX0504", 7, 18, 8),
      ("a ${params.rows", "AX0240", 7, 16, 2),
      ("\"\\x24{params.x}\"", "AX0241", 7, 14, 16),
    ]
    for (written, code, line, column, length) in cases {
      let text = Self.stages(
        "params: {rows: 3}\nstages:\n  a:\n    source:\n      label: \(written)\n")
      do throws(Diagnostics) {
        _ = try Kinds.compiler().compile(text: text)
        Issue.record("compiles: \(written)")
      } catch {
        let span = error.items.first?.span
        #expect(error.items.map(\.code) == [code], "\(written)")
        #expect(
          [span?.line, span?.column, span?.length] == [line, column, length], "\(written)")
      }
    }
  }

  @Test func fingerprintsSeeMeaningAndNotForm() throws {
    let kind = Kinds.toys[3]
    func components(_ text: String) throws -> [Fingerprint.Component] {
      Fingerprint(
        try Kinds.compiler().compile(text: text).stages[0].fingerprintParameters(kind: kind)
      ).components
    }
    let options: [(String, [String])] = [
      ("count", ["1000", "1e3", "'${params.NAME}'", "0x3E8", "1000 # many"]),
      ("text", ["abc", "'abc'", "\"a\\x62c\"", "!!str abc", ">-\n        abc"]),
      ("number", ["0.5", ".5", "5e-1", "+0.50"]),
      ("one", ["x", "[x]", "['x']", "\n        - x"]),
      ("map", ["{a: 1, b: 0.25}", "{b: 0.25, a: 1.0}", "\n        b: 0.25\n        a: 1"]),
      ("object", ["{x: 3}", "{y: 1, x: 3}", "{x: 3, y: 1.0}"]),
      ("variant", ["plain", "{plain: {}}", "{plain: {depth: 3}}", "{plain: }"]),
      ("description", ["this", "that"]),
    ]
    var first: [Fingerprint.Component] = []
    try forEverySeed { random in
      let name = ["rows", "n", "how-many"].randomElement(using: &random) ?? "n"
      var text = "admix: 1\nname: \(name)\nparams: {\(name): 1000}\n"
      if Bool.random(using: &random) { text += "# a comment\n\n" }
      text += "stages:\n  a:\n    types:\n"
      for (option, forms) in options.shuffled(using: &random) {
        let form = (forms.randomElement(using: &random) ?? "").replacing("NAME", with: name)
        text += "      \(option): \(form)\n"
      }
      let found = try components(text)
      if first.isEmpty { first = found }
      return found == first
    }
    #expect(
      first.map { "\($0.name)=\($0.value)" } == [
        "count=1000", "map.a=1.0", "map.b=0.25", "number=0.5", "object.x=3", "object.y=1.0",
        "one.0=\"x\"", "text=\"abc\"", "variant.plain.depth=3",
      ])
    // No two values have the same components.
    let base = "admix: 1\nname: n\nstages: {a: {types: {any: "
    let values = [
      "{a: {b: 1}}", "{a.b: 1}", "{a: [1]}", "{a: {'0': 1}}", "{'\"a\"': 1}", "{a: '1'}", "{a: 1}",
      "{a: 1.5}", "[]", "{}", "''", "~", "[[]]", "{a: }",
    ]
    #expect(try Set(values.map { try components(base + $0 + "}}}") }).count == values.count)
    // Edges and what cannot change an output stay out.
    let edges = try Kinds.compiler().compile(
      text: Self.stages(
        "stages: {a: {source: {note: {by: me, text: hello}}}, b: {join: {from: a, named: {x: {from: a, share: 1}}}}}"
      ))
    #expect(
      edges.stages[0].fingerprintParameters(kind: Kinds.toys[0]).map(\.name).sorted() == [
        "note.by", "rows",
      ])
    #expect(
      edges.stages[1].fingerprintParameters(kind: Kinds.toys[2]).map(\.name).sorted() == [
        "how", "named.x.share",
      ])
  }

  @Test func describesTheLanguageAsSchemaAndReference() {
    expectGolden(JSONSchema.document(kinds: Kinds.real).pretty + "\n", "spec/schema.json")
    expectGolden(Reference.markdown(kinds: Kinds.real), "spec/reference.md")
    expectGolden(JSONSchema.document(kinds: Kinds.toys).pretty + "\n", "spec/schema-toys.json")
  }

  @Test func readsFilesFromTheDiskAndRefusesWhatIsNone() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "admix-spec-\(UUID().uuidString)")
    let project = folder.appendingPathComponent("project")
    try FileManager.default.createDirectory(at: project, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ text: String, _ path: String) throws {
      try Data(text.utf8).write(to: folder.appendingPathComponent(path))
    }
    try write("stages: {b: {source: {}}}", "outside.yaml")
    try write("stages: {b: {source: {}}}", "project/inside.yaml")
    try FileManager.default.createSymbolicLink(
      atPath: project.path + "/link.yaml", withDestinationPath: "../outside.yaml")
    for (include, code) in [
      ("inside.yaml", nil), ("link.yaml", "AX0122"), ("../outside.yaml", "AX0122"),
      ("../project/inside.yaml", nil), ("nothing.yaml", "AX0101"), (".", "AX0101"),
    ] as [(String, String?)] {
      try write(
        Self.stages("include: '\(include)'\nstages: {a: {source: {}}}"), "project/pipeline.yaml")
      do throws(Diagnostics) {
        let spec = try Kinds.compiler().compile(file: project.path + "/pipeline.yaml")
        #expect(code == nil && spec.stages.map(\.name) == ["b", "a"])
      } catch {
        #expect(error.items.map(\.code) == [code ?? "none"], "\(include)")
      }
    }
    for path in [project.path, "/dev/zero", "/dev/null", folder.path + "/nothing", "\0"] {
      #expect(throws: Diagnostics.self) { try Kinds.compiler().compile(file: path) }
    }
  }
}
