//! Which root filesystems are scanned?

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What a root holds.
#[derive(Default)]
pub struct Size {
    pub files: usize,
    pub bytes: usize,
}

type Build = fn(&Path) -> Result<Size>;

/// Each by name.
pub const ROOTS: &[(&str, Build)] = &[("dpkg", dpkg), ("mixed", mixed)];

/// A Debian 12 host's real status file, with file lists and digests as long as the packages are large.
fn dpkg(root: &Path) -> Result<Size> {
    let mut out = Writer { root: root.to_owned(), size: Size::default() };
    let data = std::env::var_os("TRIPOINT_TEST_DATA").context("TRIPOINT_TEST_DATA names the folder of public data")?;
    let folder = PathBuf::from(data).join("inventory/debian12");
    let status = Command::new("gzip").arg("-dc").arg(folder.join("dpkg-status.gz")).output()?;
    ensure!(status.status.success(), "dpkg-status.gz cannot be read");
    let status = String::from_utf8(status.stdout)?;
    out.file("etc/os-release", fs::read_to_string(folder.join("os-release"))?.as_bytes())?;
    out.file("etc/debian_version", b"12.9\n")?;
    out.file("var/lib/dpkg/status", status.as_bytes())?;
    for paragraph in status.split("\n\n") {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim);
        let (name, size) = (field("Package:"), field("Installed-Size:").parse().unwrap_or(0_usize));
        if name.is_empty() || !field("Status:").ends_with(" installed") {
            continue;
        }
        // Debian's packages have a file for some 40 KiB in the mean.
        let files = (size / 40).clamp(3, 5000);
        let multi = field("Multi-Arch:") == "same";
        let stem = if multi { format!("{name}:{}", field("Architecture:")) } else { name.to_owned() };
        let (mut list, mut sums) = (format!("/.\n/usr\n/usr/share\n/usr/share/{name}\n"), String::new());
        for number in 0..files {
            let _ = writeln!(list, "/usr/share/{name}/part-{:02}/file-{number:05}.dat", number / 50);
            let _ = writeln!(sums, "{number:032x}  usr/share/{name}/part-{:02}/file-{number:05}.dat", number / 50);
        }
        out.file(&format!("var/lib/dpkg/info/{stem}.list"), list.as_bytes())?;
        out.file(&format!("var/lib/dpkg/info/{stem}.md5sums"), sums.as_bytes())?;
    }
    Ok(out.size)
}

/// The same, and what applications bring along.
fn mixed(root: &Path) -> Result<Size> {
    let size = dpkg(root)?;
    let mut out = Writer { root: root.to_owned(), size };
    for number in 0..200 {
        let (name, version) = (format!("py-demo-{number}"), format!("1.{number}.0"));
        let folder = format!("srv/venv/lib/python3.11/site-packages/{}-{version}.dist-info", name.replace('-', "_"));
        let text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: x\n\ntext\n");
        out.file(&format!("{folder}/METADATA"), text.as_bytes())?;
        out.file(&format!("{folder}/RECORD"), "x/__init__.py,sha256=00,1\n".repeat(40).as_bytes())?;
        out.file(&format!("srv/venv/lib/python3.11/site-packages/py_demo_{number}/__init__.py"), &[b'#'; 2000])?;
    }
    for number in 0..600 {
        let folder = format!("srv/web/node_modules/js-demo-{number}");
        let text = format!(
            "{{\"name\":\"js-demo-{number}\",\"version\":\"2.0.{number}\",\"license\":\"MIT\",\"main\":\"index.js\"}}\n"
        );
        out.file(&format!("{folder}/package.json"), text.as_bytes())?;
        for part in 0..8 {
            out.file(&format!("{folder}/lib/part-{part}.js"), &[b'/'; 1500])?;
        }
    }
    for number in 0..120 {
        out.file(&format!("opt/app/lib/jar-demo-{number}-3.{number}.jar"), &jar(number)?)?;
    }
    for number in 0..60 {
        let text = format!(
            "Gem::Specification.new do |s|\n  s.name = \"gem-demo-{number}\".freeze\n  s.version = \"4.0.{number}\"\nend\n"
        );
        let folder = "var/lib/gems/3.1.0/specifications";
        out.file(&format!("{folder}/gem-demo-{number}-4.0.{number}.gemspec"), text.as_bytes())?;
    }
    programs(&mut out)?;
    Ok(out.size)
}

/// A jar of a hundred classes that names itself in both ways.
fn jar(number: u32) -> Result<Vec<u8>> {
    let mut jar = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    jar.start_file("META-INF/MANIFEST.MF", options)?;
    write!(
        jar,
        "Manifest-Version: 1.0\nImplementation-Title: jar-demo-{number}\nImplementation-Version: 3.{number}\n"
    )?;
    jar.start_file(format!("META-INF/maven/org.example/jar-demo-{number}/pom.properties"), options)?;
    write!(jar, "version=3.{number}\ngroupId=org.example\nartifactId=jar-demo-{number}\n")?;
    for class in 0..100 {
        jar.start_file(format!("org/example/Class{class}.class"), options)?;
        let body: Vec<u8> = (0..3000_u32).map(|at| (at.wrapping_mul(class + 7) >> 3) as u8).collect();
        jar.write_all(&body)?;
    }
    Ok(jar.finish()?.into_inner())
}

/// A real Go program (one of the scanners themselves) and the fixture of one built by cargo-auditable.
fn programs(out: &mut Writer) -> Result<()> {
    let exe = std::env::current_exe()?;
    let target = exe.parent().and_then(Path::parent).context("no target folder")?;
    let go = super::rivals::program(&target.join("scanners"), "syft")?;
    let rust = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/inventory/fixtures/package/rust/good.in/opt/app");
    for (name, from) in [("opt/bin/go-demo", go), ("opt/bin/rust-demo", rust)] {
        out.file(name, &fs::read(&from).with_context(|| format!("{}", from.display()))?)?;
        fs::set_permissions(out.root.join(name), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

struct Writer {
    root: PathBuf,
    size: Size,
}

impl Writer {
    fn file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().context("no folder")?)?;
        fs::write(&path, content)?;
        self.size.files += 1;
        self.size.bytes += content.len();
        Ok(())
    }
}
