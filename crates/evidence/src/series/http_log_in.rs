//! Who tries to log in over HTTP, again and again?
//!
//! Five forms sent within ten minutes to where log-ins are, answered by anything but a redirect; or six answers of 401,
//! of which no later one was 200. A form that is answered by a redirect after that is a success after failures.

use std::net::IpAddr;
use std::time::Duration;

use tripoint_model::{Timestamp, Verdict};

use super::brute_force::let_in;
use super::peers::Peers;
use super::window::Window;
use super::{Found, Series, path};
use crate::entry::{Entry, Request, Said};

#[derive(Default)]
pub(super) struct HttpLogIn {
    forms: Peers<IpAddr, Window>,
    refused: Peers<IpAddr, Window>,
}

const FORMS: (usize, Duration) = (5, Duration::from_secs(600));
const REFUSED: (usize, Duration) = (6, Duration::from_secs(600));
const DAY: Duration = Duration::from_secs(86_400);

impl Series for HttpLogIn {
    fn see(&mut self, entry: &Entry<'_>, at: Timestamp, line: u64) -> Option<Found> {
        let Said::Request(request) = &entry.said else { return None };
        let remote = entry.remote?;
        let status = request.status?;
        let is_form = request.method == "POST" && is_log_in(request);
        if is_form && matches!(status, 302 | 303) {
            return let_in(std::mem::take(self.forms.known(&remote)?), "the web server", remote, at, line);
        }
        let (tries, bound) = match status {
            _ if is_form && status < 500 => (self.forms.of(&remote), FORMS),
            401 | 407 => (self.refused.of(&remote), REFUSED),
            // Browsers are told 401 once before they ask for a password.
            200..=399 if !request.user.is_empty() => {
                *self.refused.known(&remote)? = Window::default();
                return None;
            }
            _ => return None,
        };
        tries.add(at, line, line, DAY);
        tries.tells(at, &[bound]).then(|| Found {
            family: "brute-force",
            attack: &["T1110"],
            verdict: Verdict::Attempted,
            rule: "http-log-ins",
            remote,
            lines: tries.lines(),
            reason: format!("{} log-ins over HTTP from {remote} in vain", tries.len()).into(),
        })
    }

    fn forgotten(&self) -> u64 {
        self.forms.forgotten() + self.refused.forgotten()
    }
}

/// Whether log-in forms are sent there.
fn is_log_in(request: &Request<'_>) -> bool {
    let path = path(request);
    let path = path.trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or(path);
    let last = last.split(['.', ';']).next().unwrap_or(last);
    LAST_PARTS.iter().any(|part| last.eq_ignore_ascii_case(part))
}

/// How the last part of such a path is called, without its ending.
const LAST_PARTS: &[&str] = &[
    "wp-login",
    "xmlrpc",
    "login",
    "log-in",
    "signin",
    "sign_in",
    "sign-in",
    "logon",
    "auth",
    "authenticate",
    "j_security_check",
    "session",
    "sessions",
    "token",
    "_session",
    "dologin",
    "login_check",
    "firstfactor",
    "owa",
    "authorize",
    "user_login",
    "admin-login",
    "adminlogin",
    "check_login",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(asked: &[(&'static str, &'static str, u16, &'static str)]) -> Vec<&'static str> {
        let mut series = HttpLogIn::default();
        let entries = asked.iter().map(|(method, target, status, user)| {
            let (method, target) = ((*method).into(), (*target).into());
            let request = Request { method, target, status: Some(*status), user: (*user).into(), ..Request::default() };
            Entry::new(None, "203.0.113.9".parse().ok(), Said::Request(Box::new(request)))
        });
        let found = entries.zip(1..).filter_map(|(entry, line)| series.see(&entry, Timestamp(0), line));
        found.map(|found| found.rule).collect()
    }

    #[test]
    fn forms_and_refusals_are_told_and_a_redirect_is_a_success() {
        let form = ("POST", "/blog/wp-login.php", 200, "");
        assert_eq!(told(&[form; 4]), <[&str; 0]>::default());
        assert_eq!(told(&[form; 9]), ["http-log-ins"]);
        let mut through = vec![form; 9];
        through.push(("POST", "/blog/wp-login.php", 302, ""));
        assert_eq!(told(&through), ["http-log-ins", "log-in-after-failures"]);
        assert_eq!(told(&[("GET", "/private", 401, ""); 6]), ["http-log-ins"]);
        let mut browser = vec![("GET", "/private", 401, ""); 5];
        browser.push(("GET", "/private", 200, "eve"));
        browser.extend([("GET", "/private", 401, ""); 5]);
        assert_eq!(told(&browser), <[&str; 0]>::default());
        assert_eq!(told(&[("POST", "/comment", 200, ""); 9]), <[&str; 0]>::default());
    }
}
