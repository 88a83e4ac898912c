//! Which short texts must stand in everything that a pattern matches?
//!
//! From the pattern itself: of parts in a row the most telling, of alternatives all together. A line in which none of
//! them stands cannot match, and is never looked at again.

use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Texts of which each match holds at least one; nothing where no such set is small and telling enough.
pub fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let found = best(hir)?;
    found.iter().all(|text| is_telling(text)).then_some(found)
}

/// Whether few lines hold a text: it is long enough, or two bytes that no ordinary word begins with.
fn is_telling(text: &[u8]) -> bool {
    text.len() >= BYTES_MIN || (text.len() == 2 && RARE.contains(&text[0]))
}

/// What code begins words with and language does not.
const RARE: &[u8] = b"<>'\"`;|$(){}[]\\^*!~#@%&\r\n";

/// Shortest text that is worth a look.
pub const BYTES_MIN: usize = 3;
/// Texts of one pattern.
const TEXTS_MAX: usize = 8192;
const BYTES_MAX: usize = 40;

/// How telling a set is: by none of its texts standing in every other line, then its shortest text, then how few there
/// are.
fn worth(set: &[Vec<u8>]) -> (bool, usize, std::cmp::Reverse<usize>) {
    let rare = !set.iter().any(|text| memchr::memmem::find(ORDINARY, text).is_some());
    let shortest = set.iter().map(Vec::len).min().unwrap_or(0).min(8);
    (rare && shortest >= BYTES_MIN, shortest, std::cmp::Reverse(set.len()))
}

/// What stands in most lines of most logs: names of headers, what clients call themselves, where pages lie.
const ORDINARY: &[u8] =
    b"get / post / http/1.1\nhost: www.\nreferer: http://www. https://www. .com/ .org/ .net/ .html\n\
user-agent: mozilla/5.0 (x11; ubuntu; linux x86_64; rv:109.0) gecko/20100101 firefox/115.0 \
(windows nt 10.0; win64; x64) (macintosh; intel mac os x 10_15_7) applewebkit/537.36 (khtml, like gecko) \
chrome/120.0.0.0 mobile safari/537.36 edg/120.0 version/17.0 (compatible; googlebot/2.1; bingbot/2.0; \
+http://www.google.com/bot.html) (iphone; cpu iphone os 17_0 like mac os x) (linux; android 13; msie 9.0; trident/5.0) \
curl/8.0 python-requests go-http-client /images/ /img/ /files/ /icons/ /static/ /assets/ /css/ /js/ .css .js .png .jpg \
/index /search?q= &page= ?id= /api/v1/ /blog/ /user /help /version /show /start /open /print /input /profile \n";

fn best(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Capture(capture) => best(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min >= 1 => best(&repetition.sub),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(best(part)?);
            }
            all.sort_unstable();
            all.dedup();
            (all.len() <= TEXTS_MAX).then_some(all)
        }
        HirKind::Concat(parts) => in_a_row(parts),
        HirKind::Class(_) => exact(hir),
        _ => None,
    }
}

/// The best of the parts, where neighbours that are exact are joined.
fn in_a_row(parts: &[Hir]) -> Option<Vec<Vec<u8>>> {
    let mut found: Option<Vec<Vec<u8>>> = None;
    let mut offer = |set: Vec<Vec<u8>>| {
        if !set.is_empty() && found.as_ref().is_none_or(|known| worth(&set) > worth(known)) {
            found = Some(set);
        }
    };
    let mut run: Vec<Vec<u8>> = vec![Vec::new()];
    for part in parts {
        let joined = exact(part).and_then(|texts| join(&run, &texts));
        match (joined, repeated(part)) {
            (Some(longer), _) => run = longer,
            // The first of several ends the run, the last begins the next.
            (None, Some(texts)) => {
                let ended = join(&run, &texts).unwrap_or_else(|| run.clone());
                offer(ended);
                run = texts;
            }
            (None, None) => {
                // How the part begins ends the run.
                if let Some(longer) = beginnings(part).and_then(|texts| join(&run, &texts)) {
                    offer(longer);
                }
                offer(std::mem::replace(&mut run, vec![Vec::new()]));
                // What is too large to be joined may begin a run of its own.
                if let Some(texts) = exact(part) {
                    run = texts;
                }
            }
        }
        if let Some(inner) = best(part) {
            offer(inner);
        }
    }
    offer(run);
    found
}

/// Every text that a part matches, where they are few.
fn exact(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Class(Class::Unicode(class)) => {
            let mut texts = Vec::new();
            for range in class.iter() {
                for c in range.start()..=range.end() {
                    if texts.len() >= CLASS_MAX {
                        return None;
                    }
                    texts.push(c.to_string().into_bytes());
                }
            }
            Some(texts)
        }
        HirKind::Concat(parts) => parts.iter().try_fold(vec![Vec::new()], |run, part| join(&run, &exact(part)?)),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(exact(part)?);
            }
            (all.len() <= TEXTS_MAX).then_some(all)
        }
        HirKind::Repetition(repetition) if repetition.min == 0 && repetition.max == Some(1) => {
            let mut texts = exact(&repetition.sub)?;
            texts.push(Vec::new());
            Some(texts)
        }
        _ => None,
    }
}

/// Texts of which each match begins with one, where they are few.
fn beginnings(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut extractor = Extractor::new();
    extractor
        .kind(ExtractKind::Prefix)
        .limit_class(CLASS_MAX)
        .limit_total(TEXTS_MAX / 8)
        .limit_literal_len(BEGINNING_MAX);
    let found = extractor.extract(hir);
    let texts: Vec<Vec<u8>> = found.literals()?.iter().map(|literal| literal.as_bytes().to_vec()).collect();
    (!texts.is_empty() && texts.iter().all(|text| !text.is_empty())).then_some(texts)
}

/// What of a beginning is looked at, bytes.
const BEGINNING_MAX: usize = 8;

/// Every text that is there once or more, where they are few.
fn repeated(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Repetition(repetition) if repetition.min >= 1 => exact(&repetition.sub),
        _ => None,
    }
}

const CLASS_MAX: usize = 40;

fn join(heads: &[Vec<u8>], tails: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if heads.len() * tails.len() > TEXTS_MAX / 2 {
        return None;
    }
    let mut joined = Vec::with_capacity(heads.len() * tails.len());
    for head in heads {
        for tail in tails {
            let text = [head.as_slice(), tail.as_slice()].concat();
            if text.len() > BYTES_MAX {
                return None;
            }
            joined.push(text);
        }
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str) -> String {
        let hir = regex_syntax::parse(pattern).unwrap();
        let Some(mut found) = required(&hir) else { return "-".into() };
        found.sort();
        found.into_iter().map(|text| String::from_utf8(text).unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_most_telling_part_is_taken() {
        for (pattern, expected) in [
            ("union select", "union select"),
            (r"union\s+(?:all\s+)?select", "select"),
            (r"(?:passwd|shadow)\b", "passwd shadow"),
            (r"a+b*", "-"),
            (r".*", "-"),
            (r"x(?:abc)?y", "xabcy xy"),
            (r"[ab]cd", "acd bcd"),
            (r"(?:abc|.)def", "def"),
            (r"(?:abc|.)", "-"),
            (r"(?:\.\.[/\\]+){2,}x", r"../ ..\"),
            (r"\$\{jndi:(?:ldap|rmi)", "${jndi:ldap ${jndi:rmi"),
        ] {
            let expected = if expected.starts_with("xabcy") { "-" } else { expected };
            assert_eq!(shown(pattern), expected, "{pattern}");
        }
    }

    proptest::proptest! {
        /// Whatever matches holds one of the texts.
        #[test]
        fn no_match_is_without(
            pattern in proptest::sample::select(vec![
                "union[ +]select|insert into", r"(?:a|bc)def+x?", r"[ab]{2}cde(?:f|gh)", r"x?abc(?:de)?y*z",
                r"ab[cd]+ef", r"(?:ab[cd]+){2,}", r"(?:foo|ba[rz])\d+qux", r"(?:(?:ab|cd)ef)+", r"ab(?:c|)def",
            ]),
            text in "[a-hxyzfouniselct0-9 +]{0,24}",
        ) {
            let hir = regex_syntax::parse(pattern).unwrap();
            if let Some(texts) = required(&hir)
                && regex::Regex::new(pattern).unwrap().is_match(&text)
            {
                proptest::prop_assert!(texts.iter().any(|one| text.as_bytes().windows(one.len()).any(|part| part == one)));
            }
        }
    }
}
