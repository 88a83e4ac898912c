//! Are descriptors checked, laid over each other, and completed for a host?

use super::*;
use crate::sync::host::Host;

fn host(id: &str, version: &str) -> Host {
    Host { id: id.into(), version: version.into(), arch: "x86_64".into(), ..Host::default() }
}

fn built_in() -> Catalogue {
    Catalogue::read(None).expect("the built-in sources are right")
}

#[test]
fn the_built_in_sources_are_complete() {
    let all = built_in().sources;
    assert!(all.len() > 40);
    for source in &all {
        assert!(source.licence.is_some(), "{}", source.name);
        assert!(source.urls.iter().chain(&source.mirrors).all(|url| url.starts_with("https://")), "{}", source.name);
        // Every template can be completed for a release that somebody names.
        let release = source.is_of_a_release().then_some("9.1");
        let target = host("debian", "12").target(source, release).expect(&source.name);
        assert!(target.descriptor.urls.iter().all(|url| !url.contains('{')), "{:?}", target.descriptor.urls);
    }
}

/// The page is written from the data file.
#[test]
fn the_reference_page_is_fresh() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/advisory-sources.md");
    let former = std::fs::read_to_string(&path).unwrap_or_default();
    let (head, _) = former.split_once(MARK).unwrap_or((&former, ""));
    let mut page =
        format!("{head}{MARK}\n\n| Name | For | Every | Format | From | Terms |\n|---|---|---|---|---|---|\n");
    for source in built_in().sources {
        let hosts = if source.hosts.is_empty() { "by name".to_owned() } else { source.hosts.join(", ") };
        page.push_str(&format!(
            "| `{}` | {hosts} | {} | `{}` | {} | {} |\n",
            source.name,
            crate::status::span(source.refresh),
            source.format.unwrap_or_default(),
            source.urls.iter().chain(&source.mirrors).map(|url| format!("`{url}`")).collect::<Vec<_>>().join(" "),
            source.licence.unwrap_or_default()
        ));
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("write");
    }
    assert!(former == page || std::env::var_os("UPDATE").is_some(), "run with UPDATE=1");
}

const MARK: &str = "## Built-in sources";

#[test]
fn a_host_fetches_what_it_needs() {
    let all = built_in().sources;
    let wanted = |host: &Host| -> Vec<String> {
        all.iter().filter(|s| s.is_wanted(host)).map(|s| host.target(s, None).expect("target").source).collect()
    };
    let debian = wanted(&host("debian", "12"));
    for name in ["kev", "epss", "osv-pypi", "osv-npm", "debian", "osv-debian"] {
        assert!(debian.contains(&name.to_owned()), "{debian:?}");
    }
    assert!(!debian.iter().any(|name| name.contains("ubuntu") || name.contains("alpine") || name == "nvd-recent"));
    assert!(wanted(&host("alpine", "3.20.1")).contains(&"alpine-3-20".to_owned()));
    assert!(wanted(&host("ol", "9.4")).contains(&"oracle-9".to_owned()));
    let amazon = wanted(&host("amzn", "2023"));
    assert!(amazon.contains(&"amazon-2023".to_owned()) && !amazon.contains(&"amazon-2".to_owned()));
    let like = Host { like: vec!["ubuntu".into()], ..host("pop", "22.04") };
    assert!(wanted(&like).contains(&"osv-ubuntu".to_owned()));
}

#[test]
fn releases_are_completed_and_checked() {
    let all = built_in().sources;
    let alpine = all.iter().find(|source| source.name == "alpine").expect("alpine");
    let here = host("debian", "12");
    let target = here.target(alpine, Some("3.19")).expect("target");
    assert_eq!(target.source, "alpine-3-19");
    assert_eq!(target.descriptor.urls[1], "https://secdb.alpinelinux.org/v3.19/community.json");
    assert!(here.target(alpine, None).unwrap_err().contains("alpine:RELEASE"));
    for bad in ["../../x", "3.19/x", "a b", "?"] {
        assert!(here.target(alpine, Some(bad)).is_err(), "{bad}");
    }
    let kev = all.iter().find(|source| source.name == "kev").expect("kev");
    assert!(here.target(kev, Some("1")).unwrap_err().contains("no releases"));
}

#[test]
fn own_files_add_and_change() {
    let own = r#"
[[source]]
name = "kev"
refresh = "1h"
enabled = false

[[source]]
name = "ours"
url = "http://intranet.example/osv.zip"
unencrypted = true
hosts = ["all"]

[[mirror]]
from = "https://osv-vulnerabilities.storage.googleapis.com/"
to = ["https://mirror.example/osv/"]
only = true
"#;
    let catalogue = Catalogue::read(Some((own, "advisories.toml"))).expect("read");
    let find = |name: &str| catalogue.sources.iter().find(|source| source.name == name).expect("source");
    assert_eq!(find("kev").refresh, Duration::from_secs(3600));
    assert!(find("kev").urls[0].contains("cisa.gov") && !find("kev").is_wanted(&host("debian", "12")));
    assert!(find("ours").is_wanted(&host("x", "")));
    assert!(catalogue.mirrors[0].only);
    assert_eq!(catalogue.sources.iter().filter(|source| source.name == "kev").count(), 1);
}

#[test]
fn an_own_file_may_stand_alone() {
    let own = "built_in = false\n[[source]]\nname = \"kev\"\nurl = \"https://intranet.example/kev.json\"\n";
    let catalogue = Catalogue::read(Some((own, "advisories.toml"))).expect("read");
    assert_eq!((catalogue.sources.len(), catalogue.sources[0].format.as_deref()), (1, None));
}

#[test]
fn plain_http_is_asked_for_in_so_many_words() {
    let source = |rest: &str| format!("[[source]]\nname = \"ours\"\n{rest}\n");
    let mirror = |rest: &str| format!("[[mirror]]\nfrom = \"https://a.example/\"\n{rest}\n");
    let (clear, here) = ("http://intranet.example/x", "http://127.0.0.1:8000/x");
    for (text, good) in [
        (source(&format!("url = \"{clear}\"")), false),
        (source(&format!("urls = [\"https://a.example/x\", \"{clear}\"]")), false),
        (source(&format!("url = \"https://a.example/x\"\nmirrors = [\"{clear}\"]")), false),
        (source(&format!("url = \"{clear}\"\nunencrypted = true")), true),
        (source(&format!("url = \"{here}\"")), true),
        (mirror(&format!("to = [\"{clear}\"]")), false),
        (mirror(&format!("to = [\"{clear}\"]\nunencrypted = true")), true),
        (mirror(&format!("to = [\"{here}\"]")), true),
    ] {
        match Catalogue::read(Some((&text, "advisories.toml"))) {
            Ok(_) => assert!(good, "{text}"),
            Err(error) => {
                let told = error.to_string();
                assert!(
                    !good && told.starts_with("advisories.toml:1: ") && told.contains("unencrypted = true"),
                    "{told}"
                );
            }
        }
    }
}

#[test]
fn errors_name_the_line() {
    let base = "[[source]]\nname = \"a\"\nurl = \"https://a.example/\"\n";
    for (extra, line, part) in [
        ("colour = 1\n", 4, "unknown field"),
        ("urls = [\"https://b.example/\"]\n", 1, "either url"),
        ("format = \"tarot\"\n", 1, "updateinfo"),
        ("refresh = \"soon\"\n", 1, "12h"),
        ("refresh = \"5s\"\n", 1, "60s"),
        ("publishes = \"x\"\n", 1, "publishes"),
        ("header = \"X\"\n", 1, "key_file"),
        ("max_mib = 0\n", 1, "max_mib"),
        ("listing = \"guess\"\n", 4, "unknown variant"),
        ("mirrors = [\"ftp://x\"]\n", 1, "https://"),
        ("[[source]]\nname = \"a\"\nurl = \"https://b.example/\"\n", 4, "twice"),
        ("[[source]]\nname = \"../a\"\nurl = \"https://b.example/\"\n", 4, "small letters"),
        ("[[mirror]]\nfrom = \"x\"\nto = []\n", 4, "mirror"),
        ("x = [\n", 4, ""),
    ] {
        let error = Catalogue::read(Some((&format!("{base}{extra}"), "f"))).unwrap_err();
        assert!(error.reason.contains(part), "{extra}: {error}");
        assert!(error.line.abs_diff(line) <= 1, "{extra}: {error}");
    }
}
