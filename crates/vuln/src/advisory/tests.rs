//! Does every registered format give its golden output, and does no input of it panic?

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Renders what a format makes of a file, one line each.
#[derive(Default)]
struct Golden(String);

impl Sink for Golden {
    fn accept(&mut self, statement: Statement) {
        let json = serde_json::to_string(&statement).expect("statement serialises");
        let _ = writeln!(self.0, "{json}");
    }
    fn add(&mut self, statement: Statement) {
        let json = serde_json::to_string(&statement).expect("statement serialises");
        let _ = writeln!(self.0, "and {json}");
    }
    fn refuse(&mut self, file: &str, line: u64, reason: String) {
        let _ = writeln!(self.0, "refused {file}:{line}: {reason}");
    }
    fn refuse_part(&mut self, file: &str, line: u64, reason: String) {
        let _ = writeln!(self.0, "part refused {file}:{line}: {reason}");
    }
}

fn render(format: &dyn AdvisoryFormat, file: &str, bytes: &[u8]) -> String {
    let mut golden = Golden::default();
    format.read(file, &mut &*bytes, &mut golden);
    golden.0
}

#[test]
fn every_format_gives_its_golden_output() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/advisory");
    for format in FORMATS {
        let folder = root.join(format.name());
        let mut inputs: Vec<_> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "in"))
            .collect();
        inputs.sort();
        let named = |part: &str| {
            inputs.iter().any(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(part)))
        };
        assert!(named("good") && named("hostile"), "{}: needs a good and a hostile fixture", format.name());
        for input in inputs {
            let name = input.file_name().expect("name").to_string_lossy().into_owned();
            let file = if name.contains(".yaml") { "good.yaml" } else { name.as_str() };
            let found = render(*format, file, &std::fs::read(&input).expect("fixture"));
            let golden = input.with_extension("out");
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&golden, &found).expect("write golden");
            }
            let expected = std::fs::read_to_string(&golden).unwrap_or_default();
            assert_eq!(found, expected, "{}", input.display());
        }
    }
}

#[test]
fn names_are_unique_and_the_page_lists_them() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/advisory-formats.md"))
            .expect("page");
    for (at, format) in FORMATS.iter().enumerate() {
        assert!(FORMATS[..at].iter().all(|other| other.name() != format.name()));
        assert!(page.contains(&format!("`{}`", format.name())), "{} is not on the page", format.name());
    }
}

#[test]
fn deep_and_wide_documents_are_harmless() {
    let deep = format!("{{\"id\":\"X-1\",\"details\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let wide = format!("{{\"id\":\"X-2\",\"aliases\":[{}]}}", vec!["\"X-2\""; 100_000].join(","));
    let unclosed = "[".repeat(1_000_000);
    for text in [deep, wide, unclosed] {
        for format in FORMATS {
            render(*format, "x.json", text.as_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in FORMATS {
            let _ = format.recognises("x", &bytes);
            render(*format, "x", &bytes);
        }
    }

    /// Every fixture cut, with bytes changed, and with a part said twice.
    #[test]
    fn damaged_fixtures_are_harmless(
        cut in any::<proptest::sample::Index>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        (from, len) in (any::<proptest::sample::Index>(), 0_usize..60),
    ) {
        for (format, file, good) in fixtures() {
            let mut bytes = good.clone();
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let from = from.index(bytes.len());
            let part = bytes[from..(from + len).min(bytes.len())].to_vec();
            bytes.splice(from..from, part);
            render(*format, file, &bytes);
            bytes.truncate(cut.index(bytes.len()));
            render(*format, file, &bytes);
        }
    }
}

type Fixture = (&'static dyn AdvisoryFormat, &'static str, Vec<u8>);

fn fixtures() -> &'static [Fixture] {
    static ALL: std::sync::OnceLock<Vec<Fixture>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/advisory");
        let mut out: Vec<Fixture> = Vec::new();
        for format in FORMATS {
            for entry in std::fs::read_dir(root.join(format.name())).expect("folder").flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.ends_with(".in") {
                    let bytes = std::fs::read(entry.path()).expect("fixture");
                    out.push((*format, if name.contains(".yaml") { "x.yaml" } else { "x" }, bytes));
                }
            }
        }
        out
    })
}

#[test]
fn every_fixture_is_recognised_as_its_own() {
    for (format, file, bytes) in fixtures() {
        let found = detect(file, bytes).map(AdvisoryFormat::name);
        let text = String::from_utf8_lossy(bytes);
        // Broken beyond recognition is fine for what is meant to be broken.
        assert!(found == Some(format.name()) || found.is_none(), "{}: {found:?} {:.80}", format.name(), text);
    }
}
