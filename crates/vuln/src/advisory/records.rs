//! Where does each record of a JSON file begin and end: one object, an array, or one a line?

use std::io::BufRead;

/// Cuts a JSON document into its records without holding more than one.
pub(crate) struct Records<'r> {
    input: &'r mut dyn BufRead,
    record_max_bytes: usize,
    line: u64,
    one_a_line: bool,
    in_array: bool,
    buffer: Vec<u8>,
}

/// A record with the line it begins on, or why the bytes there are none.
pub(crate) type Record<'b> = (u64, Result<&'b [u8], &'static str>);

impl<'r> Records<'r> {
    /// `head` is what the input begins with; it decides whether each line is a record of its own.
    pub(crate) fn new(input: &'r mut dyn BufRead, file: &str, record_max_bytes: usize) -> Self {
        let one_a_line = match input.fill_buf() {
            Ok(head) => is_one_a_line(file, head),
            Err(_) => false,
        };
        Self { input, record_max_bytes, line: 1, one_a_line, in_array: false, buffer: Vec::new() }
    }

    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Record<'_>> {
        if self.one_a_line { self.next_line() } else { self.next_value() }
    }

    fn next_line(&mut self) -> Option<Record<'_>> {
        loop {
            self.buffer.clear();
            let mut scan = Scan::default();
            let begun = self.line;
            let ended = match self.take_until(|byte| if byte == b'\n' { Step::End } else { Step::Keep }, &mut scan) {
                Ok(ended) => ended,
                Err(reason) => return Some((begun, Err(reason))),
            };
            let blank = self.buffer.iter().all(u8::is_ascii_whitespace);
            if scan.too_long {
                return Some((begun, Err("the record is too long")));
            }
            if !blank {
                return Some((begun, Ok(&self.buffer)));
            }
            if !ended {
                return None;
            }
        }
    }

    fn next_value(&mut self) -> Option<Record<'_>> {
        self.buffer.clear();
        let mut in_array = self.in_array;
        let mut between = |byte: u8| match byte {
            b'[' if !in_array => {
                in_array = true;
                Step::Skip
            }
            b',' | b']' | b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF => Step::Skip,
            _ => Step::Stop,
        };
        let mut scan = Scan::default();
        let found = self.take_until(&mut between, &mut scan);
        self.in_array = in_array;
        let begun = self.line;
        match found {
            Ok(true) => {}
            Ok(false) => return None,
            Err(reason) => return Some((begun, Err(reason))),
        }
        let mut state = Value::default();
        let mut scan = Scan::default();
        match self.take_until(|byte| state.step(byte), &mut scan) {
            Err(reason) => Some((begun, Err(reason))),
            Ok(_) if scan.too_long => Some((begun, Err("the record is too long"))),
            Ok(true) => Some((begun, Ok(&self.buffer))),
            Ok(false) if state.depth > 0 || state.in_string => Some((begun, Err("the record ends in the middle"))),
            Ok(false) => Some((begun, Ok(&self.buffer))),
        }
    }

    /// Feeds bytes to `step` until it ends; `false` at the end of the input.
    fn take_until(&mut self, mut step: impl FnMut(u8) -> Step, scan: &mut Scan) -> Result<bool, &'static str> {
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                // A bound of the archive or the disk: whoever opened the file reports it.
                Err(_) => return Ok(false),
            };
            if chunk.is_empty() {
                return Ok(false);
            }
            let mut used = 0;
            let mut ended = false;
            for &byte in chunk {
                let what = step(byte);
                if what == Step::Stop {
                    ended = true;
                    break;
                }
                used += 1;
                if byte == b'\n' {
                    self.line += 1;
                }
                if what == Step::Keep || (what == Step::End && byte != b'\n') {
                    if self.buffer.len() < self.record_max_bytes {
                        self.buffer.push(byte);
                    } else {
                        scan.too_long = true;
                    }
                }
                if what == Step::End {
                    ended = true;
                    break;
                }
            }
            self.input.consume(used);
            if ended {
                return Ok(true);
            }
        }
    }
}

#[derive(Default)]
struct Scan {
    too_long: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Skip,
    Keep,
    /// This byte belongs and is the last.
    End,
    /// This byte belongs to what follows.
    Stop,
}

/// Where the scan of one JSON value stands.
#[derive(Default)]
struct Value {
    depth: u64,
    in_string: bool,
    escaped: bool,
    begun: bool,
}

impl Value {
    fn step(&mut self, byte: u8) -> Step {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    if self.depth == 0 {
                        return Step::End;
                    }
                }
                // JSON strings never span lines: the record is broken, the next may be whole.
                b'\n' => {
                    self.in_string = false;
                    return Step::End;
                }
                _ => {}
            }
            return Step::Keep;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return if self.begun { Step::End } else { Step::Keep };
                }
            }
            // A bare word between records ends where its line or element ends.
            b',' | b'\n' if self.depth == 0 => return Step::Stop,
            _ => {}
        }
        self.begun = true;
        Step::Keep
    }
}

/// Two or more lines that each begin an object, and the first does more than open one.
fn is_one_a_line(file: &str, head: &[u8]) -> bool {
    let name = tripoint_unpack::inner_name(file);
    if name.ends_with(".jsonl") || name.ends_with(".ndjson") {
        return true;
    }
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    first.starts_with(b"{")
        && first.len() > 1
        && lines.next().is_some_and(|line| line.starts_with(b"{\""))
        && (first.ends_with(b"}")
            || head
                .split(|byte| *byte == b'\n')
                .filter(|line| line.starts_with(b"{\"id\"") || line.starts_with(b"{\"schema"))
                .count()
                > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, text: &str, expected: &[(u64, Result<&str, ()>)]) {
        let mut input = text.as_bytes();
        let mut records = Records::new(&mut input, file, 64);
        let mut found = Vec::new();
        while let Some((line, record)) = records.next() {
            found.push((line, record.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).map_err(|_| ())));
        }
        let expected: Vec<_> = expected.iter().map(|(line, record)| (*line, record.map(str::to_owned))).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn each_shape_is_cut() {
        check("x", "{\n\"a\": \"}\"\n}", &[(1, Ok("{\n\"a\": \"}\"\n}"))]);
        check("x", "[{\"a\":1},\n {\"b\":[]}]\n", &[(1, Ok("{\"a\":1}")), (2, Ok("{\"b\":[]}"))]);
        check("x", "{\"a\":1}\n{\"b\":2}\n", &[(1, Ok("{\"a\":1}")), (2, Ok("{\"b\":2}"))]);
        check("x.jsonl", "{\"a\":\n\n{\"b\":2}", &[(1, Ok("{\"a\":")), (3, Ok("{\"b\":2}"))]);
        check("x", "[{\"a\":1},{\"b\"", &[(1, Ok("{\"a\":1}")), (1, Err(()))]);
        check("x", &format!("[{{\"a\":\"{}\"}},{{\"b\":2}}]", "y".repeat(99)), &[(1, Err(())), (1, Ok("{\"b\":2}"))]);
        check("x", "[1, \"two\", {\"b\":2}]", &[(1, Ok("1")), (1, Ok("\"two\"")), (1, Ok("{\"b\":2}"))]);
        check("x", "", &[]);
    }
}
