//! Which chores does this repository have, and how is each called? One file each.

mod bpf;
mod ci;
mod console;
mod coverage;
mod demo;
mod doctor;
mod fuzz;
mod passwords;
mod run;
mod soak;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  ci                everything a change must pass: format, lints, tidy, kernel object, tests
  test [ARGS]       the tests; ARGS go to the runner
  console           check and build the web console, where Node is
  console-test [ARGS]  the console in a real browser, by the real program
  demo [ARGS]       build the binaries and run `tripoint demo ARGS`
  bench [NAME] [--json]  measure (without a name: say what there is)
  fuzz [TARGET]... [--seconds N] [--input FILE]  search inputs that break a parser (60 s each); an input again
  coverage          how many lines of the parsers their own tests run (needs the compiler's own llvm-cov)
  soak [ROUNDS]     repeat the kernel tests, the stories and the fuzzing (20 rounds)
  tidy [--update]   the rules of the house; --update lowers the ratchet
  bpf [--check]     compile the kernel programs; --check compares only
  passwords LIST    write anew which passwords are most used, from a list with the most used first
  doctor            what this machine can do, and what each missing thing costs
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let rest: Vec<String> = words.collect();
    let has = |flag: &str| rest.iter().any(|word| word == flag);
    let done = match command.as_str() {
        "ci" => ci::run(),
        "test" => test::run(&rest),
        "console" => console::build(),
        "console-test" => console::test(&rest),
        "demo" => demo::run(&rest),
        "bench" => demo::bench(&rest),
        "fuzz" => fuzz::run(&rest),
        "coverage" => coverage::run(),
        "soak" => soak::run(rest.first().map(String::as_str)),
        "tidy" => tidy::run(has("--update")),
        "passwords" => passwords::run(rest.first().map(String::as_str)),
        "bpf" => bpf::run(has("--check")),
        "doctor" => doctor::run(),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(if command.is_empty() || command == "help" || command == "--help" { 0 } else { 64 });
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
