//! Which command installs the fix, as exactly as it can be known?

use tripoint_model::text::visible;
use tripoint_model::{Ecosystem, Package};

/// A command that a person can paste, or words where no command is known. Names and versions that
/// are not plain words give none: they come from files that anyone may have written.
pub(crate) fn fix_command(package: &Package, fixed: &str) -> Option<String> {
    if !is_name(package.ecosystem, &package.name) || !is_plain(fixed) || fixed.contains(['/', '@']) {
        return None;
    }
    if package.ecosystem.is_distribution() { Some(distribution(package, fixed)) } else { language(package, fixed) }
}

fn distribution(package: &Package, fixed: &str) -> String {
    let name = &package.name;
    // A binary package whose version differs from its source's has a version of its own, which
    // the advisory does not name.
    let own = package.version == package.source_version || package.source_version.is_empty();
    match package.ecosystem {
        // A kernel's fix is another package, which the one without a version pulls in.
        Ecosystem::Debian if kernel_flavour(name).is_some() => {
            format!("apt-get install linux-image-{}", kernel_flavour(name).unwrap_or_default())
        }
        Ecosystem::Ubuntu if kernel_flavour(name).is_some() => "apt-get --with-new-pkgs upgrade".to_owned(),
        Ecosystem::Debian | Ecosystem::Ubuntu if own => format!("apt-get install --only-upgrade {name}={fixed}"),
        Ecosystem::Debian | Ecosystem::Ubuntu => format!("apt-get install --only-upgrade {name}"),
        Ecosystem::Alpine | Ecosystem::Wolfi | Ecosystem::Chainguard => format!("apk add --upgrade '{name}>={fixed}'"),
        Ecosystem::Suse | Ecosystem::OpenSuse => format!("zypper update {name}"),
        Ecosystem::Photon | Ecosystem::AzureLinux => format!("tdnf update {name}"),
        // Single packages of a rolling release are never upgraded alone.
        Ecosystem::Arch => "pacman -Syu".to_owned(),
        // Before release 8 of Red Hat's family, and Amazon's second, there is no dnf.
        Ecosystem::AlmaLinux | Ecosystem::RockyLinux | Ecosystem::RedHat | Ecosystem::OracleLinux
            if major(&package.release).is_some_and(|major| major < 8) =>
        {
            format!("yum update {name}")
        }
        Ecosystem::AmazonLinux if package.release != "2023" => format!("yum update {name}"),
        _ => format!("dnf upgrade {name}"),
    }
}

fn language(package: &Package, fixed: &str) -> Option<String> {
    let name = &package.name;
    Some(match package.ecosystem {
        Ecosystem::PyPI => format!("{} install '{name}>={fixed}'", pip(package)),
        Ecosystem::Npm => match node_project(package) {
            Some(folder) => format!("npm --prefix {folder} install {name}@{fixed}"),
            None if is_global(package) => format!("npm install -g {name}@{fixed}"),
            None => format!("npm install {name}@{fixed}"),
        },
        Ecosystem::Maven => format!("replace {} by {name} version {fixed} or later", archive(package)?),
        Ecosystem::Go if is_built(package) => {
            format!("rebuild {} with {name} v{} or later", archive(package)?, fixed.trim_start_matches('v'))
        }
        Ecosystem::Go => format!("go get {name}@v{}", fixed.trim_start_matches('v')),
        Ecosystem::CratesIo if is_built(package) => {
            format!("rebuild {} with {name} {fixed} or later", archive(package)?)
        }
        Ecosystem::CratesIo => format!("cargo update -p {name}@{} --precise {fixed}", plain_or_none(&package.version)?),
        Ecosystem::RubyGems if ends_with(package, "Gemfile.lock") => format!("bundle update --conservative {name}"),
        Ecosystem::RubyGems => format!("gem install {name} -v {fixed}"),
        Ecosystem::NuGet if ends_with(package, ".deps.json") => {
            format!("rebuild {} with {name} {fixed} or later", archive(package)?)
        }
        Ecosystem::NuGet => format!("dotnet add package {name} --version {fixed}"),
        Ecosystem::Packagist => match composer_project(package) {
            Some(folder) => format!("composer --working-dir={folder} require '{name}:>={fixed}'"),
            None => format!("composer require '{name}:>={fixed}'"),
        },
        Ecosystem::Pub => format!("dart pub upgrade {name}"),
        Ecosystem::Hex => format!("mix deps.update {name}"),
        Ecosystem::Conan => format!("conan install --requires={name}/{fixed} --build=missing"),
        _ => format!("upgrade {name} to {fixed} or later"),
    })
}

/// The pip of the environment that holds the package.
fn pip(package: &Package) -> String {
    let environment = || {
        let path = package.paths.first()?;
        let (prefix, rest) = path.split_once("/lib/python").or_else(|| path.split_once("/lib64/python"))?;
        let own = rest.contains("/site-packages/") && is_path(prefix) && !matches!(prefix, "/usr" | "/usr/local");
        own.then(|| format!("{prefix}/bin/pip"))
    };
    environment().unwrap_or_else(|| "pip".to_owned())
}

/// The folder above the first `node_modules`.
fn node_project(package: &Package) -> Option<String> {
    let path = package.paths.first()?;
    let (folder, _) = path.split_once("/node_modules/").or_else(|| path.rsplit_once('/'))?;
    // What npm itself keeps there is not a project's.
    (is_path(folder) && !folder.ends_with("/lib")).then(|| folder.to_owned())
}

/// Below the prefix of the npm that installed it: `/usr/local/lib/node_modules/demo/package.json`.
fn is_global(package: &Package) -> bool {
    let path = package.paths.first().map_or("", String::as_str);
    path.split_once("/node_modules/").is_some_and(|(folder, rest)| {
        folder.ends_with("/lib") && !rest.contains("/node_modules/") && !rest.starts_with("npm/")
    })
}

fn composer_project(package: &Package) -> Option<String> {
    let path = package.paths.first()?;
    let folder = path.split_once("/vendor/").or_else(|| path.rsplit_once('/')).map(|(folder, _)| folder)?;
    is_path(folder).then(|| folder.to_owned())
}

/// `linux-image-6.1.0-18-amd64` is of the flavour `amd64`, `…-cloud-amd64` of `cloud-amd64`.
fn kernel_flavour(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("linux-image-")?;
    let rest = rest.strip_prefix("unsigned-").unwrap_or(rest);
    let (version, rest) = rest.split_once('-')?;
    let (build, flavour) = rest.split_once('-')?;
    let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    (digits(version) && digits(build)).then_some(flavour)
}

fn major(release: &str) -> Option<u32> {
    release.split(['.', '-']).next()?.parse().ok()
}

/// Found inside a program, not in a project that builds one.
fn is_built(package: &Package) -> bool {
    !["go.mod", "Cargo.lock"].iter().any(|project| ends_with(package, project))
}

fn ends_with(package: &Package, end: &str) -> bool {
    package.paths.first().is_some_and(|path| path.ends_with(end))
}

/// The innermost archive or program that carries the code.
fn archive(package: &Package) -> Option<String> {
    let path = package.paths.first().map_or(package.name.as_str(), String::as_str);
    let shown = visible(path);
    (!shown.is_empty()).then(|| shown.into_owned())
}

/// A name that installers take for a package: to them `/tmp/x.deb`, `https://host/x.rpm` and
/// `owner/project` are places to install from, and `x-` is a package to remove.
fn is_name(ecosystem: Ecosystem, name: &str) -> bool {
    let bare = match ecosystem {
        Ecosystem::Npm => match name.strip_prefix('@').map(|scoped| scoped.split_once('/')) {
            Some(Some((scope, bare))) if is_word(scope) => bare,
            Some(_) => return false,
            None => name,
        },
        // Paths by nature, or never given to an installer.
        Ecosystem::Maven
        | Ecosystem::Go
        | Ecosystem::Packagist
        | Ecosystem::Swift
        | Ecosystem::Conan
        | Ecosystem::GitHubActions
        | Ecosystem::Generic => {
            return is_plain(name) && !name.contains("://") && !name.starts_with(['/', '.']);
        }
        _ => name,
    };
    is_word(bare)
}

fn is_word(text: &str) -> bool {
    let signs = |c: char| matches!(c, '-' | '_' | '.' | '+');
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || signs(c))
}

/// Needs no quoting in a shell, also inside single quotes, and is no option.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+~:@/^".contains(c))
        && !text.starts_with('~')
}

fn plain_or_none(text: &str) -> Option<&str> {
    is_plain(text).then_some(text)
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && is_plain(text)
}

#[cfg(test)]
mod tests {
    use tripoint_model::PackageState;

    use super::*;

    fn package(ecosystem: Ecosystem, release: &str, name: &str, version: &str, path: &str) -> Package {
        Package {
            purl: String::new(),
            ecosystem,
            release: release.into(),
            name: name.into(),
            version: version.into(),
            source: name.into(),
            source_version: version.into(),
            module: String::new(),
            paths: vec![path.into()],
            state: PackageState::Installed,
            installed: None,
        }
    }

    #[test]
    fn each_kind_has_its_own_command() {
        use Ecosystem as E;
        for (ecosystem, release, name, path, expected) in [
            (E::Debian, "12", "demo", "", "apt-get install --only-upgrade demo=2"),
            (E::Debian, "12", "linux-image-6.1.0-18-amd64", "", "apt-get install linux-image-amd64"),
            (E::Debian, "12", "linux-image-6.1.0-18-cloud-amd64", "", "apt-get install linux-image-cloud-amd64"),
            (E::Ubuntu, "24.04", "linux-image-6.8.0-31-generic", "", "apt-get --with-new-pkgs upgrade"),
            (E::AlmaLinux, "9", "demo", "", "dnf upgrade demo"),
            (E::RedHat, "7", "demo", "", "yum update demo"),
            (E::AmazonLinux, "2", "demo", "", "yum update demo"),
            (E::AmazonLinux, "2023", "demo", "", "dnf upgrade demo"),
            (E::Suse, "", "demo", "", "zypper update demo"),
            (E::Alpine, "v3.20", "demo", "", "apk add --upgrade 'demo>=2'"),
            (E::Arch, "", "demo", "", "pacman -Syu"),
            (E::AzureLinux, "3", "demo", "", "tdnf update demo"),
            (
                E::PyPI,
                "",
                "demo",
                "/srv/v/lib/python3.11/site-packages/demo-1.dist-info/METADATA",
                "/srv/v/bin/pip install 'demo>=2'",
            ),
            (
                E::PyPI,
                "",
                "demo",
                "/usr/local/lib/python3.11/site-packages/demo-1.dist-info/METADATA",
                "pip install 'demo>=2'",
            ),
            (E::PyPI, "", "demo", "/srv/$(x)/lib/python3.11/site-packages/d", "pip install 'demo>=2'"),
            (
                E::Npm,
                "",
                "@a/demo",
                "/srv/app/node_modules/@a/demo/package.json",
                "npm --prefix /srv/app install @a/demo@2",
            ),
            (E::Npm, "", "demo", "/srv/a b/node_modules/demo/package.json", "npm install demo@2"),
            (
                E::Maven,
                "",
                "g:demo",
                "/srv/app.jar!/lib/demo.jar",
                "replace /srv/app.jar!/lib/demo.jar by g:demo version 2 or later",
            ),
            (E::Go, "", "example.org/demo", "/usr/bin/app", "rebuild /usr/bin/app with example.org/demo v2 or later"),
            (E::Go, "", "example.org/demo", "/srv/app/go.mod", "go get example.org/demo@v2"),
            (E::CratesIo, "", "demo", "/srv/app/Cargo.lock", "cargo update -p demo@1 --precise 2"),
            (E::CratesIo, "", "demo", "/usr/bin/app", "rebuild /usr/bin/app with demo 2 or later"),
            (E::RubyGems, "", "demo", "/srv/app/Gemfile.lock", "bundle update --conservative demo"),
            (E::RubyGems, "", "demo", "/var/lib/gems/3.1.0/specifications/demo-1.gemspec", "gem install demo -v 2"),
            (E::NuGet, "", "Demo", "/srv/app/app.deps.json", "rebuild /srv/app/app.deps.json with Demo 2 or later"),
            (E::NuGet, "", "Demo", "/srv/app/packages.lock.json", "dotnet add package Demo --version 2"),
            (
                E::Packagist,
                "",
                "a/demo",
                "/srv/w/vendor/composer/installed.json",
                "composer --working-dir=/srv/w require 'a/demo:>=2'",
            ),
            (E::Hex, "", "demo", "", "mix deps.update demo"),
            (E::Pub, "", "demo", "", "dart pub upgrade demo"),
            (E::Conan, "", "demo", "", "conan install --requires=demo/2 --build=missing"),
            (E::Generic, "", "nginx", "/opt/nginx", "upgrade nginx to 2 or later"),
        ] {
            let package = package(ecosystem, release, name, "1", path);
            assert_eq!(fix_command(&package, "2").as_deref(), Some(expected), "{name} at {path}");
        }
    }

    #[test]
    fn what_npm_installed_for_all_is_upgraded_for_all() {
        for (path, expected) in [
            ("/usr/local/lib/node_modules/demo/package.json", "npm install -g demo@2"),
            ("/usr/lib/node_modules/npm/node_modules/demo/package.json", "npm install demo@2"),
        ] {
            let found = language(&package(Ecosystem::Npm, "", "demo", "1", path), "2");
            assert_eq!(found.as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn no_name_is_a_place_to_install_from() {
        use Ecosystem as E;
        for (ecosystem, name) in [
            (E::Debian, "/tmp/x.deb"),
            (E::Debian, "./x.deb"),
            (E::Debian, "demo/sid"),
            (E::Debian, "demo-"),
            (E::AlmaLinux, "https://example.org/x.rpm"),
            (E::Alpine, "demo@edge"),
            (E::PyPI, "x@https://example.org/x.whl"),
            (E::Npm, "owner/project"),
            (E::Npm, "git+https://example.org/x.git"),
            (E::Npm, "@a/b/c"),
            (E::Npm, "@/c"),
            (E::RubyGems, "/tmp/x.gem"),
            (E::Go, "../x"),
            (E::CratesIo, "https://example.org/x"),
        ] {
            assert_eq!(fix_command(&package(ecosystem, "", name, "1", ""), "2"), None, "{name}");
        }
        assert_eq!(fix_command(&package(E::Debian, "12", "demo", "1", ""), "2/sid"), None);
        let real = package(E::Debian, "12", "libstdc++6", "1", "");
        assert_eq!(fix_command(&real, "2").as_deref(), Some("apt-get install --only-upgrade libstdc++6=2"));
    }

    #[test]
    fn nothing_hostile_becomes_a_command() {
        for name in ["a;reboot", "$(x)", "-o=x", "a b", "a'b", "", "a\nb", "`x`", "~root"] {
            let package = package(Ecosystem::Debian, "12", name, "1", "");
            assert_eq!(fix_command(&package, "2"), None, "{name}");
        }
        assert_eq!(fix_command(&package(Ecosystem::Debian, "12", "demo", "1", ""), "2 && x"), None);
    }
}
