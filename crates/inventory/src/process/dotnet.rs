//! Which list of packages belongs to a .NET program?

use super::interpreter::{Invocation, absolute};
use crate::root::Root;

/// `app.deps.json` beside `app.dll`, or beside the program itself where it brings its runtime.
pub(super) fn places(root: &Root, invocation: &Invocation, out: &mut Vec<String>) {
    let assemblies = invocation.arguments.iter().skip(1).filter(|argument| argument.ends_with(".dll"));
    let named = assemblies.take(1).map(|assembly| absolute(invocation, assembly));
    let mapped = invocation.files.iter().filter(|path| path.ends_with(".dll")).cloned();
    let stems = named.chain(mapped).filter_map(|path| path.strip_suffix(".dll").map(str::to_owned));
    for stem in stems.chain([invocation.exe.clone()]) {
        let list = format!("{stem}.deps.json");
        if !out.contains(&list) && root.mark(&list).is_some() {
            out.push(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_beside_the_assembly() {
        let folder = tempfile::tempdir().expect("tempdir");
        std::fs::create_dir_all(folder.path().join("srv")).expect("mkdir");
        for name in ["srv/app.deps.json", "srv/own.deps.json"] {
            std::fs::write(folder.path().join(name), "{}").expect("write");
        }
        let root = Root::open(folder.path()).expect("root");
        for (exe, argument, expected) in
            [("/usr/bin/dotnet", "app.dll", "/srv/app.deps.json"), ("/srv/own", "--urls", "/srv/own.deps.json")]
        {
            let invocation = Invocation {
                exe: exe.into(),
                arguments: vec!["x".into(), argument.into(), "other.dll".into()],
                cwd: "/srv".into(),
                ..Invocation::default()
            };
            let mut out = Vec::new();
            places(&root, &invocation, &mut out);
            assert_eq!(out, [expected]);
        }
    }
}
