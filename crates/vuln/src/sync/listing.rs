//! Where does the file lie whose name changes with every publication?

use quick_xml::Reader;
use quick_xml::events::Event;

use super::descriptor::Listing;

/// The URL that a listing (fetched from `at`) leads to; for a list of mirrors another listing.
pub fn follow(kind: Listing, at: &str, text: &[u8]) -> Result<(String, Option<Listing>), String> {
    match kind {
        Listing::Repomd => {
            let base = at.strip_suffix("repodata/repomd.xml").ok_or("a repomd listing ends in repodata/repomd.xml")?;
            let href = notices(text)?;
            Ok((beside(base, &href)?, None))
        }
        Listing::MirrorList => {
            let text = std::str::from_utf8(text).map_err(|_| "the list of mirrors is not text")?;
            let host = |line: &&str| {
                let host = line.strip_prefix("https://").and_then(|rest| rest.bytes().next());
                host.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'[')
            };
            let first = text.lines().map(str::trim).find(host);
            let base = first.ok_or("the list of mirrors names no https:// URL")?.trim_end_matches('/');
            Ok((format!("{base}/repodata/repomd.xml"), Some(Listing::Repomd)))
        }
        Listing::Named => {
            let text = std::str::from_utf8(text).map_err(|_| "the listing is not text")?;
            let name = text.lines().map(str::trim).find(|line| !line.is_empty()).ok_or("the listing is empty")?;
            let folder = at.rsplit_once('/').map_or("", |(folder, _)| folder);
            Ok((beside(&format!("{folder}/"), name)?, None))
        }
    }
}

/// A relative path below a folder: a listing cannot lead to another server.
fn beside(base: &str, path: &str) -> Result<String, String> {
    let plain = !path.is_empty()
        && path.len() <= 512
        && !path.starts_with('/')
        && !path.split('/').any(|part| part == ".." || part.is_empty())
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/+~".contains(&b));
    if plain { Ok(format!("{base}{path}")) } else { Err(format!("the listing names {path:?}, which is no file of it")) }
}

/// `<data type="updateinfo"><location href="…"/>`.
fn notices(text: &[u8]) -> Result<String, String> {
    let mut reader = Reader::from_reader(text);
    let mut within = false;
    // Bounded by the size of the listing.
    loop {
        let event = reader.read_event().map_err(|error| format!("not a repomd.xml: {error}"))?;
        let (element, is_start) = match &event {
            Event::Start(element) => (element, true),
            Event::Empty(element) => (element, false),
            Event::Eof => return Err("the repository publishes no update notices".to_owned()),
            _ => continue,
        };
        let value = |name: &str| {
            let found = element.attributes().flatten().find(|attribute| attribute.key.as_ref() == name)?;
            Some(found.value.into_owned())
        };
        match element.local_name().as_ref() {
            "data" if is_start => within = value("type").as_deref() == Some("updateinfo"),
            "location" if within => return value("href").ok_or_else(|| "a location without href".to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_lead_to_files_beside_them() {
        let repomd = br#"<repomd><data type="primary"><location href="repodata/p.xml.gz"/></data>
            <data type="updateinfo"><checksum>x</checksum><location href="repodata/ab12-updateinfo.xml.gz"/></data></repomd>"#;
        let at = "https://repo.example/9/repodata/repomd.xml";
        let found = follow(Listing::Repomd, at, repomd).expect("follow");
        assert_eq!(found, ("https://repo.example/9/repodata/ab12-updateinfo.xml.gz".to_owned(), None));
        let (next, kind) = follow(Listing::MirrorList, at, b"\nhttps://m.example/core/\n").expect("follow");
        assert_eq!((next.as_str(), kind), ("https://m.example/core/repodata/repomd.xml", Some(Listing::Repomd)));
        let (file, _) =
            follow(Listing::Named, "https://a.example/vex/latest.txt", b"vex_2026.tar.gz\n").expect("follow");
        assert_eq!(file, "https://a.example/vex/vex_2026.tar.gz");
    }

    #[test]
    fn listings_cannot_lead_elsewhere() {
        let at = "https://a.example/vex/latest.txt";
        for text in ["../x", "/etc/passwd", "//b.example/x", "https://b.example/x", "a/../../x", "", "x y", "a?b"] {
            assert!(follow(Listing::Named, at, text.as_bytes()).is_err(), "{text}");
        }
        let at = "https://repo.example/9/repodata/repomd.xml";
        for text in ["<repomd/>", "<a", "<data type=\"updateinfo\"><location/></data>", "\u{0}"] {
            assert!(follow(Listing::Repomd, at, text.as_bytes()).is_err(), "{text}");
        }
        assert!(follow(Listing::MirrorList, at, b"ftp://x/\nhttp://plain.example/\nhttps:///").is_err());
    }
}
