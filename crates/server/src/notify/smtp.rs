//! How is a mail handed to a server?
//!
//! RFC 5321, with STARTTLS (RFC 3207) or TLS from the first byte (RFC 8314), and AUTH PLAIN or LOGIN (RFC 4954). What is
//! said comes from the configuration and from our own Base64; nothing of it can hold a line end.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tripoint_fetch::{FetchError, Fetcher, Talk};

use super::send::{failed, place};
use super::spec::Spec;
use super::wire::Attempt;

/// Hands one mail over for these receivers.
pub(super) fn deliver(spec: &Spec, fetcher: &Fetcher, mail: &[u8], to: &[String]) -> Attempt {
    match converse(spec, fetcher, mail, to) {
        Ok(later) => match later.first() {
            None => Attempt::Taken,
            Some((first, code, said)) => {
                let why = format!("the mail server answered RCPT of {first} with {code} {said}");
                Attempt::Partly(later.into_iter().map(|(to, ..)| to).collect(), why)
            }
        },
        Err(Trouble::Net(error)) => failed(&error),
        Err(Trouble::Talk(error)) => Attempt::Failed(format!("{}: {error}", place(spec))),
        Err(Trouble::Refused(what, code, said)) => {
            Attempt::Failed(format!("the mail server answered {what} with {code} {said}"))
        }
        Err(Trouble::Mail(code, said)) => Attempt::Unwanted(format!("the mail server refuses the mail: {code} {said}")),
    }
}

enum Trouble {
    Net(FetchError),
    Talk(io::Error),
    /// A step that has nothing to do with this mail.
    Refused(&'static str, u16, String),
    /// This mail, for good.
    Mail(u16, String),
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self::Net(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Talk(error)
    }
}

/// Receivers for whom it is to be tried again, and what was said.
type Later = Vec<(String, u16, String)>;

fn converse(spec: &Spec, fetcher: &Fetcher, mail: &[u8], to: &[String]) -> Result<Later, Trouble> {
    let place = place(spec);
    let talk = fetcher.connect(&place, WITHIN)?;
    let talk = if spec.tls == "tls" { fetcher.secure(talk, place.host)? } else { talk };
    let mut line = Conversation { talk, rest: Vec::new() };
    line.expect("the connection", 2)?;
    let mut able = line.hello()?;
    if matches!(spec.tls.as_str(), "" | "starttls") {
        if !able.iter().any(|word| word == "STARTTLS") {
            return Err(Trouble::Refused("EHLO", 250, "without STARTTLS; nothing is sent in the clear".into()));
        }
        line.say("STARTTLS", "STARTTLS", 2)?;
        // What somebody put behind the answer before TLS was not said by the server (RFC 3207 section 6).
        if !line.rest.is_empty() {
            return Err(Trouble::Talk(io::Error::other("there was more before TLS than its answer")));
        }
        line = Conversation { talk: fetcher.secure(line.talk, place.host)?, rest: Vec::new() };
        able = line.hello()?;
    }
    if !spec.user.is_empty() {
        line.log_in(spec, &able)?;
    }
    line.send(spec, mail, to)
}

struct Conversation {
    talk: Talk,
    /// Read, and not yet looked at.
    rest: Vec<u8>,
}

impl Conversation {
    /// Who we are; what the server is able to do.
    fn hello(&mut self) -> Result<Vec<String>, Trouble> {
        let said = self.say("EHLO tripoint", "EHLO", 2)?;
        Ok(said.lines().skip(1).map(|line| line.trim().to_ascii_uppercase()).collect())
    }

    fn log_in(&mut self, spec: &Spec, able: &[String]) -> Result<(), Trouble> {
        let ways = able.iter().find_map(|line| line.strip_prefix("AUTH ")).unwrap_or_default().to_owned();
        let has = |way: &str| ways.split(' ').any(|known| known == way);
        if has("PLAIN") {
            let proof = STANDARD.encode(format!("\0{}\0{}", spec.user, spec.password.text()));
            self.say(&format!("AUTH PLAIN {proof}"), "AUTH", 2)?;
        } else if has("LOGIN") {
            self.say("AUTH LOGIN", "AUTH", 3)?;
            self.say(&STANDARD.encode(&spec.user), "AUTH", 3)?;
            self.say(&STANDARD.encode(spec.password.text()), "AUTH", 2)?;
        } else {
            return Err(Trouble::Refused("EHLO", 250, format!("with AUTH {ways}; PLAIN or LOGIN is needed")));
        }
        Ok(())
    }

    fn send(&mut self, spec: &Spec, mail: &[u8], to: &[String]) -> Result<Later, Trouble> {
        let of_mail = |trouble| match trouble {
            Trouble::Refused(_, code @ 500..=599, said) => Trouble::Mail(code, said),
            other => other,
        };
        self.say(&format!("MAIL FROM:<{}>", spec.from), "MAIL", 2).map_err(of_mail)?;
        let (mut later, mut never, mut taken) = (Later::new(), None, 0);
        for to in to {
            match self.say(&format!("RCPT TO:<{to}>"), "RCPT", 2) {
                Ok(_) => taken += 1,
                Err(Trouble::Refused(_, code, said)) => {
                    tracing::warn!(channel = spec.name, to, code, said, "the mail server refuses a receiver");
                    match code {
                        400..=499 => later.push((to.clone(), code, said)),
                        _ => never = Some(Trouble::Refused("RCPT", code, said)),
                    }
                }
                Err(other) => return Err(other),
            }
        }
        if taken == 0 {
            let not_now = later.pop().map(|(_, code, said)| Trouble::Refused("RCPT", code, said));
            if let Some(trouble) = not_now.or(never) {
                return Err(of_mail(trouble));
            }
        }
        self.say("DATA", "DATA", 3).map_err(of_mail)?;
        // Base64 and headers have no line that begins with a dot, and where they had, it would be doubled.
        let mut all = Vec::with_capacity(mail.len() + 64);
        for (at, line) in mail.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                all.push(b'\n');
            }
            if line.first() == Some(&b'.') {
                all.push(b'.');
            }
            all.extend_from_slice(line);
        }
        all.extend_from_slice(b".\r\n");
        self.talk.write_all(&all)?;
        self.expect("the mail", 2).map_err(of_mail)?;
        // It has been taken; how the server says good-bye does not matter.
        let _ = self.say("QUIT", "QUIT", 2);
        Ok(later)
    }

    fn say(&mut self, line: &str, what: &'static str, class: u16) -> Result<String, Trouble> {
        if line.contains(['\r', '\n']) {
            return Err(Trouble::Talk(io::Error::other("a command of two lines")));
        }
        self.talk.write_all(format!("{line}\r\n").as_bytes())?;
        self.talk.flush()?;
        self.expect(what, class)
    }

    /// An answer of one or more lines (RFC 5321 section 4.2) whose code begins with this digit.
    fn expect(&mut self, what: &'static str, class: u16) -> Result<String, Trouble> {
        let mut said = String::new();
        for _ in 0..LINES_MAX {
            let line = self.line()?;
            let code: u16 = line
                .get(..3)
                .and_then(|code| code.parse().ok())
                .ok_or_else(|| io::Error::other("an answer that is none of SMTP"))?;
            said.push_str(line.get(4..).unwrap_or_default());
            said.push('\n');
            if line.as_bytes().get(3) != Some(&b'-') {
                return if code / 100 == class {
                    Ok(said)
                } else {
                    Err(Trouble::Refused(what, code, said.trim().to_owned()))
                };
            }
        }
        Err(io::Error::other("an answer without end").into())
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.rest.len() > LINE_MAX {
                return Err(io::Error::other("a line without end"));
            }
            let mut piece = [0; 512];
            match self.talk.read(&mut piece)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.rest.extend_from_slice(piece.get(..count).unwrap_or_default()),
            }
        }
    }
}

/// Mail servers let strangers wait for their first word on purpose; the queue is this channel's own.
const WITHIN: Duration = Duration::from_secs(30);
/// RFC 5321 section 4.5.3.1.5 has 512.
const LINE_MAX: usize = 4096;
const LINES_MAX: usize = 64;
