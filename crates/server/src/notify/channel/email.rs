//! How is a message a mail that nobody else wrote a line of?
//!
//! RFC 5322 and MIME. Whatever is told goes through Base64, in the subject (RFC 2047) as in the body (RFC 2045): no text
//! of a stranger can begin a header, end the mail or be read as HTML. Addresses come from the configuration alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Channel, Told};
use crate::notify::spec::Spec;
use crate::notify::wire::Wire;

pub(super) struct Email;

impl Channel for Email {
    fn name(&self) -> &'static str {
        "email"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["server", "from", "to"]
    }

    fn takes(&self) -> &'static [&'static str] {
        &["tls", "user", "password"]
    }

    fn check(&self, spec: &Spec) -> Result<(), String> {
        for address in spec.to.iter().chain([&spec.from]) {
            check_address(address)?;
        }
        match spec.tls.as_str() {
            "" | "starttls" | "tls" => Ok(()),
            "plain" if spec.is_here() => Ok(()),
            "plain" => Err("tls = \"plain\" is for a server on this host alone (127.0.0.1, ::1, localhost)".into()),
            other => Err(format!("tls {other:?} is none of starttls, tls and plain")),
        }
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let domain = spec.from.rsplit('@').next().unwrap_or("localhost");
        let mut mail = String::new();
        let mut header = |name: &str, value: &str| mail.push_str(&format!("{name}: {value}\r\n"));
        header("From", &format!("Tripoint <{}>", spec.from));
        header("To", &spec.to.join(",\r\n "));
        header("Date", &date(told.news.at));
        header("Message-ID", &format!("<{}.{}@{domain}>", told.number, told.news.at.0));
        // Mail programs gather what belongs to one alert.
        header("References", &format!("<{}@{domain}>", plain(&told.news.subject())));
        header("Subject", &words(&told.news.headline()));
        header("Auto-Submitted", "auto-generated");
        header("MIME-Version", "1.0");
        header("Content-Type", "text/plain; charset=utf-8");
        header("Content-Transfer-Encoding", "base64");
        mail.push_str("\r\n");
        let body = STANDARD.encode(told.text.replace('\n', "\r\n"));
        for line in body.as_bytes().chunks(76) {
            mail.push_str(&String::from_utf8_lossy(line));
            mail.push_str("\r\n");
        }
        vec![Wire::Mail(mail.into_bytes())]
    }
}

/// Whether it is an address and nothing beside it, so that it can stand in a command and a header.
fn check_address(address: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    match address.split_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && local.chars().all(is_plain)
                && !domain.is_empty()
                && domain.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
                && address.len() <= 254 =>
        {
            Ok(())
        }
        _ => Err(format!("{address:?} is no mail address such as ops@example.org")),
    }
}

/// Letters and digits only.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect()
}

/// Encoded words of at most 75 characters each (RFC 2047 section 2), folded.
fn words(text: &str) -> String {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        // 45 bytes are 60 characters of Base64.
        if word.len() + c.len_utf8() > 45 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

/// RFC 5322 section 3.3, in UTC.
fn date(at: tripoint_model::Timestamp) -> String {
    let time = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    jiff::fmt::rfc2822::to_string(&time.to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_address_and_nothing_beside_it() {
        for good in ["ops@example.org", "a.b+c@mail.example.org"] {
            assert!(check_address(good).is_ok(), "{good}");
        }
        for bad in ["", "ops", "a@b\r\nRCPT TO:<x@y>", "a b@c", "<a@b>", "a@b>", "a,b@c", "ä@example.org", "@b", "a@"]
        {
            assert!(check_address(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn subjects_are_encoded_words_of_bounded_length() {
        let text = "ü\r\nBcc: x@example.org ".repeat(20);
        let subject = words(&text);
        let mut back = Vec::new();
        for line in subject.split("\r\n ") {
            assert!(line.len() <= 75, "{line}");
            back.extend(STANDARD.decode(line.trim_start_matches("=?utf-8?B?").trim_end_matches("?=")).unwrap());
        }
        assert_eq!(String::from_utf8(back).unwrap(), text);
    }

    #[test]
    fn dates_are_those_of_mail() {
        assert_eq!(date(tripoint_model::Timestamp(0)), "Thu, 1 Jan 1970 00:00:00 +0000");
    }
}
