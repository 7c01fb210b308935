import AdmixModel
import AdmixProcess
import AdmixTestSupport
import Foundation
import Testing

/// Transforms that are plugins, with the built binary: a small one in shell, written here, and DuckDB.
struct TransformPluginTests {
  /// What a plugin in shell has of the protocol.
  private static let prelude = #"""
    cd "$TMPDIR"
    read -r line
    out=$(printf '%s' "$line" | sed 's/.*"output":{\([^}]*\)}.*/\1/')
    table=$(printf '%s' "$out" | sed 's/.*"table":"\([^"]*\)".*/\1/')
    schema=$(printf '%s' "$out" | sed 's/.*"schema":"\([^"]*\)".*/\1/')
    inputs=$(printf '%s' "$line" | grep -o '"table":"[^"]*input-[^"]*"' | sed 's/"table":"//; s/"$//')
    say() { printf '%s\n' "$1" >&5; }
    done_() { say "{\"type\":\"result\",\"id\":1,\"rows\":$1}"; read -r line; exit 0; }
    columns() { printf '{"columns":[%s]}' "$1" > "$schema"; }

    """#
  /// The rows of all inputs, with the row's own number.
  private static let together = #"""
    for input in $inputs; do cat "$input"; done |
      awk '{ sub(/}$/, ",\"n\":" NR "}"); print }' > "$table"
    columns '{"name":"name","type":"text"},{"name":"team","type":"category"},{"name":"age","type":"int"},{"name":"n","type":"int"}'
    done_ "$(wc -l < "$table")"
    """#

  private func product(_ script: String) throws -> Product {
    let product = try Product()
    try product.write(Self.prelude + script, to: "plugins/shell/main.sh")
    try product.write(
      """
      protocol: 1
      name: shell
      version: 1.0.0
      summary: Makes a table with a shell.
      licence: Apache-2.0
      kinds: transform
      command: [bash, main.sh]
      files: main.sh
      data: json-lines
      types: [text, category, int]
      determinism: request
      parameters:
        mode: {type: string, enum: [soft, loud], default: soft, description: How.}
        text: {type: string, default: "", description: What.}
      example: {inputs: [a, b]}
      limits: {silence: 60s}

      """, to: "plugins/shell/plugin.yaml")
    try product.write("name,team,age\nana 4711,x,31\nbo 4711,y,\n", to: "a.csv")
    try product.write("name,team,age\ncy 4711,z,7\n", to: "b.csv")
    try product.write(
      """
      admix: 1
      name: plugged
      stages:
        a: {ingest: {from: a.csv, columns: [{name: {type: text, role: pii}}, {team: category}]}}
        b: {ingest: {from: b.csv, columns: [{name: text}, {team: {type: category, role: protected}}]}}
        all:
          transform:
            inputs: {first: a, second: b}
            with: shell
        out: {export: {from: all, to: out.csv}}

      """, to: "pipeline.yaml")
    return product
  }

  private func run(_ product: Product, _ more: String = "") throws -> Product.Answer {
    try product.shell("admix run --no-report --allow-commands \(more)")
  }

  @Test func makesOneTableOfSeveral() throws {
    let product = try product(Self.together)
    let first = try run(product)
    #expect(first.code == 0, "\(first.err)")
    #expect(
      try product.read("out.csv")
        == "name,team,age,n\nana 4711,x,31,1\nbo 4711,y,,2\ncy 4711,z,7,3\n")
    #expect(try run(product).err.contains("nothing to do"))
    // Roles go by name; categories are those that occur.
    let shown = try product.admix("show", "pipeline.yaml", "all")
    for line in ["name    text      pii", "team    category  protected"] {
      #expect(shown.out.contains(line), "\(shown.out)")
    }
    let traced = try product.admix("trace", "a.csv", "--row", "1")
    #expect(traced.out.contains("may hold"), "\(traced.out)")
    #expect(traced.code == 0, "\(traced.err)")
    let lineage = try product.admix("lineage", "pipeline.yaml", "all.n", "--up")
    for column in ["name", "team", "age"] {
      #expect(lineage.out.contains(column), "\(lineage.out)")
    }
  }

  @Test func runsAgainForWhatItRestsOn() throws {
    let product = try product(Self.together)
    #expect(try run(product).code == 0)
    let pipeline = try product.read("pipeline.yaml")
    for (from, to, file, why) in [
      ("with: shell", "with: {shell: {mode: loud}}", "pipeline.yaml", "mode"),
      ("first: a", "primero: a", "pipeline.yaml", "primero"),
      ("cy 4711", "di 4711", "b.csv", "file 'b.csv'"),
      ("# ", "# changed ", "plugins/shell/main.sh", "plugin 'shell': "),
    ] {
      let before = try product.read(file)
      let text = file.hasSuffix(".sh") ? before + to : before.replacing(from, with: to)
      try product.write(text, to: file)
      let answer = try product.admix("why", "pipeline.yaml", "all")
      #expect(answer.out.contains(why) && !answer.out.contains("does not run"), "\(answer.out)")
      #expect(try product.admix("plan", "pipeline.yaml").out.contains("all"))
      try product.write(before, to: file)
      #expect(try product.admix("status", "--exit-code").code == 0, "\(file)")
    }
    // A comment and the order in which inputs are named change nothing.
    try product.write(
      pipeline.replacing("{first: a, second: b}", with: "{second: b, first: a} # both"),
      to: "pipeline.yaml")
    #expect(try product.admix("status", "--exit-code").code == 0)
    // Nobody trusts it yet.
    let refused = try product.shell(
      "admix run --no-report --force all",
      environment: ["XDG_STATE_HOME": product.folder.path + "/state"])
    #expect(refused.code == 9)
    #expect(refused.err.contains("AX0883"), "\(refused.err)")
  }

  private static let one = #"printf '{"n":4711}\n' > "$table"; "#
  private static let int = #"columns '{"name":"n","type":"int"}'; "#

  /// Scripts, with what is said of them.
  private static let misdeeds: [(name: String, script: String, says: [String])] = [
    ("no table", int + "done_ 0", ["AX0887", "did not write its table"]),
    ("no schema", one + "done_ 1", ["AX0887", "did not write the schema of its table"]),
    (
      "no count", one + int + #"say '{"type":"result","id":1}'; read -r line"#,
      ["AX0887", "how many rows"]
    ),
    ("fewer rows than it says", one + int + "done_ 2", ["AX0887", "1 of the 2 rows"]),
    (
      "more rows than it says", one + one.replacing(">", with: ">>") + int + "done_ 1",
      ["AX0887", "more than the 1 rows"]
    ),
    ("half a row", #"printf '{"n":4711}\n{"n":47' > "$table"; "# + int + "done_ 2", ["AX0887"]),
    (
      "a schema that is none", one + #"echo '{"columns": 4711' > "$schema"; done_ 1"#,
      ["AX0887", "no list of columns"]
    ),
    ("no columns", one + "columns ''; done_ 1", ["AX0887", "has no columns"]),
    (
      "a type that is none", one + #"columns '{"name":"n","type":"whole"}'; done_ 1"#,
      ["AX0887", "column 'n'", "no type"]
    ),
    (
      "two of a name",
      one + #"columns '{"name":"n","type":"int"},{"name":"n","type":"int"}'; done_ 1"#,
      ["AX0887", "column 'n'", "two of this name"]
    ),
    (
      "a name of admix", one + #"columns '{"name":"_origin","type":"text"}'; done_ 1"#,
      ["AX0887", "column '_origin'", "where a row came from"]
    ),
    (
      "another type", one + #"columns '{"name":"n","type":"bool"}'; done_ 1"#,
      ["AX0887", "column 'n'", "it is int and not bool"]
    ),
    (
      "a column that is not there",
      one + #"columns '{"name":"n","type":"int"},{"name":"m","type":"int"}'; done_ 1"#,
      ["AX0887", "column 'm'", "missing"]
    ),
    (
      "a column too many", #"printf '{"n":1,"m":4711}\n' > "$table"; "# + int + "done_ 1",
      ["AX0887", "column 'm'", "its schema does not have"]
    ),
    ("a link", #"ln -s /etc/passwd "$table"; "# + int + "done_ 1", ["AX0887", "no plain file"]),
    (
      "an error of its own",
      #"say '{"type":"error","id":1,"code":"DATA","message":"too few","columns":["age"]}'; read -r line"#,
      ["AX0884", "column 'age'", "cannot work on the data", "too few"]
    ),
    (
      "an error in an option",
      #"say '{"type":"error","id":1,"code":"PARAMETER","message":"too loud","option":"mode"}'; read -r line"#,
      ["AX0897", "pipeline.yaml:9:28", "'mode' does not suit it", "too loud"]
    ),
    (
      "an option it does not have",
      #"say '{"type":"error","id":1,"code":"PARAMETER","message":"odd","option":"moed","line":9}'; read -r line"#,
      ["AX0884", "odd"]
    ),
    ("no answer", "exit 0", ["AX0885", "ended without an answer"]),
    ("writes elsewhere", "echo x > ../../../../left.txt; exit 1", ["AX0888", "tried to write '"]),
  ]

  @Test("a transform that misbehaves leaves nothing", arguments: misdeeds.indices.map { $0 })
  func misbehaves(index: Int) throws {
    let deed = Self.misdeeds[index]
    if deed.says[0] == "AX0888", SandboxLevel.landlockVersion == 0 { return }
    let product = try product(deed.script)
    let pipeline = try product.read("pipeline.yaml")
    try product.write(
      pipeline.replacing("with: shell", with: "with: {shell: {mode: loud}}"), to: "pipeline.yaml")
    let answer = try run(product, "--quiet")
    #expect(answer.code == (deed.says[0] == "AX0888" ? 9 : 1), "\(deed.name): \(answer.err)")
    let message = answer.err.components(separatedBy: "said last")[0]
    for text in deed.says { #expect(message.contains(text), "\(deed.name): \(answer.err)") }
    #expect(message.contains("pipeline.yaml:9:"), "\(deed.name): \(answer.err)")
    #expect(!message.contains("4711"), "\(deed.name) shows a value")
    #expect(!product.exists("out.csv"))
    #expect(try product.shell("find .admix/work -type f 2>/dev/null").out == "")
  }

  @Test func theKitFindsWhatIsWrong() throws {
    let constant = Self.one + Self.int
    for (script, name) in [
      ("exit 1", "its example"),
      (
        Self.one.replacing("4711", with: "'$RANDOM$RANDOM'") + Self.int + "done_ 1",
        "transform is deterministic"
      ),
      (constant + "done_ 1", "a missing input is refused"),
    ] {
      let product = try product(script)
      let answer = try product.admix("plugin", "check", "plugins/shell")
      #expect(answer.code == 1)
      #expect(answer.out.contains("FAIL \(name)"), "\(answer.out)\(answer.err)")
    }
  }

  @Test func manifestsAreHeldAgainstWhatATransformIs() throws {
    let product = try product(Self.together)
    let manifest = try product.read("plugins/shell/plugin.yaml")
    for (from, to, says) in [
      ("determinism: request", "determinism: rows", "do not follow from their numbers"),
      ("data: json-lines", "columns: {n: int}", "tells its columns with the table"),
      ("inputs: [a, b]", "inputs: [a b]", "cannot name an input"),
      ("{inputs: [a, b]}", "{options: {mode: lout}}", "did you mean 'loud'?"),
      ("kinds: transform", "kinds: generator", "only a transform needs an example"),
    ] {
      try product.write(manifest.replacing(from, with: to), to: "plugins/shell/plugin.yaml")
      let answer = try product.admix("plugin", "check", "plugins/shell")
      #expect(answer.code == 3, "\(answer.out)")
      #expect(answer.err.contains(says) && answer.err.contains("plugin.yaml:"), "\(answer.err)")
    }
  }

  @Test func generatorsAndTransformsAreToldApart() throws {
    let product = try product(Self.together)
    let pipeline = try product.read("pipeline.yaml")
    for (from, to, says) in [
      (
        "transform:\n      inputs: {first: a, second: b}\n      with: shell",
        "generate: {learn: a, with: shell, rows: 3}", "AX0304"
      ),
      ("with: shell", "with: shel", "AX0896"),
      ("with: shell", "with: {shell: {moder: soft}}", "did you mean 'mode'?"),
      ("{first: a, second: b}", "{first: a, second: nobody}", "nobody"),
      ("[{name: text}, {team:", "[{age: double}, {team:", "AX0889"),
    ] {
      try product.write(pipeline.replacing(from, with: to), to: "bad.yaml")
      let answer = try run(product, "bad.yaml")
      #expect(answer.code != 0, "\(to)")
      #expect(answer.err.contains(says), "\(to): \(answer.err)")
    }
  }
}
