//! Does what must go on working still work?

use std::fmt;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Attempts behind a block; a service may be between two states while connections are ended.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Three of these and two pauses are less than the ten seconds in which a block is judged.
const TRY_MAX: Duration = Duration::from_millis(2_500);
const LOOK: Duration = Duration::from_millis(20);

/// Something that works as long as the host does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A connection to `HOST:PORT` is made.
    Tcp(String),
    /// The program ends with success.
    Exec(PathBuf),
}

impl Probe {
    /// Tries it once, for two and a half seconds at most.
    pub fn works(&self) -> bool {
        match self {
            Self::Tcp(at) => connects(at.clone()),
            Self::Exec(path) => ends_well(Command::new(path)),
        }
    }

    /// Whether one of three tries, within ten seconds, succeeds.
    pub fn still_works(&self) -> bool {
        (0..TRIES).any(|tried| {
            if tried > 0 {
                thread::sleep(PAUSE);
            }
            self.works()
        })
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(at) => write!(f, "tcp:{at}"),
            Self::Exec(path) => write!(f, "exec:{}", path.display()),
        }
    }
}

impl FromStr for Probe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("exec:").map(PathBuf::from).filter(|path| path.is_absolute()) {
            return Ok(Self::Exec(path));
        }
        let host_and_port = |at: &&str| {
            let (host, port) = at.rsplit_once(':')?;
            (!host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)).then_some(())
        };
        match text.strip_prefix("tcp:").filter(|at| host_and_port(at).is_some()) {
            Some(at) => Ok(Self::Tcp(at.to_owned())),
            None => Err(format!("{text:?} is no probe; write \"tcp:HOST:PORT\" or \"exec:/PATH\"")),
        }
    }
}

/// In a thread, because looking a name up takes as long as the resolver likes.
fn connects(at: String) -> bool {
    let (say, said) = mpsc::channel();
    let tried = thread::Builder::new().name("probe".into()).spawn(move || {
        let mut addresses = at.to_socket_addrs().into_iter().flatten();
        let _ = say.send(addresses.any(|address| TcpStream::connect_timeout(&address, TRY_MAX).is_ok()));
    });
    tried.is_ok() && said.recv_timeout(TRY_MAX).unwrap_or(false)
}

fn ends_well(mut command: Command) -> bool {
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!(%error, "the probe could not be started");
            return false;
        }
    };
    let until = Instant::now() + TRY_MAX;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(LOOK),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn probes_are_read_and_refused() {
        for text in ["tcp:db.example:5432", "tcp:[2001:db8::1]:443", "tcp:127.0.0.1:1", "exec:/opt/check"] {
            assert_eq!(text.parse::<Probe>().unwrap().to_string(), text);
        }
        for text in ["tcp:db.example", "tcp::80", "tcp:a:0", "tcp:a:70000", "exec:check", "http://a", "exec:"] {
            assert!(text.parse::<Probe>().unwrap_err().contains("is no probe"), "{text}");
        }
    }

    #[test]
    fn what_answers_works_and_what_hangs_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        assert!(Probe::Tcp(at.to_string()).works());
        drop(listener);
        assert!(!Probe::Tcp(at.to_string()).works());
        assert!(Probe::Exec("/bin/true".into()).works() && !Probe::Exec("/bin/false".into()).works());
        assert!(!Probe::Exec("/nonexistent/program".into()).works());
        let began = Instant::now();
        let mut hanging = Command::new("/bin/sleep");
        hanging.arg("60");
        assert!(!ends_well(hanging));
        assert!(began.elapsed() < Duration::from_secs(5));
        // The judgement as a whole stays under ten seconds.
        assert!(TRY_MAX * TRIES + PAUSE * (TRIES - 1) < Duration::from_secs(10));
    }
}
