//! Does a text match an OVAL pattern, within a bounded number of steps?
//!
//! OVAL patterns are Perl's; those of public files use anchors, groups, alternatives, classes and
//! repetition. What is beyond that is answered with `None`, never guessed.

/// Whether the pattern matches anywhere in the text; `None` when it cannot be told.
pub(super) fn matches(pattern: &str, text: &str) -> Option<bool> {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    if pattern.len() > PATTERN_MAX || text.len() > TEXT_MAX {
        return None;
    }
    let mut parser = Parser { pattern: &pattern, at: 0, depth: 0 };
    let root = parser.alternatives()?;
    if parser.at != pattern.len() {
        return None;
    }
    let mut steps = 0;
    for start in 0..=text.len() {
        if run(&[&root], &text, start, &mut steps)? {
            return Some(true);
        }
    }
    Some(false)
}

enum Piece {
    Char(char),
    Any,
    Class(Vec<(char, char)>, bool),
    Begin,
    End,
    Group(Vec<Vec<Piece>>),
    /// At least, at most.
    Repeat(Box<Piece>, usize, usize),
}

struct Parser<'p> {
    pattern: &'p [char],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.pattern.get(self.at).copied()
    }

    fn alternatives(&mut self) -> Option<Piece> {
        let mut all = vec![Vec::new()];
        while let Some(c) = self.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.at += 1;
                    all.push(Vec::new());
                }
                _ => {
                    let piece = self.repeated()?;
                    all.last_mut()?.push(piece);
                }
            }
        }
        Some(Piece::Group(all))
    }

    fn repeated(&mut self) -> Option<Piece> {
        let piece = self.single()?;
        let (least, most) = match self.peek() {
            Some('*') => (0, TEXT_MAX),
            Some('+') => (1, TEXT_MAX),
            Some('?') => (0, 1),
            Some('{') => return None,
            _ => return Some(piece),
        };
        self.at += 1;
        if matches!(self.peek(), Some('?' | '+' | '*')) {
            return None;
        }
        Some(Piece::Repeat(Box::new(piece), least, most))
    }

    fn single(&mut self) -> Option<Piece> {
        let c = self.peek()?;
        self.at += 1;
        Some(match c {
            '.' => Piece::Any,
            '^' => Piece::Begin,
            '$' => Piece::End,
            '\\' => self.escape()?,
            '[' => self.class()?,
            '(' => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return None;
                }
                if self.peek() == Some('?') {
                    let plain = self.pattern.get(self.at + 1) == Some(&':');
                    self.at += 2;
                    if !plain {
                        return None;
                    }
                }
                let group = self.alternatives()?;
                self.depth -= 1;
                (self.peek() == Some(')')).then(|| self.at += 1)?;
                group
            }
            '*' | '+' | '?' => return None,
            c => Piece::Char(c),
        })
    }

    fn escape(&mut self) -> Option<Piece> {
        let c = self.peek()?;
        self.at += 1;
        Some(match c {
            'd' => Piece::Class(vec![('0', '9')], false),
            'w' => Piece::Class(vec![('0', '9'), ('a', 'z'), ('A', 'Z'), ('_', '_')], false),
            's' => Piece::Class(vec![(' ', ' '), ('\t', '\r')], false),
            c if c.is_ascii_alphanumeric() => return None,
            c => Piece::Char(c),
        })
    }

    fn class(&mut self) -> Option<Piece> {
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut ranges = Vec::new();
        loop {
            let mut c = self.peek()?;
            self.at += 1;
            match c {
                ']' if !ranges.is_empty() => return Some(Piece::Class(ranges, negated)),
                '\\' => match self.escape()? {
                    Piece::Char(plain) => c = plain,
                    Piece::Class(more, _) => {
                        ranges.extend(more);
                        continue;
                    }
                    _ => return None,
                },
                _ => {}
            }
            let to = (self.peek() == Some('-')).then(|| self.pattern.get(self.at + 1).copied()).flatten();
            match to.filter(|to| *to != ']') {
                Some(to) => {
                    self.at += 2;
                    ranges.push((c, to));
                }
                None => ranges.push((c, c)),
            }
        }
    }
}

/// Whether `pending`, last first, matches from `at` on.
fn run(pending: &[&Piece], text: &[char], at: usize, steps: &mut usize) -> Option<bool> {
    *steps += 1;
    if *steps > STEPS_MAX || pending.len() > PENDING_MAX {
        return None;
    }
    let Some((piece, rest)) = pending.split_last() else { return Some(true) };
    let one = |fits: bool, steps: &mut usize| if fits { run(rest, text, at + 1, steps) } else { Some(false) };
    match piece {
        Piece::Begin => {
            if at == 0 {
                run(rest, text, at, steps)
            } else {
                Some(false)
            }
        }
        Piece::End => {
            if at == text.len() {
                run(rest, text, at, steps)
            } else {
                Some(false)
            }
        }
        Piece::Char(c) => one(text.get(at) == Some(c), steps),
        Piece::Any => one(at < text.len(), steps),
        Piece::Class(ranges, negated) => {
            let inside = |c: &char| ranges.iter().any(|(from, to)| (from..=to).contains(&c)) != *negated;
            one(text.get(at).is_some_and(inside), steps)
        }
        Piece::Group(all) => {
            for one in all {
                let mut next = rest.to_vec();
                next.extend(one.iter().rev());
                if run(&next, text, at, steps)? {
                    return Some(true);
                }
            }
            Some(false)
        }
        Piece::Repeat(inner, least, most) => repeat(inner, (*least, *most), rest, text, at, steps),
    }
}

/// Tries with as few as allowed, then one more each time.
fn repeat(
    inner: &Piece,
    (least, most): (usize, usize),
    rest: &[&Piece],
    text: &[char],
    at: usize,
    steps: &mut usize,
) -> Option<bool> {
    let most = most.min(text.len().saturating_sub(at)).max(least);
    for count in least..=most {
        let mut next = rest.to_vec();
        next.extend(std::iter::repeat_n(inner, count));
        if run(&next, text, at, steps)? {
            return Some(true);
        }
    }
    Some(false)
}

const PATTERN_MAX: usize = 1000;
const TEXT_MAX: usize = 300;
const DEPTH_MAX: usize = 8;
const STEPS_MAX: usize = 20_000;
const PENDING_MAX: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_public_files_match() {
        for (pattern, text, expected) in [
            ("^5", "5.11", Some(true)),
            ("^5", "15", Some(false)),
            ("(aarch64|ppc64le|x86_64)", "x86_64", Some(true)),
            ("^(9[.]|9$)", "9", Some(true)),
            (r"^9[^\d]", "9.4", Some(true)),
            (r"^9[^\d]", "90", Some(false)),
            ("aarch64|i686", "noarch", Some(false)),
            (r"^kernel(-rt)?-\d+\.el8$", "kernel-rt-45.el8", Some(true)),
            ("a.*c", "xabbc", Some(true)),
            ("a{2}", "aa", None),
            ("(", "", None),
            ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
