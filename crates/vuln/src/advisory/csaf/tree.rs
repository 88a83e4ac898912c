//! Which package does a product id of a CSAF document stand for?

use std::borrow::Cow;
use std::collections::BTreeMap;

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tripoint_model::Ecosystem;

use crate::advisory::listed::{Items, Text};
use crate::naming;
use crate::subject::NameKind;

/// The document's tree of products, flat: each by its id.
#[derive(Default)]
pub(crate) struct ProductTree<'a> {
    own: Described<'a>,
    relationships: Items<'a>,
}

/// Products as they are written, by id. A branch of the tree takes twenty bytes in the document and two hundred as a
/// structure, and hundreds of thousands of products are real.
type Described<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

impl<'de: 'a, 'a> Deserialize<'de> for ProductTree<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Tree;
        impl<'de> Visitor<'de> for Tree {
            type Value = ProductTree<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a product tree")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut out = ProductTree::default();
                while let Some(Text(key)) = map.next_key()? {
                    match key.as_ref() {
                        "branches" => map.next_value_seed(Branches(&mut out.own))?,
                        "full_product_names" => {
                            describe_all(map.next_value()?, &mut out.own).map_err(A::Error::custom)?
                        }
                        "relationships" => out.relationships = map.next_value()?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(out)
            }
        }
        from.deserialize_map(Tree)
    }
}

fn describe_all<'a>(list: Items<'a>, own: &mut Described<'a>) -> Result<(), serde_json::Error> {
    let mut wrong = Ok(());
    list.each(|_, product: &'a RawValue| {
        if let Err(error) = describe(product, own) {
            wrong = Err(error);
        }
    })?;
    wrong
}

/// Products are looked at again at each mention.
fn short(entry: &RawValue) -> Result<&RawValue, serde_json::Error> {
    match entry.get().len() {
        0..=ENTRY_BYTES_MAX => Ok(entry),
        _ => Err(serde_json::Error::custom(format!("a product of more than {} KiB", ENTRY_BYTES_MAX >> 10))),
    }
}

fn describe<'a>(product: &'a RawValue, own: &mut Described<'a>) -> Result<(), serde_json::Error> {
    let found: Product<'a> = serde_json::from_str(short(product)?.get())?;
    found.checked()?;
    own.insert(found.product_id, product);
    Ok(())
}

/// Walks branches, which hold products and branches; the parser bounds how deep they stand in each other.
struct Branches<'o, 'a>(&'o mut Described<'a>);

impl<'de: 'a, 'a> DeserializeSeed<'de> for Branches<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Branches<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("branches of products")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Branches(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut branch: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = branch.next_key()? {
            match key.as_ref() {
                "branches" => branch.next_value_seed(Branches(&mut *self.0))?,
                "product" => describe(branch.next_value()?, self.0).map_err(A::Error::custom)?,
                _ => drop(branch.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Product<'a> {
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    product_identification_helper: Option<Helper<'a>>,
}

#[derive(Deserialize)]
struct Helper<'a> {
    #[serde(borrow, default)]
    purl: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    purls: Items<'a>,
    #[serde(borrow, default)]
    cpe: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Relationship<'a> {
    #[serde(borrow)]
    product_reference: Cow<'a, str>,
    #[serde(borrow)]
    relates_to_product_reference: Cow<'a, str>,
    #[serde(borrow)]
    full_product_name: Product<'a>,
}

/// A package as a product id names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meant {
    pub(crate) ecosystem: Ecosystem,
    pub(crate) release: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) kind: NameKind,
    pub(crate) module: String,
    /// The purl itself, where the document gives one.
    pub(crate) purl: String,
}

/// Product ids and what they stand for.
pub(crate) struct Products<'t> {
    own: &'t Described<'t>,
    joined: BTreeMap<Cow<'t, str>, &'t RawValue>,
}

impl<'t> Products<'t> {
    /// Indexes the tree.
    pub(crate) fn of(tree: &'t ProductTree<'t>) -> Result<Self, String> {
        let (mut joined, mut wrong) = (BTreeMap::new(), Ok(()));
        let walked = tree.relationships.each(|_, raw: &'t RawValue| {
            let one = short(raw).and_then(|raw| serde_json::from_str::<Relationship<'t>>(raw.get()));
            match one.and_then(|one| one.full_product_name.checked().map(|()| one)) {
                Ok(one) => drop(joined.insert(one.full_product_name.product_id, raw)),
                Err(error) => wrong = Err(error),
            }
        });
        walked.and(wrong).map_err(|error| format!("relationships: {error}"))?;
        Ok(Self { own: &tree.own, joined })
    }

    /// Whether the document describes it.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.own.contains_key(id) || self.joined.contains_key(id)
    }

    fn product(&self, id: &str) -> Option<Product<'t>> {
        serde_json::from_str(self.own.get(id)?.get()).ok()
    }

    fn relationship(&self, id: &str) -> Option<Relationship<'t>> {
        serde_json::from_str(self.joined.get(id)?.get()).ok()
    }

    /// The package that a product id stands for; `None` for what is none.
    pub(crate) fn meant(&self, id: &str) -> Option<Meant> {
        let first = self.relationship(id);
        let component = first.as_ref().map_or(id, |joined| joined.product_reference.as_ref());
        let mut module = String::new();
        let mut platform = first.as_ref().map(|joined| joined.relates_to_product_reference.clone());
        // A package of a module of a platform is two steps; more is no known document's.
        for _ in 1..4 {
            let Some(joined) = platform.as_deref().and_then(|at| self.relationship(at)) else { break };
            if let Some(stream) = self.purl(&joined.product_reference).and_then(|purl| module_of(&purl)) {
                module = stream;
            }
            platform = Some(joined.relates_to_product_reference);
        }
        let whose = platform.and_then(|platform| self.product(&platform)).and_then(|product| product.cpe());
        let whose = whose.and_then(|cpe| distribution(&cpe));
        let purl = first.as_ref().and_then(|joined| joined.full_product_name.purl());
        let purl = purl.or_else(|| self.purl(component));
        let mut meant = match purl {
            Some(purl) => from_purl(&purl, component, whose)?,
            None => from_name(component, whose?)?,
        };
        if meant.module.is_empty() {
            meant.module = module;
        }
        Some(meant)
    }

    fn purl(&self, id: &str) -> Option<String> {
        self.product(id)?.purl()
    }

    /// The product's name for people.
    pub(crate) fn shown(&self, id: &str) -> String {
        self.product(id).map_or_else(|| id.to_owned(), |product| product.name.into_owned())
    }
}

impl Product<'_> {
    /// An error where its purls are not texts.
    fn checked(&self) -> Result<(), serde_json::Error> {
        let purls = self.product_identification_helper.as_ref().map(|helper| helper.purls);
        purls.unwrap_or_default().each(|_, _: Text<'_>| {})
    }

    fn purl(&self) -> Option<String> {
        let found = self.product_identification_helper.as_ref()?;
        let mut first = None;
        // All are texts: that was seen when the tree was read.
        let _ = found.purls.each(|_, Text(purl)| {
            first.get_or_insert(purl.into_owned());
        });
        found.purl.as_deref().map(str::to_owned).or(first)
    }

    fn cpe(&self) -> Option<String> {
        self.product_identification_helper.as_ref()?.cpe.as_deref().map(str::to_owned)
    }
}

/// `pkg:rpmmod/redhat/nodejs@18:…` is the stream `nodejs:18`.
fn module_of(purl: &str) -> Option<String> {
    let rest = purl.strip_prefix("pkg:rpmmod/redhat/")?.split('?').next()?;
    let (name, stream) = rest.split_once('@')?;
    Some(format!("{name}:{}", stream.split([':', '/']).next()?))
}

fn from_purl(purl: &str, component: &str, whose: Option<(Ecosystem, String)>) -> Option<Meant> {
    let mut module = String::new();
    let named = match purl.strip_prefix("pkg:rpmmod/redhat/") {
        // `nodejs:18/nodejs`: a package of a module, without a version.
        Some(_) => {
            let (stream, name) = component.rsplit_once('/')?;
            module = stream.rsplit_once('/').map_or(stream, |(_, stream)| stream).to_owned();
            naming::Named {
                ecosystem: Ecosystem::RedHat,
                release: String::new(),
                name: name.to_owned(),
                version: String::new(),
            }
        }
        None => naming::purl(purl)?,
    };
    if let Some(label) = naming::qualifier(purl, "rpmmod") {
        module = label.split(':').take(2).collect::<Vec<_>>().join(":");
    }
    let (ecosystem, release) = match whose {
        Some((ecosystem, release)) if named.ecosystem.is_distribution() => (ecosystem, release),
        // A distribution's package on a platform that is none: no host asks for it.
        _ if named.ecosystem == Ecosystem::RedHat => return None,
        _ => (named.ecosystem, named.release),
    };
    let kind = match naming::qualifier(purl, "arch").as_deref() {
        Some("src" | "source") => NameKind::Source,
        Some(_) => NameKind::Binary,
        None if matches!(ecosystem, Ecosystem::Debian | Ecosystem::Ubuntu) => NameKind::Source,
        None => NameKind::Any,
    };
    Some(Meant { ecosystem, release, name: named.name, version: named.version, kind, module, purl: purl.to_owned() })
}

/// `vim-common-2:9.0-33.x86_64.rpm`, or a bare name.
fn from_name(component: &str, (ecosystem, release): (Ecosystem, String)) -> Option<Meant> {
    let text = component.strip_suffix(".rpm").unwrap_or(component);
    let (text, kind) = match text.rsplit_once('.') {
        Some((rest, "src" | "nosrc")) => (rest, NameKind::Source),
        Some((rest, arch)) if ARCHES.contains(&arch) => (rest, NameKind::Binary),
        _ => (text, NameKind::Any),
    };
    let mut parts = text.rsplitn(3, '-');
    let (name, version) = match (parts.next(), parts.next(), parts.next()) {
        (Some(release), Some(version), Some(name))
            if version.starts_with(|c: char| c.is_ascii_digit()) && release.contains(|c: char| c.is_ascii_digit()) =>
        {
            (name, format!("{version}-{release}"))
        }
        _ => (text, String::new()),
    };
    let plain = |name: &str| !name.is_empty() && !name.contains([' ', '/', ':']);
    plain(name).then(|| Meant {
        ecosystem,
        release,
        name: name.to_owned(),
        version,
        kind,
        module: String::new(),
        purl: String::new(),
    })
}

/// The distribution and release that a platform's CPE names.
pub(crate) fn distribution(cpe: &str) -> Option<(Ecosystem, String)> {
    let rest = cpe.strip_prefix("cpe:/").or_else(|| cpe.strip_prefix("cpe:2.3:"))?;
    let mut parts = rest.split(':').skip(1).map(str::to_ascii_lowercase);
    let (vendor, product) = (parts.next()?, parts.next()?);
    let version = parts.next().filter(|version| version != "*" && version != "-").unwrap_or_default();
    let update = parts.next().filter(|update| update.starts_with("sp")).unwrap_or_default();
    let (ecosystem, release) = match (vendor.as_str(), product.as_str()) {
        ("redhat", product) => (Ecosystem::RedHat, format!("{product}:{version}")),
        ("opensuse", "leap") => (Ecosystem::OpenSuse, version),
        ("opensuse", product) => (Ecosystem::OpenSuse, product.to_owned()),
        ("suse", product) if product.contains("micro") => (Ecosystem::Suse, format!("micro {version}")),
        ("suse", _) => (Ecosystem::Suse, format!("{version} {update}")),
        ("openeuler", _) => (Ecosystem::OpenEuler, version.to_uppercase()),
        ("oracle", "linux") => (Ecosystem::OracleLinux, version),
        ("almalinux", _) => (Ecosystem::AlmaLinux, version),
        ("rocky", _) => (Ecosystem::RockyLinux, version),
        ("fedoraproject", "fedora") => (Ecosystem::Fedora, version),
        ("amazon", _) => (Ecosystem::AmazonLinux, version),
        ("microsoft", _) => (Ecosystem::AzureLinux, version),
        ("debian", _) => (Ecosystem::Debian, version),
        ("canonical", _) => (Ecosystem::Ubuntu, version),
        _ => return None,
    };
    Some((ecosystem, naming::release(ecosystem, &release)))
}

/// Publishers give a product some purls and digests.
const ENTRY_BYTES_MAX: usize = 16 << 10;
const ARCHES: &[&str] =
    &["x86_64", "aarch64", "noarch", "i686", "i586", "i386", "ppc64le", "ppc64", "s390x", "s390", "armv7hl", "riscv64"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_releases() {
        for (cpe, expected) in [
            ("cpe:/o:redhat:enterprise_linux:9::baseos", Some((Ecosystem::RedHat, "9"))),
            ("cpe:/a:redhat:rhel_eus:9.0::appstream", Some((Ecosystem::RedHat, "9.0 eus"))),
            ("cpe:/o:suse:sles:15:sp4", Some((Ecosystem::Suse, "15.4"))),
            ("cpe:/o:opensuse:leap:15.6", Some((Ecosystem::OpenSuse, "15.6"))),
            ("cpe:/a:openEuler:openEuler:24.03-LTS", Some((Ecosystem::OpenEuler, "24.03-LTS"))),
            ("cpe:/a:example:thing:1", None),
        ] {
            assert_eq!(distribution(cpe), expected.map(|(found, release)| (found, release.to_owned())), "{cpe}");
        }
    }

    #[test]
    fn names_of_files_are_packages() {
        let found = from_name("vim-common-2:9.0-33.x86_64.rpm", (Ecosystem::Suse, String::new())).expect("package");
        assert_eq!(
            (found.name.as_str(), found.version.as_str(), found.kind),
            ("vim-common", "2:9.0-33", NameKind::Binary)
        );
        let found = from_name("openssl-1_1", (Ecosystem::Suse, String::new())).expect("package");
        assert_eq!((found.name.as_str(), found.version.as_str()), ("openssl-1_1", ""));
        assert_eq!(module_of("pkg:rpmmod/redhat/nodejs@18:809:ab").as_deref(), Some("nodejs:18"));
    }
}
