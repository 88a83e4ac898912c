//! Are the right blobs read, and are those that are not what their digests say refused?

use sha2::{Digest, Sha256, Sha512};

use crate::image::tests::{E, gzip, tar};
use crate::{CoverageStatus, Inventory, ScanOptions, scan_image};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A layout in a folder; blobs are put where their digests say.
struct Layout(tempfile::TempDir);

impl Layout {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("tempdir"))
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        std::fs::write(path, bytes).expect("write");
    }

    /// Its descriptor, without the closing brace.
    fn blob(&self, bytes: &[u8]) -> String {
        let hash = sha256(bytes);
        self.put(&format!("blobs/sha256/{hash}"), bytes);
        format!("{{\"digest\":\"sha256:{hash}\",\"size\":{}", bytes.len())
    }

    fn scan(&self) -> Result<Inventory, String> {
        scan_image(self.0.path(), &ScanOptions::default(), &mut |_| {}).map_err(|error| format!("{error:#?} {error}"))
    }
}

fn status(version: u8) -> String {
    format!("Package: demo\nStatus: install ok installed\nVersion: {version}\n")
}

/// An index of two platforms with a configuration and two layers, the first compressed; the paths
/// of manifest, configuration and upper layer.
fn image() -> (Layout, [String; 3]) {
    let layout = Layout::new();
    let lower = layout.blob(&gzip(&tar(&[
        E::File("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
        E::File("var/lib/dpkg/status", &status(1)),
        E::File("usr/lib/python3/dist-packages/x-1.dist-info/METADATA", "Name: x\nVersion: 1\n"),
    ])));
    let upper = tar(&[
        E::File("var/lib/dpkg/status", &status(2)),
        E::File("usr/lib/python3/dist-packages/.wh.x-1.dist-info", ""),
    ]);
    let config = b"{\"architecture\":\"any\"}";
    let manifest = format!(
        r#"{{"config":{}}},"layers":[{lower},"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"}},{}}}]}}"#,
        layout.blob(config),
        layout.blob(&upper)
    );
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    let index = format!(
        r#"{{"manifests":[{{"digest":"sha256:aa","platform":{{"os":"linux","architecture":"other"}}}},
        {},"platform":{{"os":"linux","architecture":"{arch}"}}}}]}}"#,
        layout.blob(manifest.as_bytes())
    );
    layout.put("index.json", index.as_bytes());
    let paths = [manifest.as_bytes(), config, &upper].map(|bytes| format!("blobs/sha256/{}", sha256(bytes)));
    (layout, paths)
}

#[test]
fn an_oci_layout_gives_this_hosts_packages() {
    let (layout, [.., upper]) = image();
    let inventory = layout.scan().expect("scan");
    let found: Vec<_> = inventory.packages.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect();
    assert_eq!(found, [("demo", "2")]);
    assert!(inventory.has_database() && !inventory.is_partial(), "{:?}", inventory.coverage);
    std::fs::remove_file(layout.0.path().join(upper)).expect("remove");
    let inventory = layout.scan().expect("scan");
    assert_eq!(inventory.packages.len(), 2);
    assert!(inventory.is_partial());
    assert_eq!(
        (inventory.coverage[0].cataloger.as_str(), inventory.coverage[0].status),
        ("image", CoverageStatus::Partial)
    );
}

/// One byte of a blob is another: it is refused by its name with both digests.
#[test]
fn a_blob_that_is_not_what_its_digest_says_is_refused() {
    let (layout, [manifest, config, upper]) = image();
    let changed = |path: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let whole = layout.0.path().join(path);
        let good = std::fs::read(&whole).expect("read");
        let mut bytes = good.clone();
        change(&mut bytes);
        std::fs::write(&whole, &bytes).expect("write");
        let found = layout.scan();
        std::fs::write(&whole, good).expect("write");
        (found, sha256(&bytes))
    };
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().expect("bytes") ^= 1;
    for (path, packages) in [(&upper, 2), (&config, 1)] {
        let (found, is) = changed(path, &flip);
        let found = found.expect("the rest stands");
        let refused = &found.rejected[0];
        let told = path.rsplit('/').next().expect("hash");
        assert_eq!((&refused.file, found.packages.len(), found.is_partial()), (path, packages, true));
        assert!(
            refused.reason.contains(&format!("sha256:{is}")) && refused.reason.contains(&format!("sha256:{told}")),
            "{refused:?}"
        );
    }
    let (found, _) = changed(&upper, &|bytes| bytes.extend([0; 512]));
    let found = found.expect("the rest stands");
    assert!(found.rejected[0].reason.contains("bytes, its descriptor says"), "{:?}", found.rejected);
    // Without its manifest nothing is known of an image.
    let (found, is) = changed(&manifest, &flip);
    let said = found.expect_err("nothing can be said");
    assert!(said.contains(&is) && said.contains(&manifest), "{said}");
}

#[test]
fn digests_of_other_kinds_are_checked_or_refused() {
    let layer = tar(&[E::File("var/lib/dpkg/status", &status(1))]);
    let hash: String = Sha512::digest(&layer).iter().map(|byte| format!("{byte:02x}")).collect();
    for (digest, packages) in [(format!("sha512:{hash}"), 1), ("sha512:ab".to_owned(), 0), ("md5:ab".to_owned(), 0)] {
        let layout = Layout::new();
        layout.put(&format!("blobs/{}", digest.replace(':', "/")), &layer);
        layout.put("index.json", format!(r#"{{"layers":[{{"digest":"{digest}"}}]}}"#).as_bytes());
        let found = layout.scan().expect("scan");
        assert_eq!((found.packages.len(), found.rejected.len()), (packages, 1 - packages), "{:?}", found.rejected);
    }
}

/// Docker names layers by their digests where it writes an OCI layout too; other names say nothing.
#[test]
fn a_docker_archive_is_checked_where_its_paths_are_digests() {
    let layer = tar(&[E::File("var/lib/dpkg/status", &status(1))]);
    let good = format!("blobs/sha256/{}", sha256(&layer));
    for (path, refused) in [(good.as_str(), 0), ("blobs/sha256/ab", 1), ("ab/layer.tar", 0)] {
        let layout = Layout::new();
        layout.put(path, &layer);
        layout.put("manifest.json", format!(r#"[{{"Config":"c.json","Layers":["{path}"]}}]"#).as_bytes());
        let found = layout.scan().expect("scan");
        assert_eq!((found.rejected.len(), found.packages.len()), (refused, 1 - refused), "{:?}", found.rejected);
    }
}
