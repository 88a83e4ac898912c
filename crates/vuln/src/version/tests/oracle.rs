//! Do the orders agree with the tools that own them, where these are installed?

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;

/// A tool, how it is asked, and what its versions look like.
struct Oracle {
    scheme: &'static str,
    /// Reads lines of two versions with a tab between, prints `<`, `=`, `>` or `?` for each.
    program: &'static [&'static str],
    script: &'static str,
    grammar: &'static str,
}

const ORACLES: &[Oracle] = &[
    Oracle {
        scheme: "dpkg",
        program: &["bash"],
        script: r#"command -v dpkg >/dev/null || exit 9
while IFS=$'\t' read -r a b; do
  dpkg --compare-versions "$a" lt "$b" && echo '<' && continue
  dpkg --compare-versions "$a" eq "$b" && echo '=' || echo '>'
done"#,
        grammar: "([0-2]:)?[0-9]{1,2}(\\.[0-9]{1,2}){0,2}([~+.](rc|deb|dfsg|git)?[0-9]{0,2}){0,2}(-[0-9][a-z~+.0-9]{0,3})?",
    },
    Oracle {
        scheme: "rpm",
        program: &["bash"],
        script: r#"command -v rpm >/dev/null || exit 9
rpm --eval "%{lua:$(while IFS=$'\t' read -r a b; do echo "print(rpm.vercmp('$a','$b') .. ';')"; done)}" |
tr ';' '\n' | grep . | sed 's/^-1$/</;s/^0$/=/;s/^1$/>/'"#,
        grammar: "([0-2]:)?[0-9]{1,2}(\\.[0-9a-z]{1,2}){0,2}([~^.](rc|git|post)?[0-9]{0,2}){0,2}(-[0-9][a-z~^.0-9]{0,3})?",
    },
    Oracle {
        scheme: "maven",
        program: &["bash"],
        script: r#"jar=$(ls /usr/share/maven/lib/maven-artifact-3.*.jar 2>/dev/null | head -1)
[ -n "$jar" ] && command -v java >/dev/null || exit 9
java -jar "$jar" $(tr '\t' ' ') | grep -E '^   ' | awk 'NR%2==1{print $2}' | sed 's/==/=/'"#,
        grammar: "[0-9]{1,2}(\\.[0-9]{1,2}){0,3}([.-]?(alpha|beta|b|m|rc|cr|ga|final|sp|SNAPSHOT|jre|foo)[.-]?[0-9]{0,2}){0,2}",
    },
    Oracle {
        scheme: "gem",
        program: &["ruby", "-"],
        script: "STDIN.each_line { |l| a, b = l.chomp.split(\"\\t\")\n\
                 puts (begin; ['=', '>', '<'][Gem::Version.new(a) <=> Gem::Version.new(b)]; rescue; '?'; end) }",
        grammar: "[0-9]{1,2}(\\.[0-9]{1,2}){0,3}([.-]?(alpha|beta|pre|rc|a|b)\\.?[0-9]{0,2}){0,2}",
    },
    Oracle {
        scheme: "npm",
        program: &["node", "-"],
        script: "let s; for (const p of [require('child_process').execSync('npm root -g').toString().trim() + '/npm/node_modules/semver', 'semver'])\n\
                 try { s = require(p); break } catch (e) {}\n\
                 if (!s) process.exit(9);\n\
                 for (const l of LINES) { const [a, b] = l.split('\\t');\n\
                 try { console.log('<=>'[s.compare(a, b) + 1]) } catch (e) { console.log('?') } }",
        grammar: "(0|[1-9][0-9]?)\\.(0|[1-9])\\.(0|[1-9][0-9]?)(-(alpha|beta|rc|0|[1-9])(\\.(0|[1-9][0-9]?|x|A))?)?(\\+[a-z]{1,2})?",
    },
    Oracle {
        scheme: "pep440",
        program: &["python3", "-c"],
        script: "import sys\n\
                 try:\n    from packaging.version import Version as V\n\
                 except ImportError: from pip._vendor.packaging.version import Version as V\n\
                 for l in sys.stdin:\n    a, b = map(V, l.rstrip('\\n').split('\\t')); print('<' if a < b else '=' if a == b else '>')",
        grammar: "(1!)?[0-9]{1,2}(\\.[0-9]{1,2}){0,3}([._-]?(a|b|c|rc|alpha|beta|pre|preview)[._-]?[0-9]{0,2})?(\\.?post[0-9]{0,2}|-[0-9])?(\\.?dev[0-9]{0,2})?(\\+[a-z0-9]{1,3}(\\.[a-z0-9]{1,2})?)?",
    },
];

/// Ranges of tools that say whether a version satisfies one.
const RANGES: &[Oracle] = &[
    Oracle {
        scheme: "npm",
        program: &["node", "-"],
        script: "let s; for (const p of [require('child_process').execSync('npm root -g').toString().trim() + '/npm/node_modules/semver', 'semver'])\n\
                 try { s = require(p); break } catch (e) {}\n\
                 if (!s) process.exit(9);\n\
                 for (const l of LINES) { const [a, b] = l.split('\\t'); console.log(s.validRange(b) === null ? '?' : s.satisfies(a, b)) }",
        grammar: "((\\^|~|>|>=|<|<=|=) ?)?[0-3](\\.([0-3]|x))?(\\.[0-3](-(rc\\.[12]|beta))?)?( <[1-4](\\.[0-3]\\.[0-3])?)?( \\|\\| [0-3]\\.[0-3](\\.x)?| \\|\\| 0\\.[0-3] - [0-4]\\.[0-3])?",
    },
    Oracle {
        scheme: "pep440",
        program: &["python3", "-c"],
        script: "import sys\n\
                 try:\n    from packaging.specifiers import SpecifierSet as S\n\
                 except ImportError: from pip._vendor.packaging.specifiers import SpecifierSet as S\n\
                 for l in sys.stdin:\n    a, b = l.rstrip('\\n').split('\\t')\n\
                 \x20   try: print(str(S(b).contains(a, prereleases=True)).lower())\n\
                 \x20   except Exception: print('?')",
        grammar: "(==|!=|<|<=|>|>=)[0-3](\\.[0-3]){0,2}(rc1|\\.dev1|\\.post1|)(,(~=[0-3]\\.[0-3](\\.[0-3])?|!=[0-3]\\.\\*|==[0-3]\\.[0-3]\\.\\*|<[1-4]))?",
    },
    Oracle {
        scheme: "gem",
        program: &["ruby", "-"],
        script: "STDIN.each_line { |l| a, b = l.chomp.split(\"\\t\")\n\
                 puts (begin; Gem::Requirement.new(b.split(', ')).satisfied_by?(Gem::Version.new(a)); rescue; '?'; end) }",
        grammar: "(~>|>|>=|<|<=|=|!=) [0-3](\\.[0-3]){0,2}(\\.rc1|)(, (~>|<|!=) [0-3]\\.[0-3])?",
    },
];

fn ask(oracle: &Oracle, lines: &[String]) -> Option<Vec<String>> {
    let input = lines.join("\n") + "\n";
    let mut command = Command::new(oracle.program[0]);
    let script = oracle.script.replace("LINES", &serde_json::json!(lines).to_string());
    match oracle.program {
        ["bash"] => command.args(["-c", &script]),
        ["node", _] => command.args(["-e", &script]),
        ["ruby", _] => command.args(["-e", &script]),
        _ => command.args(&oracle.program[1..]).arg(&script),
    };
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut stdin = child.stdin.take()?;
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().ok()?;
    let _ = writer.join();
    let answers: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    (output.status.success() && answers.len() == lines.len()).then_some(answers)
}

fn texts(grammar: &str, count: usize) -> Vec<String> {
    // Few numbers, so that versions are near each other or equal.
    let grammar = grammar.replace("[0-9]{1,2}", "(0|1|2|10)").replace("[0-9]{0,2}", "[01]{0,1}");
    let strategy = proptest::string::string_regex(&grammar).expect("a grammar");
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("a text").current()).collect()
}

#[test]
fn orders_agree_with_their_own_tools() {
    for oracle in ORACLES {
        let versions = texts(oracle.grammar, PAIRS * 2);
        let lines: Vec<String> = versions.chunks(2).map(|pair| pair.join("\t")).collect();
        let Some(answers) = ask(oracle, &lines) else {
            println!("skipped: no tool for {}", oracle.scheme);
            continue;
        };
        let scheme = Scheme::from_name(oracle.scheme).expect("a scheme");
        judge(oracle, &lines, &answers, |a, b| match scheme.order(a, b) {
            Ordering::Less => "<".to_owned(),
            Ordering::Equal => "=".to_owned(),
            Ordering::Greater => ">".to_owned(),
        });
    }
}

#[test]
fn ranges_agree_with_their_own_tools() {
    for oracle in RANGES {
        let ranges = texts(oracle.grammar, PAIRS);
        let versions = texts("[0-3]\\.[0-3]\\.[0-3]", PAIRS);
        let ends = match oracle.scheme {
            "npm" => ["", "", "-rc.1", "-beta"],
            "pep440" => ["", "rc1", ".post1", ".dev1"],
            _ => ["", "", ".rc1", ".a"],
        };
        let lines: Vec<String> =
            (0..PAIRS).map(|at| format!("{}{}\t{}", versions[at], ends[at % 4], ranges[at])).collect();
        let Some(answers) = ask(oracle, &lines) else {
            println!("skipped: no tool for ranges of {}", oracle.scheme);
            continue;
        };
        judge(oracle, &lines, &answers, |version, range| {
            satisfies(oracle.scheme, version, range).map_or_else(|error| error.to_string(), |hit| hit.to_string())
        });
    }
}

fn judge(oracle: &Oracle, lines: &[String], answers: &[String], found: impl Fn(&str, &str) -> String) {
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (line, answer) in lines.iter().zip(answers) {
        *tally.entry(answer.as_str()).or_default() += 1;
        let (a, b) = line.split_once('\t').expect("two fields");
        let found = found(a, b);
        if answer != "?" && found != *answer {
            wrong.push(format!("{a} and {b}: the tool says {answer}, we say {found}"));
        }
    }
    println!("{}: {} asked, {tally:?}, {} differ", oracle.scheme, lines.len(), wrong.len());
    assert!(wrong.is_empty(), "{}: {wrong:#?}", oracle.scheme);
}

/// How many questions each tool is asked.
const PAIRS: usize = 400;
