//! How is a conversation led that is no HTTP, to a judged address and within bounds?

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::tls::Certificate;

use crate::address::{is_public, look_up};
use crate::client::Fetcher;
use crate::error::{FetchError, of_io};

/// Whom to talk to.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// A name or an address. An address or `localhost` says by itself that it may be private.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// Whether a name may lead to private addresses.
    pub permit_private: bool,
}

/// A conversation over TCP. It ends at its deadline, whatever the other side does, and reads no more than
/// `BYTES_MAX`.
pub struct Talk(Way);

enum Way {
    Plain(Timed),
    Secure(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A socket whose every wait ends at one deadline: many short waits are bounded too.
struct Timed {
    socket: TcpStream,
    deadline: Instant,
    left: usize,
}

impl Fetcher {
    /// Resolves once, judges what was found, and connects to that.
    pub fn connect(&self, place: &Place<'_>, within: Duration) -> Result<Talk, FetchError> {
        let deadline = Instant::now() + within;
        let mut trouble = FetchError::Timeout { url: place.to_string() };
        for address in place.judged(within)? {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left.min(self.settings.connect_timeout)) {
                Ok(socket) => return Ok(Talk(Way::Plain(Timed { socket, deadline, left: BYTES_MAX }))),
                Err(error) => trouble = place.failed(&error),
            }
        }
        Err(trouble)
    }

    /// Goes on under TLS; the other side proves that it is `host`.
    pub fn secure(&self, talk: Talk, host: &str) -> Result<Talk, FetchError> {
        let failed = |reason: String| FetchError::Transport { url: host.to_owned(), reason };
        let Way::Plain(timed) = talk.0 else { return Ok(talk) };
        let bare = bare(host).to_owned();
        let name = ServerName::try_from(bare).map_err(|error| failed(error.to_string()))?;
        let client =
            ClientConnection::new(Arc::clone(&self.secure), name).map_err(|error| failed(error.to_string()))?;
        let mut stream = StreamOwned::new(client, timed);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| failed(error.to_string()))?;
        }
        Ok(Talk(Way::Secure(Box::new(stream))))
    }

    /// Sends one datagram. Nobody says whether it arrived.
    pub fn datagram(&self, place: &Place<'_>, bytes: &[u8], within: Duration) -> Result<(), FetchError> {
        let address = place.judged(within)?.first().copied();
        let address = address.ok_or_else(|| place.failed(&io::Error::other("the name has no address")))?;
        let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let sent = UdpSocket::bind(own).and_then(|socket| {
            socket.set_write_timeout(Some(within))?;
            socket.connect(address)?;
            socket.send(bytes)
        });
        sent.map(drop).map_err(|error| place.failed(&error))
    }
}

/// The trust of a fetcher, for rustls itself.
pub(crate) fn config(trusted: &[Certificate<'static>]) -> Result<Arc<ClientConfig>, FetchError> {
    let mut roots = RootCertStore::empty();
    // What it cannot read, the other half of the fetcher leaves out too.
    let _ = roots
        .add_parsable_certificates(trusted.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| FetchError::Transport { url: "TLS".into(), reason: error.to_string() })?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

impl Place<'_> {
    /// Its addresses; none, when one of them is not permitted.
    fn judged(&self, within: Duration) -> Result<Vec<SocketAddr>, FetchError> {
        let found = look_up(self.host, self.port, within).map_err(|error| match error {
            ureq::Error::Io(error) => self.failed(&error),
            ureq::Error::Timeout(_) => FetchError::Timeout { url: self.to_string() },
            other => self.failed(&io::Error::other(other.to_string())),
        })?;
        let named = self.host.eq_ignore_ascii_case("localhost") || bare(self.host).parse::<std::net::IpAddr>().is_ok();
        let foreign = found.iter().find(|address| !is_public(address.ip()));
        match foreign {
            Some(address) if !self.permit_private && !named => {
                Err(FetchError::Private { host: self.host.to_owned(), address: address.ip() })
            }
            _ => Ok(found),
        }
    }

    fn failed(&self, error: &io::Error) -> FetchError {
        match error.kind() {
            io::ErrorKind::WouldBlock => FetchError::Timeout { url: self.to_string() },
            _ => of_io(self.to_string(), error),
        }
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

impl Talk {
    /// Says that nothing more comes from here.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Way::Plain(timed) => timed.socket.shutdown(Shutdown::Write),
            Way::Secure(stream) => {
                stream.conn.send_close_notify();
                stream.flush()
            }
        }
    }
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("the other side says more than is read"));
        }
        self.socket.set_read_timeout(Some(self.left()?))?;
        let room = buffer.len().min(self.left);
        let count = self.socket.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.left -= count;
        Ok(count)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Read for Talk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Way::Plain(timed) => timed.read(buffer),
            Way::Secure(stream) => stream.read(buffer),
        }
    }
}

impl Write for Talk {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Way::Plain(timed) => timed.write(buffer),
            Way::Secure(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Way::Plain(timed) => timed.flush(),
            Way::Secure(stream) => stream.flush(),
        }
    }
}

/// A handshake and some answers of a line each.
const BYTES_MAX: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::client::Settings;

    fn fetcher() -> Fetcher {
        Fetcher::new(Settings::default()).unwrap()
    }

    /// Promise S17: a byte now and then does not keep a conversation alive.
    #[test]
    fn a_conversation_ends_at_its_deadline_however_it_drips() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            while socket.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let place = Place { host: "127.0.0.1", port, permit_private: false };
        let mut talk = fetcher().connect(&place, Duration::from_millis(300)).unwrap();
        let began = Instant::now();
        let error = talk.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{error}");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }

    #[test]
    fn a_flood_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            while socket.write_all(&[b'x'; 4096]).is_ok() {}
        });
        let place = Place { host: "localhost", port, permit_private: false };
        let mut talk = fetcher().connect(&place, Duration::from_secs(20)).unwrap();
        let mut all = Vec::new();
        assert!(talk.read_to_end(&mut all).is_err());
        assert_eq!(all.len(), BYTES_MAX);
    }

    /// Promise S8: only an address says by itself that it may be private; other spellings of one do not.
    #[test]
    fn s8_a_name_does_not_lead_to_a_private_place() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["2130706433", "0x7f000001", "127.1", "017700000001"] {
            let closed = Place { host, port, permit_private: false };
            match fetcher().connect(&closed, Duration::from_secs(5)) {
                // Where the resolver does not know the spelling, there is nothing to judge.
                Err(FetchError::Private { .. } | FetchError::Transport { .. }) => {}
                Err(other) => panic!("{host}: {other}"),
                Ok(_) => panic!("{host} was connected to"),
            }
            assert!(fetcher().datagram(&closed, b"x", Duration::from_secs(5)).is_err(), "{host}");
        }
        let permitted = Place { host: "2130706433", port, permit_private: true };
        assert!(fetcher().connect(&permitted, Duration::from_secs(5)).is_ok());
    }

    /// A certificate for `localhost` and its key, where this machine can make one.
    fn certificate(folder: &std::path::Path) -> Option<(std::path::PathBuf, std::path::PathBuf)> {
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let made = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&cert)
            .output();
        made.is_ok_and(|made| made.status.success()).then_some((cert, key))
    }

    fn serve_tls(cert: &std::path::Path, key: &std::path::Path) -> u16 {
        use rustls::pki_types::PrivateKeyDer;
        use rustls::pki_types::pem::PemObject as _;
        let chain = vec![CertificateDer::from_pem_file(cert).unwrap()];
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let server = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(server, socket);
                let mut word = [0; 5];
                if stream.read_exact(&mut word).is_ok() {
                    let _ = stream.write_all(&word);
                }
            }
        });
        port
    }

    #[test]
    fn under_tls_the_other_side_proves_who_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let Some((cert, key)) = certificate(folder.path()) else {
            println!("skipped: no openssl to make a certificate with");
            return;
        };
        let port = serve_tls(&cert, &key);
        let trusting = Fetcher::new(Settings { ca_file: Some(cert), ..Settings::default() }).unwrap();
        let ask = |fetcher: &Fetcher, name: &str| -> Result<String, String> {
            let place = Place { host: "localhost", port, permit_private: false };
            let talk = fetcher.connect(&place, Duration::from_secs(10)).map_err(|error| error.to_string())?;
            let mut talk = fetcher.secure(talk, name).map_err(|error| error.to_string())?;
            talk.write_all(b"hello").and_then(|()| talk.flush()).map_err(|error| error.to_string())?;
            let mut word = [0; 5];
            talk.read_exact(&mut word).map_err(|error| error.to_string())?;
            Ok(String::from_utf8_lossy(&word).into_owned())
        };
        assert_eq!(ask(&trusting, "localhost").as_deref(), Ok("hello"));
        let other = ask(&trusting, "mail.example").unwrap_err();
        assert!(other.contains("certificate"), "{other}");
        let unknown = ask(&fetcher(), "localhost").unwrap_err();
        assert!(unknown.contains("certificate"), "{unknown}");
    }
}
