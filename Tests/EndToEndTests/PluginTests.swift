import AdmixModel
import AdmixProcess
import AdmixTestSupport
import Foundation
import Testing

/// Generators that are plugins, with the built binary: small ones in shell, written here.
struct PluginTests {
  /// A project with a plugin `shell` that makes `name` and `age` from nothing.
  private func product(
    _ script: String, manifest: String = "", stage: String = "", rows: Int = 10
  ) throws -> Product {
    let product = try Product()
    try product.write(Self.prelude + script, to: "plugins/shell/main.sh")
    try product.write(
      """
      protocol: 1
      name: shell
      version: 1.0.0
      summary: Makes rows with a shell.
      licence: Apache-2.0
      command: [bash, main.sh]
      files: main.sh
      data: json-lines
      learns: false
      columns: {name: text, age: int}
      determinism: rows
      parameters:
        base: {type: integer, minimum: 0, maximum: 100, default: 20, description: The least age.}
        tone: {type: string, enum: [soft, loud], default: soft, description: The tone.}
      limits: {silence: 60s}
      \(manifest)

      """, to: "plugins/shell/plugin.yaml")
    try product.write("what nobody declared: 4711\n", to: "secret.txt")
    try product.write(
      """
      admix: 1
      name: plugged
      seed: 5
      stages:
        synth:
          generate:
            with: shell
            rows: \(rows)
      \(stage)
      """, to: "pipeline.yaml")
    return product
  }

  /// What a plugin in shell has of the protocol: the request in variables, and a way to answer.
  private static let prelude = #"""
    read -r line
    field() { printf '%s' "$line" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
    rows=$(field rows); start=$(field start); count=$(field count); seed=$(field seed); base=$(field base)
    id=$(field id)
    say() { printf '%s\n' "$1" >&5; }
    done_() { say "{\"type\":\"result\",\"id\":$id}"; }
    row() { printf '{"name":"%s","age":%s}\n' "$1" "$2"; }

    """#

  /// Rows that follow from their numbers.
  private static let honest = #"""
    make() {
      awk -v seed="$seed" -v from="$start" -v count="$count" -v base="$base" 'BEGIN {
        for (r = from; r < from + count; r++)
          printf "{\"name\":\"n%d\",\"age\":%d}\n", r, base + (r * 7919 + seed % 1009) % 60
      }' > "$rows"
    }
    while :; do
      case "$(field type)" in
        sample) make; done_ ;;
        *) say "{\"type\":\"error\",\"id\":$id,\"code\":\"UNSUPPORTED\",\"message\":\"\"}" ;;
      esac
      read -r line || exit 0
      start=$(field start); count=$(field count); seed=$(field seed); id=$(field id)
    done
    """#

  private func run(_ product: Product, _ more: String...) throws -> Product.Answer {
    let words = ["admix run --no-report --allow-commands"] + more
    return try product.shell(words.joined(separator: " "))
  }

  /// The processes that work in a product's folder.
  private func processes(of product: Product) -> [String] {
    let folder = product.folder.resolvingSymlinksInPath().path
    return ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter { pid in
      guard Int(pid) != nil,
        let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
      else { return false }
      return place.hasPrefix(folder)
    }
  }

  private struct Misdeed {
    var name: String
    var script: String
    var manifest = ""
    var stage = ""
    /// What the message has.
    var says: [String]
    var code: Int32 = 1
    /// Only a kernel with Landlock refuses it.
    var needsLandlock = false
  }

  private static let misdeeds: [Misdeed] = [
    Misdeed(
      name: "hangs", script: "sleep 300 & sleep 300", manifest: "gpu: false",
      stage: "      timeout: 2s", says: ["stage 'synth'", "AX0915"]),
    Misdeed(
      name: "says nothing", script: "sleep 300 & sleep 300", manifest: "",
      says: ["AX0885", "'shell' of stage 'synth': it was ended, as it said nothing for too long"]),
    Misdeed(
      name: "ignores that it is to stop",
      script: #"""
        trap '' TERM INT HUP
        (trap '' TERM; while :; do sleep 0.2; done) &
        while :; do say '{"type":"progress","id":1,"phase":"x","done":1}'; sleep 0.2; done
        """#,
      stage: "      timeout: 1s", says: ["stage 'synth'", "AX0915"]),
    Misdeed(
      name: "floods its error stream",
      script: "yes 'the same 4711 again and again' | head -c 60000000 >&2; exit 3",
      says: ["AX0885", "'shell' of stage 'synth' ended with exit status 3 and without an answer"]),
    Misdeed(
      name: "floods the channel", script: "yes | tr -d '\\n' | head -c 3000000 >&5; sleep 300",
      says: ["AX0886", "more than 64 KiB"]),
    Misdeed(
      name: "writes half a file",
      script: #"row a 1 > "$rows"; printf '{"name":"4711' >> "$rows"; done_"#,
      says: ["AX0887", "'shell' of stage 'synth'"]),
    Misdeed(
      name: "dies", script: "kill -9 $$",
      says: ["AX0885", "'shell' of stage 'synth' was ended by SIGKILL"]),
    Misdeed(
      name: "leaves without a word", script: "exit 0",
      says: ["AX0885", "ended without an answer"]),
    Misdeed(
      name: "breaks off in a line", script: #"printf '{"type":"res' >&5; exit 1"#,
      says: ["AX0885", "in the middle of a line"]),
    Misdeed(
      name: "gives a column another type",
      script: #"for i in 1 2 3 4 5 6 7 8 9 10; do row a '"4711"'; done > "$rows"; done_"#,
      says: ["AX0887", "column 'age'", "it is text and not int"]),
    Misdeed(
      name: "leaves a column out",
      script: #"for i in 1 2 3 4 5 6 7 8 9 10; do echo '{"name":"a"}'; done > "$rows"; done_"#,
      says: ["AX0887", "column 'age'", "the column is missing"]),
    Misdeed(
      name: "adds a column",
      script:
        #"for i in 1 2 3 4 5 6 7 8 9 10; do echo '{"name":"a","age":1,"x":1}'; done > "$rows"; done_"#,
      says: ["AX0887", "column 'x'", "nobody asked for the column"]),
    Misdeed(
      name: "gives too few rows", script: #"for i in 1 2 3; do row a $i; done > "$rows"; done_"#,
      says: ["AX0887", "3 of 10 rows"]),
    Misdeed(
      name: "gives too many rows",
      script: #"for i in $(seq 40); do row a $i; done > "$rows"; done_"#,
      says: ["AX0887", "more than the 10 rows"]),
    Misdeed(name: "gives no file", script: "done_", says: ["AX0887", "did not write its rows"]),
    Misdeed(
      name: "gives a link", script: #"ln -s /etc/passwd "$rows"; done_"#,
      says: ["AX0887", "no plain file"]),
    Misdeed(
      name: "prints where it should answer", script: "say hello; sleep 300",
      says: ["AX0886", "no JSON object"]),
    Misdeed(
      name: "answers something else", script: #"say '{"type":"result","id":99}'; sleep 300"#,
      says: ["AX0886", "not asked"]),
    Misdeed(
      name: "says what is wrong",
      script:
        #"say "{\"type\":\"error\",\"id\":$id,\"code\":\"SCHEMA\",\"message\":\"it has too many texts\",\"columns\":[\"name\"]}"; read -r line"#,
      says: [
        "AX0884", "'shell' of stage 'synth', column 'name': it cannot take the table", "too many",
      ]
    ),
    Misdeed(
      name: "reads the project", script: "cat ../../secret.txt; make; done_",
      says: ["AX0888", "tried to read '", "secret.txt'"], code: 9, needsLandlock: true),
    Misdeed(
      name: "writes elsewhere", script: "echo x > ../../left.txt; exit 1",
      says: ["AX0888", "tried to write '", "left.txt'"], code: 9, needsLandlock: true),
    Misdeed(
      name: "uses the network", script: "exec 3<>/dev/tcp/127.0.0.1/9; exit 1",
      says: ["AX0888", "tried to use the network"], code: 9, needsLandlock: true),
    Misdeed(
      name: "takes all memory", script: "tail /dev/zero", manifest: "",
      says: ["AX0885", "more memory than its limit"]),
  ]

  @Test(
    "a plugin that misbehaves ends its stage and leaves nothing",
    arguments: misdeeds.indices.map { $0 })
  func misbehaves(index: Int) throws {
    let deed = Self.misdeeds[index]
    if deed.needsLandlock, SandboxLevel.landlockVersion == 0 {
      print("NOT RUN: a plugin that \(deed.name), as this kernel has no Landlock")
      return
    }
    let product = try product(deed.script, manifest: deed.manifest, stage: deed.stage)
    if deed.name == "says nothing" || deed.name == "takes all memory" {
      let manifest = try product.read("plugins/shell/plugin.yaml")
      try product.write(
        manifest.replacing("silence: 60s", with: "silence: 1s, memory: 200 MiB"),
        to: "plugins/shell/plugin.yaml")
    }
    let answer = try run(product, "--quiet")
    #expect(answer.code == deed.code, "\(deed.name): \(answer.code) \(answer.err)")
    let message = answer.err.components(separatedBy: "said last")[0]
    for text in deed.says { #expect(message.contains(text), "\(deed.name): \(answer.err)") }
    #expect(!message.contains("4711"), "\(deed.name) shows a value")
    #expect(
      message.contains("pipeline.yaml:\(deed.says.contains("AX0915") ? 9 : 7):"),
      "\(deed.name) is not located: \(answer.err)")
    #expect(processes(of: product) == [], "\(deed.name) runs on")
    #expect(!product.exists("left.txt"))
    let logs = try product.shell("find .admix/logs -type f -size +6M")
    #expect(logs.out == "", "\(deed.name) fills the disk")
    let work = try product.shell("find .admix/work -type f 2>/dev/null")
    #expect(work.out == "", "\(deed.name) leaves \(work.out)")
    // An honest one has the place to itself.
    let honest = try self.product(Self.honest)
    for file in ["plugins/shell/main.sh", "plugins/shell/plugin.yaml", "pipeline.yaml"] {
      try product.write(try honest.read(file), to: file)
    }
    let again = try run(product)
    #expect(again.code == 0, "\(deed.name): \(again.err)")
  }

  private func digest(_ product: Product) throws -> String {
    let shown = try product.admix("show", "pipeline.yaml", "synth", "--json", "--rows", "0")
    return try JSONValue(parsing: shown.out)["partitions"]?.array?
      .compactMap { $0["digest"]?.string }.joined(separator: " ") ?? ""
  }

  @Test func rowsDependOnNothingButTheirNumbers() throws {
    let rule = "      keep: age >= 40"
    let product = try product(Self.honest, stage: rule, rows: 150_000)
    #expect(try run(product, "--jobs 1").code == 0)
    let one = try digest(product)
    #expect(one.split(separator: " ").count == 3)
    #expect(try run(product, "--jobs 8 --force all").code == 0)
    #expect(try digest(product) == one)
    // More rows: whole partitions stay, and the last begins with what it had.
    let fewer = try self.product(Self.honest, stage: rule, rows: 70_000)
    #expect(try run(fewer).code == 0)
    #expect(try digest(fewer).split(separator: " ").first == one.split(separator: " ").first)
    let ages = try product.shell("admix show pipeline.yaml synth --json --rows 100000")
    #expect(!ages.out.contains("\"age\": 39"))
  }

  @Test func optionsAreCheckedBeforeAnythingRuns() throws {
    let product = try product("touch ../../ran; exit 1")
    for (with, says) in [
      ("{shell: {bass: 3}}", ["AX0210", "did you mean 'base'?"]),
      ("{shell: {base: 101}}", ["AX0213", "out of range"]),
      ("{shell: {tone: lout}}", ["AX0214", "did you mean 'loud'?"]),
      ("{shel: {base: 1}}", ["AX0304", "did you mean 'shell'?"]),
    ] {
      let text = try product.read("pipeline.yaml")
      try product.write(text.replacing("with: shell", with: "with: \(with)"), to: "bad.yaml")
      let answer = try product.admix("check", "bad.yaml")
      #expect(answer.code == 3)
      for part in says { #expect(answer.err.contains(part), "\(answer.err)") }
    }
    #expect(!product.exists("ran"))
  }

  @Test func isTrustedByItsContentAndAReasonToRunAgain() throws {
    let product = try product(Self.honest)
    let own = ["XDG_STATE_HOME": product.folder.path + "/state"]
    func admix(_ line: String) throws -> Product.Answer {
      try product.shell("admix \(line)", environment: own)
    }
    let refused = try admix("run --no-report")
    #expect(refused.code == 9)
    #expect(refused.err.contains("AX0883"), "\(refused.err)")
    #expect(!product.exists(".admix/logs"))
    #expect(try admix("plugin trust shell").code == 0)
    #expect(try admix("run --no-report").code == 0)
    #expect(try admix("run --no-report").err.contains("nothing to do"))
    // A file that it does not declare is none of its own.
    try product.write("x\n", to: "plugins/shell/README.md")
    #expect(try admix("status --exit-code").code == 0)
    try product.write(Self.prelude + Self.honest + "\n# changed\n", to: "plugins/shell/main.sh")
    let why = try admix("why pipeline.yaml synth")
    #expect(why.out.contains("plugin 'shell': "), "\(why.out)")
    #expect(why.out.contains(" → "), "\(why.out)")
    #expect(try admix("run --no-report").code == 9)
    // Another place is no matter: the content counts.
    #expect(try admix("plugin trust plugins/shell").code == 0)
    #expect(
      try product.shell("mkdir -p data/admix/plugins; mv plugins/shell data/admix/plugins/").code
        == 0)
    let moved = try product.shell(
      "admix run --no-report",
      environment: own.merging(["XDG_DATA_HOME": product.folder.path + "/data"]) { $1 })
    #expect(moved.code == 0, "\(moved.err)")
    #expect(
      try product.shell(
        "admix plugin trust shell --revoke",
        environment: own.merging(["XDG_DATA_HOME": product.folder.path + "/data"]) { $1 }
      ).code == 0)
  }

  // MARK: The plugins of this repository, and those that `new` writes

  /// Environments are kept between runs of the tests: making one takes the network and half a minute.
  static let shared = [
    "XDG_DATA_HOME": testsFolder.deletingLastPathComponent().appendingPathComponent(
      ".deps/plugins"
    ).path
  ]

  static let here = testsFolder.deletingLastPathComponent().appendingPathComponent(
    "Plugins")

  /// - Returns: whether it is there now; without a package index it cannot be.
  static func install(_ folder: String, _ product: Product) throws -> Bool {
    // PyTorch without what graphics cards need, where there is the choice.
    let small = "requirements-cpu.lock"
    let hasSmall = FileManager.default.fileExists(atPath: "\(folder)/\(small)")
    let line = "admix plugin install '\(folder)'" + (hasSmall ? " --lock \(small)" : "")
    let answer = try product.shell(line, environment: Self.shared)
    if answer.code == 0 { return true }
    let lacksNetwork = ["onnection", "resolve", "etwork", "No matching distribution"].contains {
      answer.err.contains($0)
    }
    #expect(lacksNetwork, "\(answer.err)")
    print("NOT RUN: plugin \(folder), as what it needs cannot be fetched")
    return false
  }

  // One at a time: each keeps all cores busy, and is to stop in time.
  @Test(
    "every plugin here keeps the protocol", .serialized,
    arguments: ((try? FileManager.default.contentsOfDirectory(atPath: here.path)) ?? []).filter {
      FileManager.default.fileExists(atPath: here.path + "/\($0)/plugin.yaml")
    }.sorted())
  func keepsTheProtocol(name: String) throws {
    let product = try Product()
    let folder = Self.here.appendingPathComponent(name).path
    guard try Self.install(folder, product) else { return }
    // What takes minutes by itself is learned in a moment here: the protocol is looked at, not the rows.
    let manifest = try String(contentsOfFile: "\(folder)/plugin.yaml", encoding: .utf8)
    let quick = ["epochs", "steps"].filter { manifest.contains("  \($0): {type: integer") }.map {
      " --set \($0)=2"
    }
    let answer = try product.shell(
      "admix plugin check '\(folder)' --json" + quick.joined(), environment: Self.shared)
    let json = try JSONValue(parsing: answer.out)
    #expect(json["passed"]?.bool == true, "\(answer.out)")
    let least = manifest.contains("kinds: transform") ? 9 : 12
    #expect((json["checks"]?.array?.count ?? 0) >= least)
  }

  @Test(
    "what `plugin new` writes keeps the protocol", arguments: ["python", "swift"],
    ["generator", "transform"])
  func newOnesWork(language: String, kind: String) throws {
    let product = try Product()
    func new() throws -> Product.Answer {
      try product.admix("plugin", "new", "--language", language, "--kind", kind, "mine")
    }
    #expect(try new().code == 0)
    #expect(try new().code == 2)
    guard try Self.install("plugins/mine", product) else { return }
    let answer = try product.admix("plugin", "check", "plugins/mine", environment: Self.shared)
    #expect(answer.code == 0, "\(answer.out)\(answer.err)")
  }

  @Test func theKitFindsWhatIsWrong() throws {
    for (script, name) in [
      (Self.honest.replacing("base +", with: "count +"), "rows follow from their numbers"),
      (Self.honest.replacing("seed % 1009", with: "0"), "the seed counts"),
      (Self.honest.replacing("from + count;", with: "from + count - 1;"), "schema and count"),
      (
        Self.honest.replacing("make; done_", with: "make; echo x > main.sh; done_"),
        "schema and count"
      ),
    ] {
      let product = try product(script)
      let answer = try product.admix("plugin", "check", "plugins/shell")
      if script.contains("main.sh"), SandboxLevel.landlockVersion == 0 { continue }
      #expect(answer.code == 1)
      #expect(answer.out.contains("FAIL \(name)"), "\(answer.out)\(answer.err)")
    }
  }

  @Test func copiesOfTheKitAreWhatItIs() throws {
    for (kit, least) in [("sdk/python/admix_plugin.py", 5), ("sdk/torch/tabular.py", 3)] {
      let original = try Data(contentsOf: Self.here.appendingPathComponent(kit))
      var copies = 0
      for name in try FileManager.default.contentsOfDirectory(atPath: Self.here.path)
      where name != "sdk" {
        let file = Self.here.appendingPathComponent(
          "\(name)/\((kit as NSString).lastPathComponent)")
        guard let copy = try? Data(contentsOf: file) else { continue }
        copies += 1
        #expect(copy == original, "\(file.path)")
      }
      #expect(copies >= least)
    }
  }

  @Test func theTeachingExampleLearnsForReal() throws {
    let product = try Product()
    let folder = Self.here.appendingPathComponent("sklearn").path
    guard try Self.install(folder, product) else { return }
    var table = "age,income,sex,since\n"
    for row in 0..<2_000 {
      let age = 18 + (row * 37) % 60
      // Income rises with age, and more for one of the two.
      let income = age * 100 + (row % 2) * 2_000 + (row * 7_919) % 500
      table +=
        "\(age),\(row % 9 == 0 ? "" : "\(income)"),\(row % 2 == 0 ? "Female" : "Male"),2020-01-\(10 + row % 20)\n"
    }
    try product.write(table, to: "people.csv")
    try product.write(
      """
      admix: 1
      name: taught
      seed: 3
      plugins: \(Self.here.path)
      stages:
        people: {ingest: {from: people.csv}}
        synth: {generate: {learn: people, with: {sklearn: {components: 6}}, rows: 3000, where: {sex: Male}}}
        checked:
          validate:
            of: synth
            expect:
              - {column: sex, in: [Male]}
              - {column: age, between: [18, 77]}
            gates: [{fail: "expect.failed > 0"}]
        out: {export: {from: synth, to: out/synth.csv}}
      """, to: "pipeline.yaml")
    let answer = try product.admix(
      "run", "--no-report", "--allow-commands", environment: Self.shared)
    #expect(answer.code == 0, "\(answer.err)")
    let rows = try product.read("out/synth.csv").split(separator: "\n").dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
    }
    #expect(rows.count == 3_000)
    let pairs = rows.compactMap { row in
      Double(row[0]).flatMap { age in Double(row[1]).map { (age, $0) } }
    }
    // A ninth of the incomes was missing.
    #expect((2_500...2_900).contains(pairs.count), "\(pairs.count)")
    let means = (
      pairs.map(\.0).reduce(0, +) / Double(pairs.count),
      pairs.map(\.1).reduce(0, +) / Double(pairs.count)
    )
    var sums = (xy: 0.0, xx: 0.0, yy: 0.0)
    for (x, y) in pairs {
      sums.xy += (x - means.0) * (y - means.1)
      sums.xx += (x - means.0) * (x - means.0)
      sums.yy += (y - means.1) * (y - means.1)
    }
    #expect(sums.xy / (sums.xx * sums.yy).squareRoot() > 0.85)
    // It was learned that he earns 2,000 more.
    #expect((6_300...7_400).contains(means.1), "\(means.1)")
    // What sampling alone reads does not make it learn again.
    let more = try product.shell(
      "sed -i 's/rows: 3000/rows: 3500/' pipeline.yaml; admix run --no-report --allow-commands --json",
      environment: Self.shared)
    let stages = try JSONValue(parsing: more.out)["stages"]?.array ?? []
    let tasks = stages.first { $0["name"]?.string == "synth" }?["tasks"]
    #expect(tasks?["done"]?.int == 1 && tasks?["reused"]?.int == 1, "\(more.out.prefix(2_000))")
  }
}
