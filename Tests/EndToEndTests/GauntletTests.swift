import AdmixProcess
import AdmixTestSupport
import Foundation
import Testing

/// Twenty nasty scenarios for an incremental orchestrator, each on three stages with real processes.
///
/// `a` and `b` are programs, `c` puts their rows beside the project. A scenario is a shell script that
/// ends with 0 if what happened is what a person wants.
struct GauntletTests {
  private static let pipeline = """
    admix: 1
    name: gauntlet
    params: {factor: 2}
    stages:
      a:
        command:
          run: [sh, a.sh, in.csv, "{outputs.x}"]
          files: [a.sh, in.csv]
          outputs: {x: csv}
      b:
        command:
          run: [sh, b.sh, "{inputs.a}", "{outputs.x}", "${params.factor}"]
          files: b.sh
          inputs: {a: a.x}
          outputs: {x: csv}
      c: {export: {from: b.x, to: out/c.csv}}
    """

  /// What the scenarios are written in.
  private static let words = """
    set -e
    admix() { command admix "$@" --allow-commands --no-report; }
    # Runs, and notes the exit code in $code and what was said in log.
    run() { code=0; admix run "$@" 2>log || code=$?; }
    # The stages that ran, in order of their names.
    ran() { sed -n 's/^\\([a-z]\\): [a-z]* done in .*/\\1/p' log | sort | tr -d '\\n'; }
    # Says what is not as expected, and ends the scenario.
    is() { [ "$1" = "$2" ] || { echo "expected '$2', found '$1'"; cat log; exit 1; }; }
    says() { grep -q "$1" log || { echo "does not say '$1'"; cat log; exit 1; }; }
    right() { is "$(cat out/c.csv)" "$(printf 'n\\n2\\n4\\n6')"; }

    """

  struct Scenario: Sendable, CustomTestStringConvertible {
    var name: String
    var script: String
    var needsSandbox = false
    var testDescription: String { name }

    init(_ name: String, needsSandbox: Bool = false, _ script: String) {
      self.name = name
      self.script = script
      self.needsSandbox = needsSandbox
    }
  }

  static let scenarios: [Scenario] = [
    Scenario("nothing changed", "run; is \"$(ran)\" ''; says 'nothing to do'; right"),
    Scenario("a file touched, same content", "touch in.csv a.sh; run; is \"$(ran)\" ''; right"),
    Scenario(
      "a file of 2 MB touched, same content",
      "yes 7 | head -c 2000000 | sed '1s/.*/n/' > in.csv; echo 'head -n 4 \"$1\" > \"$2\"' > a.sh; run; is $code 0; touch in.csv; run; is \"$(ran)\" ''"
    ),
    Scenario(
      "an edit that keeps size and mtime",
      "touch -r in.csv mark; printf 'n\\n1\\n2\\n9\\n' > in.csv; touch -r mark in.csv; run; is \"$(ran)\" abc"
    ),
    Scenario(
      "an input edited while the stage runs",
      """
      printf 'sleep 1; cp "$1" "$2"\\n' > a.sh; admix run 2>log & sleep 0.6
      printf 'n\\n5\\n' > in.csv; code=0; wait $! || code=$?
      is $code 7; says 'changed while it was read'; right
      run; is $code 0; is "$(cat out/c.csv)" "$(printf 'n\\n10')"
      """),
    Scenario(
      "everything killed in the middle of a write",
      """
      printf 'head -c 3 "$1" > "$2"; sleep 20\\n' > a.sh; setsid sh -c 'command admix run --allow-commands >/dev/null 2>&1' & sleep 0.8
      pkill -9 -f "$PWD" || true; kill -9 -$! 2>/dev/null || true; sleep 0.3; right
      printf 'cp "$1" "$2"\\n' > a.sh; run; is $code 0; right; command admix verify >/dev/null
      """),
    Scenario(
      "only the orchestrator killed, its child left behind",
      """
      printf 'sleep 1.5; echo late > "$2"\\n' > a.sh; command admix run --allow-commands >/dev/null 2>&1 & pid=$!; sleep 0.6
      kill -9 $pid; printf 'cp "$1" "$2"\\n' > a.sh; run; is $code 0; sleep 1.5; right; run; is "$(ran)" ''
      """),
    Scenario(
      "a rerun that gives the same",
      "echo '# a note' >> a.sh; run; is \"$(ran)\" a; says \"'a' gave what it gave before\"; right"),
    Scenario(
      "a changed parameter",
      "run --set factor=3; is \"$(ran)\" bc; is \"$(tail -n 1 out/c.csv)\" 9"
    ),
    Scenario(
      "an undeclared input read", needsSandbox: true,
      "echo 1 > other.txt; printf 'cat other.txt >/dev/null; cp \"$1\" \"$2\"\\n' > a.sh; run; is $code 9; says \"stage 'a'\"; says other.txt; right"
    ),
    Scenario(
      "a stage that writes its own input", needsSandbox: true,
      "printf 'cp \"$1\" \"$2\"; echo 4 >> \"$1\"\\n' > a.sh; run; is $code 9; says in.csv; is \"$(tail -n 1 in.csv)\" 3; right"
    ),
    Scenario(
      "a declared output missing",
      "echo true > a.sh; run; is $code 1; says 'did not write its output'; right"),
    Scenario(
      "two runs at once on the same stages",
      """
      printf 'sleep 1; cp "$1" "$2"; echo >> /dev/null\\n' > a.sh
      admix run 2>one & admix run 2>two; wait $!
      is "$(cat one two | grep -c 'a: command done')" 1; is "$(cat one two | grep -c 'b: command done')" 0; right
      """),
    Scenario(
      "two runs at once on disjoint stages",
      """
      printf '\\n  d: {command: {run: [sh, d.sh, "{outputs.x}"], files: d.sh, outputs: {x: csv}}}\\n' >> pipeline.yaml
      printf 'sleep 1; echo n > "$1"; echo 1 >> "$1"\\n' > d.sh; printf 'sleep 1; cp "$1" "$2"\\n' > a.sh
      begin=$(date +%s%N); admix run --only c 2>one & admix run --only d 2>two; wait $!
      is "$(grep -c 'a: command done' one)$(grep -c 'd: command done' two)" 11
      """),
    Scenario(
      "back to an earlier state",
      "printf 'n\\n8\\n' > in.csv; run; is \"$(ran)\" abc; printf 'n\\n1\\n2\\n3\\n' > in.csv; run; is \"$(ran)\" ''; right"
    ),
    Scenario(
      "a failing rerun",
      "printf 'head -c 2 \"$1\" > \"$2\"; exit 3\\n' > a.sh; run; is $code 1; says 'exit status 3'; right; command admix verify >/dev/null"
    ),
    Scenario(
      "an output tampered with by hand",
      "echo by hand >> out/c.csv; run; is $code 0; is \"$(ran)\" ''; right; grep -rq 'by hand' .admix/rescued"
    ),
    Scenario(
      "an intermediate deleted",
      "rm -f $(find .admix/objects -type f); printf 'n\\n1\\n2\\n3\\n' > in.csv; run; is $code 0; is \"$(ran)\" ab; right; command admix verify >/dev/null"
    ),
    Scenario(
      "a stage that is not deterministic",
      "printf 'echo n > \"$2\"; date +%%N >> \"$2\"\\n' > a.sh; run --check-determinism; is $code 10; says \"stage 'a' is not deterministic\""
    ),
    Scenario(
      "no sandbox is said once a run",
      "run --force all --no-sandbox; is \"$(ran)\" abc; is \"$(grep -c AX0870 log)\" 1"),
    Scenario(
      "what a check found is remembered",
      """
      tell() { { command admix lineage pipeline.yaml a; command admix why pipeline.yaml a; command admix lineage --format prov; } > log; }
      command admix lineage pipeline.yaml a > log; ! grep -q determinis log
      run --force all --check-determinism; is $code 0; tell; is "$(grep -c 'checked deterministic' log)" 5
      command admix lineage --format openlineage > log; says '"deterministic":true'
      command admix why pipeline.yaml a --run latest > log; says 'checked deterministic (3 tasks done twice)'
      command admix show pipeline.yaml a.x > log; says 'a: checked deterministic'
      command admix report -o r.html >/dev/null; grep -q 'checked deterministic' r.html
      run; is "$(ran)" ''; says 'nothing to do'
      printf 'echo n > "$2"; date +1%%N >> "$2"\\n' > a.sh; run --check-determinism; is $code 10
      command admix why pipeline.yaml a --run latest > log; says 'not deterministic: outputs differ'
      run; is $code 0; tell; is "$(grep -c 'not deterministic: outputs differ' log)" 3; is "$(grep -c 'checked deterministic' log)" 0
      command admix gc --keep-runs 1 >/dev/null; tell; is "$(grep -c 'not deterministic: outputs differ' log)" 3
      """),
    Scenario(
      "an input removed from the spec",
      "sed -i 's/\\[a.sh, in.csv\\]/[a.sh]/' pipeline.yaml; printf 'printf \"n\\\\n7\\\\n\" > \"$2\"\\n' > a.sh; run; is \"$(ran)\" abc; is \"$(tail -n 1 out/c.csv)\" 14"
    ),
  ]

  @Test("what a person wants happens", arguments: scenarios)
  func scenario(_ one: Scenario) throws {
    if one.needsSandbox, SandboxLevel.landlockVersion == 0 {
      FileHandle.standardError.write(Data("NOT RUN: \(one.name) (no Landlock here)\n".utf8))
      return
    }
    let product = try Product()
    try product.write(Self.pipeline, to: "pipeline.yaml")
    try product.write("n\n1\n2\n3\n", to: "in.csv")
    try product.write("cp \"$1\" \"$2\"\n", to: "a.sh")
    try product.write(
      "echo n > \"$2\"; tail -n +2 \"$1\" | while read -r x; do echo $((x * $3)) >> \"$2\"; done\n",
      to: "b.sh")
    // Files written a moment ago are not trusted by their clock; most projects are older than that.
    usleep(100_000)
    let first = try product.admix("run", "--no-report", "--allow-commands")
    try #require(first.code == 0, "\(first.err)")
    try product.write(Self.words + one.script + "\n", to: ".scenario.sh")
    let answer = try product.shell("sh .scenario.sh")
    #expect(answer.code == 0, "\(one.name): \(answer.out)\(answer.err)")
  }
}
