//! Which release of which distribution are advisories fetched for?

use super::descriptor::Descriptor;

/// The host as os-release and the kernel describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// `debian`.
    pub id: String,
    /// Families it says it is like.
    pub like: Vec<String>,
    /// `12`, `22.04`, `3.20.1`.
    pub version: String,
    /// `bookworm`.
    pub codename: String,
    /// `x86_64`.
    pub arch: String,
}

/// A source for one release, with its URLs complete.
#[derive(Clone, Debug)]
pub struct Target {
    /// Under which name it is kept: the descriptor's, with the release where there is one.
    pub source: String,
    /// What to fetch.
    pub descriptor: Descriptor,
}

impl Host {
    /// `3.20` of `3.20.1`: the releases that Alpine's and SUSE's advisories know.
    fn minor(&self) -> String {
        self.version.split('.').take(2).collect::<Vec<_>>().join(".")
    }

    /// `12` of `12.4`.
    pub(super) fn major(&self) -> &str {
        self.version.split('.').next().unwrap_or_default()
    }

    /// The descriptor for this host, or for another release that somebody asked for.
    pub fn target(&self, descriptor: &Descriptor, release: Option<&str>) -> Result<Target, String> {
        let mut descriptor = descriptor.clone();
        if !descriptor.is_of_a_release() {
            if let Some(release) = release {
                return Err(format!("{} has no releases: leave out {release:?}", descriptor.name));
            }
            fill(&mut descriptor, self)?;
            return Ok(Target { source: descriptor.name.clone(), descriptor });
        }
        let own = descriptor.hosts.iter().any(|id| *id == self.id || self.like.contains(id));
        let named = match release {
            Some(release) => Self { version: release.to_owned(), codename: release.to_owned(), ..self.clone() },
            None if own && !self.version.is_empty() => self.clone(),
            None => {
                let name = &descriptor.name;
                return Err(format!("{name} is published for each release: name one, as in {name}:RELEASE"));
            }
        };
        let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if !is_plain(&named.version) || !is_plain(&named.codename) || named.version.len() > 32 {
            return Err(format!("{:?} is no release", named.version));
        }
        let shown = if descriptor.urls.iter().any(|url| url.contains("{major}")) {
            named.major().to_owned()
        } else if descriptor.urls.iter().any(|url| url.contains("{codename}")) {
            named.codename.clone()
        } else {
            named.minor()
        };
        fill(&mut descriptor, &named)?;
        let source: String = format!("{}-{shown}", descriptor.name)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c.to_ascii_lowercase() } else { '-' })
            .collect();
        Ok(Target { source, descriptor })
    }
}

fn fill(descriptor: &mut Descriptor, host: &Host) -> Result<(), String> {
    let (minor, major) = (host.minor(), host.major().to_owned());
    let values = [("{version}", &minor), ("{major}", &major), ("{codename}", &host.codename), ("{arch}", &host.arch)];
    for url in descriptor.urls.iter_mut().chain(&mut descriptor.mirrors) {
        for (token, value) in values {
            if url.contains(token) {
                if value.is_empty() {
                    return Err(format!("{} needs {token} of this host, which is not known", descriptor.name));
                }
                *url = url.replace(token, value);
            }
        }
    }
    Ok(())
}
