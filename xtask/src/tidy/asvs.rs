//! Has each line of OWASP ASVS 5.0.0, levels 1 and 2, a test that there is, a reason, or what lacks?
//!
//! `docs/reference/asvs.md` has a row for each: id, level, words of ours, and what shows it. Tests are named as
//! `server: it::sessions::NAME` or `console: people.spec.ts: TITLE`, in backticks; what is not tested begins with `n/a:`
//! or `open:`. Headings tell the counts of their chapter.

use std::collections::BTreeSet;

use super::Text;

/// Where the rows are.
pub const PAGE: &str = "docs/reference/asvs.md";

/// How many rows have what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    tested: usize,
    apart: usize,
    open: usize,
}

impl Counts {
    fn lines(self) -> usize {
        self.tested + self.apart + self.open
    }

    fn words(self) -> String {
        let Self { tested, apart, open } = self;
        format!("{} lines, {tested} tested, {apart} not applicable, {open} open", self.lines())
    }
}

/// What is wrong with the page; and its counts in words.
pub fn check(texts: &[Text]) -> (String, Vec<String>) {
    let page = texts.iter().find(|text| text.path == PAGE).map_or("", |text| text.text.as_str());
    let (mut broken, mut seen, mut all) = (Vec::new(), BTreeSet::new(), Counts::default());
    let mut chapter: Option<(String, Counts)> = None;
    for (number, line) in page.lines().enumerate() {
        let place = format!("{PAGE}:{}", number + 1);
        if line.starts_with("## ") {
            broken.extend(chapter.take().and_then(|(heading, counts)| told_otherwise(&heading, counts)));
            chapter = line.starts_with("## V").then(|| (line.to_owned(), Counts::default()));
        }
        let Some((id, level, shown)) = row(line) else { continue };
        match level_of(id) {
            None => broken.push(format!("{place}: {id} is no line of the standard")),
            Some(own) if own.to_string() != level => broken.push(format!("{place}: {id} is of level {own}")),
            Some(_) if !seen.insert(id.to_owned()) => broken.push(format!("{place}: {id} is there already")),
            Some(_) => {}
        }
        let counts = chapter.as_mut().filter(|(heading, _)| chapter_of(heading) == id.split('.').next());
        let Some((_, counts)) = counts else {
            broken.push(format!("{place}: {id} stands in another's chapter"));
            continue;
        };
        let (counted, wrong) = judge(shown, texts);
        *counts = sum(*counts, counted);
        all = sum(all, counted);
        broken.extend(wrong.into_iter().map(|why| format!("{place}: {id}: {why}")));
    }
    broken.extend(chapter.and_then(|(heading, counts)| told_otherwise(&heading, counts)));
    broken.extend(wanted().filter(|id| !seen.contains(id)).map(|id| format!("{PAGE} lacks {id}")));
    if !page.lines().any(|line| !line.starts_with("## ") && line.contains(&all.words())) {
        broken.push(format!("{PAGE} does not say: {}", all.words()));
    }
    (format!("asvs: {}", all.words()), broken)
}

fn sum(a: Counts, b: Counts) -> Counts {
    Counts { tested: a.tested + b.tested, apart: a.apart + b.apart, open: a.open + b.open }
}

/// Id, level, and what shows it.
fn row(line: &str) -> Option<(&str, &str, &str)> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.splitn(4, " | ");
    let (id, level, _, shown) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    id.starts_with(|c: char| c.is_ascii_digit()).then_some((id, level, shown))
}

/// `7` of `## V7 Sessions: …`.
fn chapter_of(heading: &str) -> Option<&str> {
    heading.strip_prefix("## V")?.split(' ').next()
}

fn told_otherwise(heading: &str, counts: Counts) -> Option<String> {
    let wrong = !heading.ends_with(&format!(": {}", counts.words()));
    wrong.then(|| format!("{PAGE}: `{heading}` has {}", counts.words()))
}

fn judge(shown: &str, texts: &[Text]) -> (Counts, Vec<String>) {
    let names: Vec<&str> = shown.split('`').skip(1).step_by(2).filter(|name| name.contains(": ")).collect();
    let mut wrong: Vec<String> = names.iter().filter_map(|name| missing(name, texts)).collect();
    let reason = shown.strip_prefix("n/a: ").or_else(|| shown.strip_prefix("open: "));
    if reason.map_or(names.is_empty(), |reason| reason.trim().len() < REASON_MIN) {
        wrong.push("no test is named, and no reason given".into());
    }
    let counts = match shown {
        _ if shown.starts_with("n/a: ") => Counts { apart: 1, ..Counts::default() },
        _ if shown.starts_with("open: ") => Counts { open: 1, ..Counts::default() },
        _ => Counts { tested: 1, ..Counts::default() },
    };
    (counts, wrong)
}

/// Why there is no such test.
fn missing(name: &str, texts: &[Text]) -> Option<String> {
    let (owner, rest) = name.split_once(": ")?;
    if owner == "console" {
        let Some((file, title)) = rest.split_once(": ") else { return Some(format!("`{name}` has no title")) };
        let is_it = |text: &&Text| text.path.starts_with("console/") && text.path.ends_with(&format!("/{file}"));
        let there = texts.iter().filter(is_it).any(|text| text.text.contains(&format!("it('{title}',")));
        return (!there).then(|| format!("no test `{title}` in {file}"));
    }
    let Some((module, function)) = rest.rsplit_once("::") else { return Some(format!("`{name}` has no module")) };
    let module = module.replace("::", "/");
    let roots = match owner {
        "xtask" => vec!["xtask/src".to_owned()],
        _ => vec![format!("crates/{owner}/src"), format!("crates/{owner}/tests")],
    };
    let files: Vec<String> =
        roots.iter().flat_map(|root| ["", "/mod", "/tests"].map(|end| format!("{root}/{module}{end}.rs"))).collect();
    let there = texts.iter().filter(|text| files.contains(&text.path)).any(|text| is_test(&text.text, function));
    (!there).then(|| format!("no test `{function}` in {}", files[0]))
}

/// Whether a function of this name is one that a test run runs.
fn is_test(source: &str, function: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_it = |line: &str| line.split_once("fn ").is_some_and(|(_, rest)| rest.starts_with(&format!("{function}(")));
    lines.iter().enumerate().filter(|(_, line)| is_it(line)).any(|(at, _)| {
        let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        let above: Vec<_> = above.collect();
        let runs = above.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
        runs && !above.iter().any(|line| line.starts_with("#[ignore"))
    })
}

fn level_of(id: &str) -> Option<u32> {
    let (section, number) = id.rsplit_once('.')?;
    let levels = LEVELS.iter().find(|(name, _)| *name == section)?.1;
    levels.chars().nth(number.parse::<usize>().ok()?.checked_sub(1)?)?.to_digit(10)
}

/// The ids of levels 1 and 2.
fn wanted() -> impl Iterator<Item = String> {
    let of = |(section, levels): &(&'static str, &'static str)| {
        let (section, levels) = (*section, *levels);
        let wanted = levels.chars().enumerate().filter(|(_, level)| *level < '3');
        wanted.map(move |(at, _)| format!("{section}.{}", at + 1))
    };
    LEVELS.iter().flat_map(of)
}

const REASON_MIN: usize = 10;

/// Of each section the levels of its lines, in their order (OWASP ASVS 5.0.0, May 2025).
const LEVELS: &[(&str, &str)] = &[
    ("1.1", "22"),
    ("1.2", "1111122223"),
    ("1.3", "112222222223"),
    ("1.4", "222"),
    ("1.5", "123"),
    ("2.1", "122"),
    ("2.2", "112"),
    ("2.3", "12223"),
    ("2.4", "23"),
    ("3.1", "3"),
    ("3.2", "113"),
    ("3.3", "12223"),
    ("3.4", "11222233"),
    ("3.5", "11122333"),
    ("3.6", "3"),
    ("3.7", "22333"),
    ("4.1", "12233"),
    ("4.2", "23333"),
    ("4.3", "22"),
    ("4.4", "1222"),
    ("5.1", "2"),
    ("5.2", "112333"),
    ("5.3", "113"),
    ("5.4", "222"),
    ("6.1", "122"),
    ("6.2", "111111112222"),
    ("6.3", "11223333"),
    ("6.4", "112233"),
    ("6.5", "22222333"),
    ("6.6", "2223"),
    ("6.7", "33"),
    ("6.8", "2222"),
    ("7.1", "222"),
    ("7.2", "1111"),
    ("7.3", "22"),
    ("7.4", "11222"),
    ("7.5", "223"),
    ("7.6", "22"),
    ("8.1", "1233"),
    ("8.2", "1123"),
    ("8.3", "133"),
    ("8.4", "23"),
    ("9.1", "111"),
    ("9.2", "1222"),
    ("10.1", "22"),
    ("10.2", "223"),
    ("10.3", "22223"),
    ("10.4", "1111122222233333"),
    ("10.5", "22222"),
    ("10.6", "22"),
    ("10.7", "222"),
    ("11.1", "2233"),
    ("11.2", "22233"),
    ("11.3", "11233"),
    ("11.4", "1222"),
    ("11.5", "23"),
    ("11.6", "23"),
    ("11.7", "33"),
    ("12.1", "12233"),
    ("12.2", "11"),
    ("12.3", "22223"),
    ("13.1", "2333"),
    ("13.2", "222223"),
    ("13.3", "2233"),
    ("13.4", "1222233"),
    ("14.1", "22"),
    ("14.2", "12223333"),
    ("14.3", "122"),
    ("15.1", "12233"),
    ("15.2", "12233"),
    ("15.3", "1222222"),
    ("15.4", "3333"),
    ("16.1", "2"),
    ("16.2", "22222"),
    ("16.3", "2222"),
    ("16.4", "222"),
    ("16.5", "2223"),
    ("17.1", "23"),
    ("17.2", "22223333"),
    ("17.3", "22"),
];

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    #[test]
    fn the_standard_has_seventy_lines_of_level_one_and_183_of_level_two() {
        let of = |level: char| LEVELS.iter().map(|(_, all)| all.chars().filter(|own| *own == level).count()).sum();
        let counts: [usize; 3] = ['1', '2', '3'].map(of);
        assert_eq!(counts, [70, 183, 92]);
        assert_eq!(wanted().collect::<BTreeSet<_>>().len(), 253);
        assert_eq!(
            (level_of("6.2.9"), level_of("6.2.13"), level_of("6.9.1"), level_of("6.2.0")),
            (Some(2), None, None, None)
        );
    }

    #[test]
    fn tests_are_found_and_what_is_none_is_not() {
        let source =
            "//! x\n#[test]\nfn one() {}\nfn two() {}\n#[tokio::test]\n#[ignore = \"slow\"]\nasync fn three() {}\n";
        let texts = [
            text("crates/server/tests/it/a.rs", source),
            text("crates/server/src/b/tests.rs", source),
            text("console/tests/c.spec.ts", "it('does it', async () => {"),
        ];
        let of = |name: &str| missing(name, &texts).is_none();
        assert!(of("server: it::a::one") && of("server: b::one") && of("console: c.spec.ts: does it"));
        for wrong in
            ["server: it::a::two", "server: it::a::three", "server: it::a::on", "cli: it::a::one", "server: one"]
        {
            assert!(!of(wrong), "{wrong}");
        }
        assert!(!of("console: c.spec.ts: does") && !of("console: d.spec.ts: does it"));
    }

    #[test]
    fn wrong_rows_are_noticed() {
        let found = |rows: &str| {
            let page = format!("## V1 Encoding: 1 lines, 0 tested, 1 not applicable, 0 open\n{rows}");
            check(&[text(PAGE, &page)]).1.into_iter().filter(|why| !why.contains(" lacks ")).collect::<Vec<_>>()
        };
        let good = "| 1.2.6 | 2 | no LDAP | n/a: there is no directory |\n1 lines, 0 tested, 1 not applicable, 0 open";
        assert_eq!(found(good), Vec::<String>::new());
        for (wrong, why) in [
            (good.replace("1.2.6", "1.2.66"), "no line of the standard"),
            (good.replace("| 2 |", "| 1 |"), "is of level 2"),
            (good.replace("1.2.6", "2.1.1"), "another's chapter"),
            (good.replace("n/a: there is no directory", "because"), "no test is named"),
            (good.replace("n/a: there is no directory", "open: x"), "no test is named"),
            (good.replace("n/a: there is no directory", "`server: it::a::b`"), "no test `b`"),
            (format!("{good}\n| 1.2.6 | 2 | no LDAP | n/a: there is no directory |"), "there already"),
            (good.replace("1 lines", "2 lines"), "does not say"),
        ] {
            let said = found(&wrong);
            assert!(said.iter().any(|said| said.contains(why)), "{why}: {said:?}");
        }
        assert_eq!(check(&[]).1.len(), 254, "each that lacks, and the sum");
    }
}
