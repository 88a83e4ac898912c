//! What does one entry of a log say?

use std::borrow::Cow;
use std::net::IpAddr;

use tripoint_model::Timestamp;

/// One entry: a line, or the lines that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'l> {
    /// When it was written, or when what it tells began.
    pub time: Option<Timestamp>,
    /// Who was at the other end of the connection, as the program that wrote it saw it.
    pub remote: Option<IpAddr>,
    /// Whom headers name as the origin, in their order. Anybody can write them.
    pub claimed: Vec<IpAddr>,
    /// What it tells.
    pub said: Said<'l>,
}

impl<'l> Entry<'l> {
    /// An entry that tells `said`.
    pub fn new(time: Option<Timestamp>, remote: Option<IpAddr>, said: Said<'l>) -> Self {
        Self { time, remote, claimed: Vec::new(), said }
    }

    /// The same with texts of its own, for what was taken out of another text.
    pub fn into_owned(self) -> Entry<'static> {
        let own = |text: Cow<'_, str>| Cow::<'static, str>::Owned(text.into_owned());
        let said = match self.said {
            Said::Text(text) => Said::Text(own(text)),
            Said::LogIn(LogIn { service, user, outcome }) => Said::LogIn(LogIn { service, user: own(user), outcome }),
            Said::Request(request) => Said::Request(Box::new(Request {
                method: own(request.method),
                target: own(request.target),
                status: request.status,
                bytes: request.bytes,
                host: own(request.host),
                referer: own(request.referer),
                agent: own(request.agent),
                user: own(request.user),
                headers: own(request.headers),
                body: own(request.body),
            })),
        };
        Entry { time: self.time, remote: self.remote, claimed: self.claimed, said }
    }
}

/// What an entry tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Said<'l> {
    /// Somebody asked a web server for something.
    Request(Box<Request<'l>>),
    /// Somebody tried to log in.
    LogIn(LogIn<'l>),
    /// Anything else, in the program's words.
    Text(Cow<'l, str>),
}

/// A request as far as the log has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<'l> {
    /// `GET` and the like; what was no request line at all stands in `target` alone.
    pub method: Cow<'l, str>,
    /// Path and query as they were sent.
    pub target: Cow<'l, str>,
    /// The answer's status code.
    pub status: Option<u16>,
    /// The answer's size, bytes.
    pub bytes: Option<u64>,
    /// The name that was asked for.
    pub host: Cow<'l, str>,
    /// The page that led here.
    pub referer: Cow<'l, str>,
    /// What the client calls itself.
    pub agent: Cow<'l, str>,
    /// The user, where the server knows one.
    pub user: Cow<'l, str>,
    /// Other headers, `name: value`, one a line.
    pub headers: Cow<'l, str>,
    /// What was sent along.
    pub body: Cow<'l, str>,
}

/// One try to get in.
#[derive(Clone, Debug, PartialEq)]
pub struct LogIn<'l> {
    /// The service, in the word of its file here.
    pub service: &'static str,
    /// The account that was named; may be empty. Where something else was refused: what was asked for.
    pub user: Cow<'l, str>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a try to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The secret was wrong, or the service refused without saying why.
    Failed,
    /// There is no such account.
    UnknownUser,
    /// The client was let in.
    Accepted,
    /// It came to no log-in: the service refused something else, such as a relay, a port or broken protocol.
    Refused,
}
