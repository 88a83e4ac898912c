//! Where does a Ruby process look for its gems?

use super::interpreter::{Invocation, absolute, folder_of, script};
use crate::root::Root;

/// `specifications` folders, or the lock file of the project where Bundler decides.
pub(super) fn places(root: &Root, invocation: &Invocation, out: &mut Vec<String>) {
    let variable = |name: &str| invocation.variables.get(name).filter(|value| !value.is_empty());
    let script = script(invocation, &["-r", "-I", "-C", "-E"]);
    // What Bundler locked is what it lets a program load; folders of gems hold every version.
    let gemfile = variable("BUNDLE_GEMFILE").map(|gemfile| absolute(invocation, gemfile));
    let bundled = gemfile.is_some()
        || variable("RUBYOPT").is_some_and(|options| options.contains("bundler"))
        || invocation.arguments.iter().take(3).any(|argument| argument.rsplit('/').next() == Some("bundle"));
    if bundled {
        let lock = gemfile.map(|gemfile| format!("{gemfile}.lock")).into_iter();
        let above = above(&invocation.cwd).chain(script.iter().flat_map(|script| above(folder_of(script))));
        let found =
            lock.chain(above.map(|folder| format!("{folder}/Gemfile.lock"))).find(|lock| root.mark(lock).is_some());
        if let Some(lock) = found {
            return out.push(lock);
        }
    }
    let mut homes: Vec<String> = Vec::new();
    homes.extend(variable("GEM_HOME").map(|home| absolute(invocation, home)));
    let path = variable("GEM_PATH").into_iter().flat_map(|path| path.split(':'));
    homes.extend(path.filter(|path| !path.is_empty()).map(|path| absolute(invocation, path)));
    let own = folder_of(folder_of(&invocation.exe)).to_owned();
    let mut versioned: Vec<String> = vec![format!("{own}/lib/ruby/gems")];
    if own == "/usr" || own.is_empty() {
        versioned.extend(SYSTEM.iter().map(|folder| (*folder).to_owned()));
    }
    versioned.extend(variable("BUNDLE_PATH").map(|path| format!("{}/ruby", absolute(invocation, path))));
    versioned.extend(
        variable("HOME").iter().flat_map(|home| [format!("{home}/.gem/ruby"), format!("{home}/.local/share/gem/ruby")]),
    );
    let beside = script.as_deref().map(folder_of).into_iter().chain([invocation.cwd.as_str()]);
    versioned.extend(beside.flat_map(above).map(|folder| format!("{folder}/vendor/bundle/ruby")));
    for folder in versioned {
        let (entries, _) = root.list(&folder, VERSIONS_MAX).unwrap_or_default();
        homes.extend(entries.iter().map(|entry| format!("{folder}/{}", entry.name)));
        homes.push(folder);
    }
    for home in homes {
        for folder in [format!("{home}/specifications"), format!("{home}/specifications/default")] {
            if root.list(&folder, 1).is_ok() {
                out.push(folder);
            }
        }
    }
}

/// The specification of the gem that holds an open or mapped file.
pub(super) fn specification_of(path: &str) -> Option<String> {
    let (home, rest) = path.rsplit_once("/gems/").or_else(|| {
        // `extensions/x86_64-linux/3.1.0/NAME-VERSION/name.so`
        let (home, rest) = path.rsplit_once("/extensions/")?;
        Some((home, rest.splitn(3, '/').nth(2)?))
    })?;
    let (gem, _) = rest.split_once('/')?;
    gem.contains('-').then(|| format!("{home}/specifications/{gem}.gemspec"))
}

/// A folder and those above it, without the top.
fn above(folder: &str) -> impl Iterator<Item = String> + use<> {
    let mut next = Some(folder.trim_end_matches('/').to_owned());
    std::iter::from_fn(move || {
        let here = next.take().filter(|folder| !folder.is_empty())?;
        next = Some(folder_of(&here).to_owned());
        Some(here)
    })
    .take(DEPTH_MAX)
}

const SYSTEM: &[&str] = &[
    "/var/lib/gems",
    "/usr/local/lib/ruby/gems",
    "/usr/share/rubygems-integration",
    "/usr/share/gems",
    "/usr/lib64/gems/ruby",
    "/usr/local/share/gems",
];
const VERSIONS_MAX: usize = 64;
const DEPTH_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn root(paths: &[&str]) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().expect("tempdir");
        for path in paths {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
            std::fs::write(path, "").expect("write");
        }
        let root = Root::open(folder.path()).expect("root");
        (folder, root)
    }

    #[test]
    fn gems_are_where_ruby_looks() {
        let (_folder, root) = root(&[
            "var/lib/gems/3.1.0/specifications/a-1.gemspec",
            "srv/app/Gemfile.lock",
            "srv/app/vendor/bundle/ruby/3.1.0/specifications/b-1.gemspec",
            "opt/gems/specifications/c-1.gemspec",
            "opt/ruby/lib/ruby/gems/3.3.0/specifications/default/d-1.gemspec",
        ]);
        let found = |exe: &str, arguments: &[&str], variables: &[(&'static str, &str)]| {
            let invocation = Invocation {
                exe: exe.into(),
                arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
                cwd: "/srv/app/public".into(),
                variables: variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
                ..Invocation::default()
            };
            let mut out = Vec::new();
            places(&root, &invocation, &mut out);
            out
        };
        assert_eq!(
            found("/usr/bin/ruby3.1", &["ruby", "/srv/app/run.rb"], &[("GEM_HOME", "/opt/gems")])[..2],
            ["/opt/gems/specifications", "/var/lib/gems/3.1.0/specifications"]
        );
        assert!(
            found("/usr/bin/ruby3.1", &["puma 6 [app]"], &[])
                .contains(&"/srv/app/vendor/bundle/ruby/3.1.0/specifications".to_owned())
        );
        assert_eq!(found("/opt/ruby/bin/ruby", &["ruby", "/usr/bin/bundle", "exec"], &[]), ["/srv/app/Gemfile.lock"]);
        assert_eq!(
            found("/opt/ruby/bin/ruby", &["ruby"], &[("BUNDLE_GEMFILE", "/srv/app/Gemfile")]),
            ["/srv/app/Gemfile.lock"]
        );
        let own = found("/opt/ruby/bin/ruby", &["ruby", "x.rb"], &[]);
        assert!(own.contains(&"/opt/ruby/lib/ruby/gems/3.3.0/specifications/default".to_owned()), "{own:?}");
        assert!(!own.iter().any(|place| place.starts_with("/var/lib/gems")), "another interpreter's: {own:?}");
    }

    #[test]
    fn a_file_leads_to_its_gem() {
        for (path, expected) in [
            ("/v/gems/nokogiri-1.16.0/lib/x.so", Some("/v/specifications/nokogiri-1.16.0.gemspec")),
            ("/v/extensions/x86_64-linux/3.1.0/bcrypt-3.1.20/b.so", Some("/v/specifications/bcrypt-3.1.20.gemspec")),
            ("/v/lib/x.so", None),
        ] {
            assert_eq!(specification_of(path).as_deref(), expected, "{path}");
        }
    }
}
