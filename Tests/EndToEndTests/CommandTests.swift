import AdmixModel
import AdmixProcess
import AdmixTestSupport
import Foundation
import Testing

/// Stages that run foreign programs, with the built binary and real ones.
struct CommandTests {
  private static let hasLandlock: Bool = {
    if SandboxLevel.landlockVersion > 0 { return true }
    FileHandle.standardError.write(
      Data("NOT RUN: what the sandbox of commands refuses (this kernel has no Landlock)\n".utf8))
    return false
  }()

  /// A project with a table, a script and a command stage.
  private func product(_ command: String, script: String = "", more: String = "") throws -> Product
  {
    let product = try Product()
    try product.write("name,age\nana,31\nbo,42\ncy,\n", to: "people.csv")
    try product.write("what nobody declared\n", to: "secret.txt")
    try product.write(script, to: "scripts/work.py")
    let indented = command.split(separator: "\n").map { "      \($0)\n" }.joined()
    try product.write(
      """
      admix: 1
      name: command
      seed: 5
      stages:
        people: {ingest: {from: people.csv}}
        work:
          command:
      \(indented)\(more)
      """, to: "pipeline.yaml")
    return product
  }

  private func run(_ product: Product, _ more: [String: String] = [:]) throws -> Product.Answer {
    try product.admix("run", "--no-report", "--allow-commands", "--json", environment: more)
  }

  /// How the stages ended, by name.
  private func statuses(_ answer: Product.Answer) throws -> [String: String] {
    let stages = try JSONValue(parsing: answer.out)["stages"]?.array ?? []
    return Dictionary(
      stages.map { ($0["name"]?.string ?? "", $0["status"]?.string ?? "") },
      uniquingKeysWith: { first, _ in first })
  }

  private func rows(_ product: Product, _ output: String) throws -> String {
    let answer = try product.admix("show", "pipeline.yaml", output)
    return answer.code == 0 ? answer.out : answer.err
  }

  @Test(
    "rows go in and come out in every form, with their types",
    arguments: ["csv", "json-lines", "parquet", "arrow"])
  func passesRowsOn(form: String) throws {
    let product = try product(
      """
      run: [cp, "{inputs.rows}", "{outputs.copy}"]
      inputs: {rows: {from: people, as: \(form)}}
      outputs: {copy: \(form)}
      """)
    let answer = try run(product)
    #expect(answer.code == 0, "\(answer.err)")
    #expect(!answer.err.contains("AX08"), "\(answer.err)")
    // Names, types, missing values and rows; how many different texts there are, ingest alone says.
    func shown(_ output: String) throws -> [Substring] {
      try rows(product, output).split(separator: "\n").map { $0.prefix(24) }
    }
    #expect(try shown("work") == shown("people"))
    #expect(try shown("work").count >= 8)
    let again = try run(product)
    #expect(try statuses(again) == ["people": "cached", "work": "cached"], "\(again.err)")
  }

  private static let score = """
    import csv, json, os, sys
    import helper
    print("seed", os.environ["ADMIX_SEED"])
    with open(os.environ["ADMIX_INPUT_people"]) as rows, open(sys.argv[1], "w") as out:
        for row in csv.DictReader(rows):
            out.write(json.dumps({"name": row["name"], "next": helper.after(row["age"])}) + "\\n")
    with open(sys.argv[2], "wb") as model: model.write(bytes(range(256)))
    """

  @Test func aScriptMakesRowsAndAFile() throws {
    let product = try product(
      """
      run: [python3, scripts/work.py, "{outputs.next}", "{outputs.model}"]
      inputs: {people: people}
      files: ["scripts/*.py"]
      outputs:
        next: {format: json-lines, columns: {name: text, next: {type: int, role: label}}}
        model: file
      """, script: Self.score,
      more: """
          used:
            command:
              run: [sh, -c, "wc -c < {inputs.model} > {outputs.size}"]
              inputs: {model: {from: work.model, as: file}}
              outputs: {size: {format: {csv: {header: false}}, columns: [bytes]}}
          out: {export: {from: work, to: out/next.csv}}

        """)
    try product.write(
      "def after(age): return int(age) + 1 if age else None\n", to: "scripts/helper.py")
    // What an earlier run by hand left there is nobody's input.
    try product.write("stale", to: "scripts/__pycache__/helper.cpython-311.pyc")
    let answer = try run(product)
    #expect(answer.code == 0, "\(answer.err)")
    #expect(try product.read("out/next.csv") == "name,next\nana,32\nbo,43\ncy,\n")
    #expect(try rows(product, "used").contains("256"))
    let logs = try product.shell("cat .admix/logs/*/work.log; ls -l .admix/logs/*/work.log")
    #expect(logs.out.hasPrefix("seed ") && logs.out.contains("-rw-------"), "\(logs.out)")

    // A change to what it imports reruns it and what hangs on it, and is named.
    try product.write(
      "def after(age): return int(age) + 2 if age else None\n", to: "scripts/helper.py")
    let why = try product.admix("why", "pipeline.yaml", "work")
    #expect(why.out.contains("scripts/helper.py"), "\(why.out)")
    #expect(try run(product).code == 0)
    #expect(try product.read("out/next.csv") == "name,next\nana,33\nbo,44\ncy,\n")

    // A run that fails leaves what there was.
    try product.write("raise SystemExit('no more')\n", to: "scripts/helper.py")
    let failed = try run(product)
    #expect(failed.code == 1, "\(failed.err)")
    #expect(failed.err.contains("  | no more"), "\(failed.err)")
    #expect(failed.err.contains("'python3' ended with exit status 1 [AX0865]"), "\(failed.err)")
    #expect(try product.read("out/next.csv") == "name,next\nana,33\nbo,44\ncy,\n")
    let stored = try product.shell("grep -l 'no more' -r .admix; ls .admix/store.db")
    #expect(stored.out.split(separator: "\n").count == 2, "more than the log: \(stored.out)")

    // And going back is a hit.
    try product.write(
      "def after(age): return int(age) + 1 if age else None\n", to: "scripts/helper.py")
    #expect(try statuses(run(product)).values.allSatisfy { $0 == "cached" })
    #expect(try product.read("out/next.csv") == "name,next\nana,32\nbo,43\ncy,\n")
  }

  @Test func declaredColumnsAreChecked() throws {
    let product = try product(
      """
      run: [cp, "{inputs.rows}", "{outputs.copy}"]
      inputs: {rows: people}
      outputs: {copy: {format: csv, columns: {name: int, income: int}}}
      """)
    let answer = try run(product)
    #expect(answer.code == 1)
    #expect(answer.err.contains("'copy.csv' has no column 'income' [AX0412]"), "\(answer.err)")
  }

  @Test func nothingOfTheCallersEnvironmentComesAlong() throws {
    let product = try product(
      """
      run: [sh, -c, "env | cut -d= -f1 | sort > {outputs.names}; echo $KEY >> {outputs.names}; echo told $KEY"]
      outputs: {names: file}
      environment: [KEY, ABSENT]
      """)
    let answer = try run(product, ["KEY": "hush-hush", "OTHER": "x", "LC_ALL": "de_DE"])
    #expect(answer.code == 0, "\(answer.err)")
    let names = try product.shell("cat $(grep -rl ADMIX_SEED .admix/objects)").out
    #expect(
      names == """
        ADMIX_OUTPUT_names
        ADMIX_SEED
        HOME
        KEY
        LANG
        PATH
        PWD
        PYTHONDONTWRITEBYTECODE
        PYTHONHASHSEED
        TMPDIR
        TZ
        hush-hush

        """, "\(names)")
    // Its value is a reason to run, and is nowhere but where the program put it.
    #expect(try product.shell("grep -l hush-hush .admix/store.db* .admix/logs/*/*").out.isEmpty)
    #expect(try product.shell("cat .admix/logs/*/work.log").out == "told ***\n")
    #expect(try statuses(run(product, ["KEY": "hush-hush"]))["work"] == "cached")
    let why = try product.admix("why", "pipeline.yaml", "work", environment: ["KEY": "other"])
    #expect(why.out.contains("KEY") && !why.out.contains("other"), "\(why.out)")
    #expect(try statuses(run(product, ["KEY": "other"]))["work"] == "executed")
  }

  @Test(
    "what the sandbox refuses ends with 9 and names file and stage",
    arguments: [
      ("cat \"$PWD/secret.txt\" > {outputs.x}", "read 'secret.txt'", "files: [secret.txt]"),
      ("cd scripts; cat ../secret.txt > {outputs.x}", "read 'secret.txt'", "files: [secret.txt]"),
      ("cat secret.txt; echo fine > {outputs.x}", "read 'secret.txt'", "went on without"),
      ("cat .admix/store.db > {outputs.x}", "read '.admix/store.db'", "AX0867"),
      ("echo eva,1 >> {inputs.rows}", "change its input 'rows'", "AX0868"),
      ("rm {inputs.rows}", "change its input 'rows'", "AX0868"),
      ("echo x > /tmp/admix-stray-file", "write '/tmp/admix-stray-file'", "$TMPDIR"),
      ("cp scripts/work.py scripts/other.py", "write 'scripts/other.py'", "AX0868"),
    ])
  func refuses(script: String, fact: String, more: String) throws {
    guard Self.hasLandlock else { return }
    let product = try product(
      """
      run: [sh, -c, '\(script)']
      inputs: {rows: people}
      files: scripts/work.py
      outputs: {x: file}
      """)
    let answer = try run(product)
    #expect(answer.code == 9, "\(answer.code) \(answer.err)")
    #expect(
      answer.err.contains("pipeline.yaml:8:12: error: stage 'work' tried to \(fact)"),
      "\(answer.err)")
    #expect(answer.err.contains(more), "\(answer.err)")
    #expect(!product.exists("scripts/other.py"))
    #expect(!FileManager.default.fileExists(atPath: "/tmp/admix-stray-file"))
    #expect(try product.admix("verify").code == 0)
    // Without a sandbox it is the user's own affair, and the result says so.
    guard script.hasPrefix("cat secret.txt") else { return }
    let free = try product.admix("run", "--allow-commands", "--no-sandbox", "--quiet")
    #expect(free.code == 0 && free.err.contains("ran without a sandbox [AX0870]"), "\(free.err)")
  }

  @Test func noticesWhatIsNotDeterministicAndWhatMovedMeanwhile() throws {
    let clock = try product(
      """
      run: [sh, -c, "date +%N > {outputs.x}"]
      outputs: {x: file}
      """)
    let twice = try clock.admix("run", "--allow-commands", "--check-determinism", "--quiet")
    #expect(twice.code == 10 && twice.err.contains("AX0912"), "\(twice.err)")

    let moving = try product(
      """
      run: [sh, -c, "cat data.txt > {outputs.x}; while [ ! -e stop ]; do sleep 0.01; done"]
      files: data.txt
      outputs: {x: file}
      """)
    try moving.write("one\n", to: "data.txt")
    let running = try moving.start("run", "--allow-commands", "--quiet")
    while try running.process.isRunning
      && moving.shell("find .admix -path '*/outputs/x' -exec cat {} + 2>/dev/null").out.isEmpty
    {
      usleep(10_000)
    }
    try moving.write("two\n", to: "data.txt")
    try moving.write("", to: "stop")
    let moved = try running.wait()
    #expect(moved.code == 7 && moved.err.contains("AX0409"), "\(moved.code) \(moved.err)")
    #expect(try run(moving).code == 0)
    #expect(try moving.shell("grep -rl two .admix/objects | wc -l").out.hasPrefix("1"))
  }

  /// A command that runs admix itself: sandboxes within sandboxes, where the inner one cannot be watched.
  @Test func aCommandMayRunCommands() throws {
    guard Self.hasLandlock else { return }
    let libraries = try Product().shell(
      "ldd \(Product.binary.path) | awk '/=> \\//{print $3}' | xargs -n1 dirname | sort -u")
    let folders =
      (libraries.out.split(separator: "\n") + [
        Substring(Product.binary.deletingLastPathComponent().path)
      ]).joined(separator: ", ")
    let product = try product(
      """
      run: [\(Product.binary.path), run, inner.yaml, --store, "{outputs.x}-store", --quiet, --allow-commands, --no-report]
      files: [inner.yaml, secret.txt]
      runtime: [\(folders)]
      outputs: {x: file}
      """)
    try product.write(
      """
      admix: 1
      name: inner
      stages:
        a:
          command:
            run: [sh, -c, "cat secret.txt > {outputs.y}"]
            outputs: {y: file}
      """, to: "inner.yaml")
    let answer = try run(product)
    #expect(answer.err.contains("ended with exit status 9 [AX0865]"), "\(answer.err)")
    #expect(
      answer.err.contains("stage 'a' was refused a file that it does not declare"),
      "\(answer.err)")
  }

  // MARK: Trust

  @Test func nothingRunsThatNobodyTrusted() throws {
    let product = try product(
      """
      run: [sh, scripts/work.py, "{outputs.x}"]
      files: scripts/work.py
      outputs: {x: file}
      """, script: "touch \"$TMPDIR/ran\"; echo 1 > \"$1\"\n")
    let state = ["XDG_STATE_HOME": product.folder.path + "/state"]
    func admix(_ arguments: String...) throws -> Product.Answer {
      try Product.start(Product.binary, arguments, in: product.folder, environment: state).wait()
    }
    // Asking needs no trust and leaves nothing.
    for verb in ["check", "plan", "status"] { #expect(try admix(verb).code == 0, "\(verb)") }
    #expect(try admix("why", "pipeline.yaml", "work").code == 0)
    let refused = try admix("run")
    #expect(refused.code == 9 && refused.err.contains("AX0860"), "\(refused.err)")
    #expect(refused.err.contains("sh scripts/work.py"), "\(refused.err)")
    #expect(!product.exists(".admix/logs"))
    #expect(try admix("trust").code == 0)
    #expect(try admix("run", "--no-report").code == 0)
    #expect(try admix("trust", "--list").out.contains("work: sh scripts/work.py"))
    #expect(try !product.shell("cat state/admix/trust/*").out.isEmpty)

    // What is known may be taken without trust: nothing of it is executed.
    #expect(try admix("trust", "--revoke").code == 0)
    #expect(try admix("run").code == 0)
    #expect(try admix("run", "--force", "work").code == 9)

    #expect(try admix("trust").code == 0)
    let pipeline = try product.read("pipeline.yaml")
    // Neither the name of a stage nor a comment decides what is executed.
    try product.write("# more\n" + pipeline, to: "pipeline.yaml")
    #expect(try admix("run", "--no-report", "--force", "work").code == 0)
    for (file, text) in [
      ("scripts/work.py", "echo 2 > \"$1\"\n"),
      ("pipeline.yaml", pipeline.replacing("[sh, scripts", with: "[sh, -e, scripts")),
      ("pipeline.yaml", pipeline + "      network: true\n"),
      ("pipeline.yaml", pipeline + "      environment: HOME\n"),
    ] {
      let before = try product.read(file)
      try product.write(text, to: file)
      let changed = try admix("run", "--force", "work")
      #expect(changed.code == 9, "\(file): \(changed.err)")
      #expect(changed.err.contains("is not what you trusted [AX0860]"), "\(changed.err)")
      try product.write(before, to: file)
    }
    #expect(try admix("run", "--no-report", "--force", "work").code == 0)
    // Another program of the same name is another program.
    try product.write("#!/bin/sh\nexec /bin/sh \"$@\"\n", to: "bin/sh")
    let other = try product.shell(
      "chmod +x bin/sh; XDG_STATE_HOME=$PWD/state PATH=$PWD/bin:$PATH admix run --force work")
    #expect(other.code == 9, "\(other.err)")
  }

  // MARK: Ends

  private static let stray = """
    import os, subprocess, sys, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for _ in range(600):
                open(sys.argv[2], "a").write("x"); time.sleep(0.05)
        os._exit(0)
    while not os.path.exists(sys.argv[2]): time.sleep(0.01)
    print("ready", flush=True)
    time.sleep(30)
    open(sys.argv[1], "w").write("late\\n")
    """

  /// Command lines that name the product's folder.
  private func processes(of product: Product) -> [String] {
    let name = product.folder.lastPathComponent
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return numbers.compactMap { number in
      Int(number).flatMap { try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8) }
    }.filter { $0.contains(name) }
  }

  @Test func equalOutputsDoNotDisturbTheirReaders() throws {
    let product = try Product()
    try product.write("1\n", to: "in.txt")
    // Each makes anew what the others are reading.
    let copies = (1...8).map {
      "  s\($0): {command: {run: [cp, \"{inputs.a}\", \"{outputs.x}\"], inputs: {a: {from: s0.x, as: file}}, outputs: {x: file}}}\n"
    }
    try product.write(
      "admix: 1\nname: equal\nstages:\n  s0: {command: {run: [cp, in.txt, \"{outputs.x}\"], files: in.txt, outputs: {x: file}}}\n"
        + copies.joined(), to: "pipeline.yaml")
    for _ in 0..<3 {
      let answer = try product.admix(
        "run", "--force", "all", "--jobs", "8", "--no-report", "--allow-commands")
      #expect(answer.code == 0, "\(answer.err)")
    }
  }

  @Test(
    "no process of a program outlives the run",
    arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGKILL, 137)] as [(Int32, Int32)])
  func nothingRunsOn(number: Int32, code: Int32) throws {
    let product = try product(
      """
      run: [python3, scripts/work.py, "{outputs.x}", "{outputs.beat}"]
      files: scripts/work.py
      outputs: {x: file, beat: file}
      """, script: Self.stray)
    let running = try product.start("run", "--no-report", "--allow-commands")
    func beats() throws -> Int {
      let text = try product.shell(
        "find .admix -path '*/outputs/beat' -exec cat {} + 2>/dev/null | wc -c"
      ).out
      return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }
    while try running.process.isRunning && beats() == 0 { usleep(10_000) }
    #expect(running.process.isRunning)
    kill(running.process.processIdentifier, number)
    let answer = try running.wait()
    #expect(answer.code == code, "\(answer.code) \(answer.err)")
    // The launcher of a killed run has to notice; an interrupted run has waited for it.
    for _ in 0..<200 where number == SIGKILL && !processes(of: product).isEmpty { usleep(10_000) }
    #expect(processes(of: product) == [])
    // And the next run has the place to itself.
    try product.write(
      "import sys\nfor path in sys.argv[1:]: open(path, 'w').write('1')\n", to: "scripts/work.py")
    let again = try run(product)
    #expect(again.code == 0, "\(again.err)")
  }
}
