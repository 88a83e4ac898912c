//! Which package does an entry of a bill of materials mean?

use tripoint_model::{Ecosystem, Package, PackageState, Purl};

use super::release;

/// What a document says about one component, whatever its format.
#[derive(Default, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) purl: String,
    pub(super) cpe: String,
    /// `library`, `file`; as the document spells it.
    pub(super) kind: String,
    /// The document's own subject: nothing that is installed beside others.
    pub(super) subject: bool,
    pub(super) source: String,
    pub(super) source_version: String,
    pub(super) path: String,
}

impl Entry {
    /// A reference by the name of its kind (`purl`, `cpe23Type`).
    pub(super) fn reference(&mut self, kind: &str, value: String) {
        // Some documents write a whole address for the kind.
        match kind.rsplit(['/', '#']).next().unwrap_or(kind) {
            "purl" | "packageUrl" | "packageURL" => self.purl = value,
            "cpe23Type" | "cpe22Type" | "cpe23" | "cpe22" => self.cpe = value,
            "maven-central" => self.purl_of("maven", value.replacen(':', "/", 1).replacen(':', "@", 1)),
            "npm" => self.purl_of("npm", value),
            "nuget" => self.purl_of("nuget", value.replacen('/', "@", 1)),
            _ => {}
        }
    }

    /// SPDX's older way to name a package of a manager; a package URL beside it says more.
    fn purl_of(&mut self, kind: &str, rest: String) {
        if self.purl.is_empty() && !rest.is_empty() {
            self.purl = format!("pkg:{kind}/{rest}");
        }
    }

    /// A property that a widespread tool adds.
    pub(super) fn property(&mut self, name: &str, value: String) {
        match name {
            "aquasecurity:trivy:SrcName" | "syft:metadata:source" | "tripoint:source" => self.source = value,
            "syft:metadata:sourceVersion" | "tripoint:source-version" => self.source_version = value,
            "aquasecurity:trivy:FilePath" | "syft:location:0:path" => self.path = value,
            _ => {}
        }
    }

    /// `built package from: openssl 3.0.2-1`, as SPDX documents of scanners say it.
    pub(super) fn source_info(&mut self, info: &str) {
        let said = ["built package from:", "built from source package"]
            .iter()
            .find_map(|begins| info.trim().strip_prefix(begins));
        let mut words = said.unwrap_or_default().split_whitespace();
        if let Some(name) = words.next() {
            name.clone_into(&mut self.source);
            words.next().unwrap_or_default().clone_into(&mut self.source_version);
        }
    }

    /// The package; nothing for what is no software of its own, a reason for what cannot be matched.
    pub(super) fn package(mut self, system: Option<&(String, String)>) -> Result<Option<Package>, String> {
        if let Ok(purl) = self.purl.parse::<Purl>() {
            return match self.of_purl(purl, system) {
                Err(_) if self.subject => Ok(None),
                judged => judged.map(Some),
            };
        }
        if let Some(package) = self.of_cpe() {
            return Ok(Some(package));
        }
        let kind = self.kind.to_ascii_lowercase();
        let library = kind == "library";
        let software = library || (!self.version.is_empty() && !NO_SOFTWARE.contains(&kind.as_str()));
        match (self.subject || !software, self.purl.is_empty()) {
            (true, _) => Ok(None),
            (false, true) => Err(format!("{:?} has neither a package URL nor a CPE", cut(&self.name))),
            (false, false) => Err(format!("{:?} is no package URL", cut(&self.purl))),
        }
    }

    fn of_purl(&mut self, mut purl: Purl, system: Option<&(String, String)>) -> Result<Package, String> {
        let ecosystem = release::ecosystem(&purl, system)
            .ok_or_else(|| format!("no advisories are kept for packages such as {}", cut(&self.purl)))?;
        if purl.version.is_empty() {
            purl.version = std::mem::take(&mut self.version);
        }
        if purl.version.is_empty() {
            return Err(format!("{} has no version", cut(&self.purl)));
        }
        let epoch = purl.qualifier("epoch");
        let with_epoch = |version: &str| {
            if matches!(epoch, "" | "0") || version.contains(':') {
                version.to_owned()
            } else {
                format!("{epoch}:{version}")
            }
        };
        let version = if ecosystem.is_distribution() { with_epoch(&purl.version) } else { purl.version.clone() };
        if purl.version.len() > VERSION_BYTES_MAX {
            return Err(format!("{} has a version longer than {VERSION_BYTES_MAX} bytes", cut(&self.purl)));
        }
        let name = match ecosystem {
            Ecosystem::Maven => format!("{}:{}", purl.namespace.replace('/', "."), purl.name),
            _ if ecosystem.is_distribution() || purl.namespace.is_empty() => purl.name.clone(),
            _ => format!("{}/{}", purl.namespace, purl.name),
        };
        let (source, source_version) = self.source_of(&purl, &name, &version, ecosystem, with_epoch);
        Ok(Package {
            purl: purl.to_string(),
            ecosystem,
            module: purl.qualifier("rpmmod").to_owned(),
            release: release::release(ecosystem, &purl, system),
            name,
            version,
            source,
            source_version,
            paths: Some(std::mem::take(&mut self.path)).filter(|path| !path.is_empty()).into_iter().collect(),
            state: PackageState::Installed,
            installed: None,
        })
    }

    /// The source package: as the purl says it, else as the tool does, else itself.
    fn source_of(
        &self,
        purl: &Purl,
        name: &str,
        version: &str,
        ecosystem: Ecosystem,
        with_epoch: impl Fn(&str) -> String,
    ) -> (String, String) {
        if !ecosystem.is_distribution() {
            return (name.to_owned(), version.to_owned());
        }
        let upstream = purl.qualifier("upstream");
        if let Some(rpm) = upstream.strip_suffix(".src.rpm") {
            let mut parts = rpm.rsplitn(3, '-');
            if let (Some(release), Some(version), Some(source)) = (parts.next(), parts.next(), parts.next()) {
                return (source.to_owned(), with_epoch(&format!("{version}-{release}")));
            }
        }
        let (source, said) = match upstream.split_once('@') {
            Some(said) => said,
            None if upstream.is_empty() => (self.source.as_str(), self.source_version.as_str()),
            None => (upstream, ""),
        };
        match (source.is_empty(), said.is_empty()) {
            (true, _) => (name.to_owned(), version.to_owned()),
            (false, true) => (source.to_owned(), version.to_owned()),
            (false, false) => (source.to_owned(), said.to_owned()),
        }
    }

    /// A CPE names software that no package manager keeps.
    fn of_cpe(&self) -> Option<Package> {
        let fields: Vec<String> = if let Some(rest) = self.cpe.strip_prefix("cpe:2.3:") {
            split_unescaped(rest)
        } else {
            self.cpe.strip_prefix("cpe:/")?.split(':').map(str::to_owned).collect()
        };
        let [part, _, product, version, ..] = fields.as_slice() else { return None };
        let said = |text: &str| !matches!(text, "" | "*" | "-");
        let version = if said(version) { version } else { &self.version };
        if !matches!(part.as_str(), "a" | "o") || !said(product) || !said(version) || version.len() > VERSION_BYTES_MAX
        {
            return None;
        }
        let purl = Purl { kind: "generic".into(), name: product.clone(), version: version.clone(), ..Purl::default() };
        Some(Package {
            purl: purl.to_string(),
            ecosystem: Ecosystem::Generic,
            release: String::new(),
            module: String::new(),
            name: product.clone(),
            version: version.clone(),
            source: product.clone(),
            source_version: version.clone(),
            paths: Vec::new(),
            state: PackageState::Installed,
            installed: None,
        })
    }
}

/// No published version is longer; comparing stays cheap.
const VERSION_BYTES_MAX: usize = 1024;

/// Kinds of entries for which no advisories are sought.
const NO_SOFTWARE: &[&str] = &[
    "file",
    "data",
    "device",
    "device-driver",
    "firmware",
    "platform",
    "container",
    "archive",
    "source",
    "machine-learning-model",
    "cryptographic-asset",
];

/// The fields of a CPE 2.3, of which `\:` ends none.
fn split_unescaped(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        match (c, escaped) {
            ('\\', false) => {
                escaped = true;
                continue;
            }
            (':', false) => out.push(String::new()),
            _ => {
                if let Some(last) = out.last_mut() {
                    last.push(c);
                }
            }
        }
        escaped = false;
    }
    out
}

fn cut(text: &str) -> &str {
    tripoint_model::text::truncate(text, 120).0
}
