//! `tripoint users`: who may sign in, as what, for which hosts?

use std::io::BufRead as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::json;
use tripoint_api::accounts::{HostGroup, NewUser, User, UserChange};
use tripoint_api::path;
use tripoint_api::recovery::{ResetCode, ResetWish};

use crate::arguments::{Groups, Users, UsersChange};
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

pub fn run(context: &Context, command: Users) -> anyhow::Result<Exit> {
    let client = context.client()?;
    match command {
        Users::Add { name, role, groups, password } => {
            let (password, made) = password_of(password.password_file.as_deref())?;
            let new = NewUser { name, role, password, groups };
            let user: User = context.ask(async { Ok(client.post(path::USERS, &new).await?) })?;
            tell(context, &user, made.then_some(new.password))?;
        }
        Users::List => {
            let users: Vec<User> = context.ask(async { Ok(client.get(path::USERS).await?) })?;
            if context.json {
                output::json(&users)?;
            } else {
                let head = ["NAME", "ROLE", "HOSTS", "AUTHENTICATOR", "STATE", "LAST SIGN-IN"];
                output::table(&head, users.iter().map(row).collect())?;
            }
        }
        Users::Change(asked) => change(context, asked)?,
        Users::Remove { name } => {
            context.ask(async { Ok(client.delete(&path::user(&name)).await?) })?;
            removed(context, "user", &name)?;
        }
        Users::Reset { name, reason } => reset(context, &name, reason)?,
        Users::Groups(groups) => of_hosts(context, groups)?,
    }
    Ok(Exit::Fine)
}

fn change(context: &Context, asked: UsersChange) -> anyhow::Result<()> {
    let given = asked.password.password_file.as_deref();
    let password = (asked.new_password || given.is_some()).then(|| password_of(given)).transpose()?;
    let (password, made) = password.map_or((None, false), |(password, made)| (Some(password), made));
    let change = UserChange {
        role: asked.role,
        groups: (asked.all_hosts || !asked.groups.is_empty()).then_some(asked.groups),
        disabled: (asked.disable || asked.enable).then_some(asked.disable),
        password,
        remove_totp: asked.remove_totp,
        reason: asked.reason,
    };
    if change == UserChange::default() {
        bail!("nothing to change; see `tripoint users change --help`");
    }
    let client = context.client()?;
    let user: User = context.ask(async { Ok(client.post(&path::user(&asked.name), &change).await?) })?;
    tell(context, &user, change.password.filter(|_| made))
}

fn reset(context: &Context, name: &str, reason: String) -> anyhow::Result<()> {
    let client = context.client()?;
    let wish = ResetWish { reason };
    let made: ResetCode = context.ask(async { Ok(client.post(&path::user_reset(name), &wish).await?) })?;
    if context.json {
        return output::json(&made);
    }
    output::line(made.link.as_ref().unwrap_or(&made.code))?;
    if !context.quiet {
        eprintln!("for {name} alone, once, until {}; it is shown this once", output::time(made.expires));
    }
    Ok(())
}

fn tell(context: &Context, user: &User, made: Option<String>) -> anyhow::Result<()> {
    if context.json {
        let mut value = serde_json::to_value(user)?;
        if let Some(password) = made {
            value["password"] = password.into();
        }
        return output::json(&value);
    }
    match made {
        Some(password) => {
            output::line(&password)?;
            if !context.quiet {
                eprintln!("the password of {}, who is {}; it is shown this once", user.name, user.role.as_str());
            }
        }
        None => output::line(&format!("{} is {}; hosts: {}", user.name, user.role.as_str(), hosts_of(user)))?,
    }
    Ok(())
}

fn row(user: &User) -> Vec<String> {
    vec![
        user.name.clone(),
        user.role.as_str().to_owned(),
        hosts_of(user),
        if user.has_totp { "yes" } else { "no" }.to_owned(),
        if user.disabled { "shut out" } else { "open" }.to_owned(),
        user.last_login.map_or_else(|| "never".to_owned(), output::time),
    ]
}

fn hosts_of(user: &User) -> String {
    if user.groups.is_empty() { "all".to_owned() } else { user.groups.join(", ") }
}

fn of_hosts(context: &Context, command: Groups) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        Groups::Set { name, hosts } => {
            let group = HostGroup { name, hosts };
            let group: HostGroup = context.ask(async { Ok(client.post(path::GROUPS, &group).await?) })?;
            if context.json {
                return output::json(&group);
            }
            output::line(&format!("group {}: {}", group.name, group.hosts.join(", ")))
        }
        Groups::List => {
            let groups: Vec<HostGroup> = context.ask(async { Ok(client.get(path::GROUPS).await?) })?;
            if context.json {
                return output::json(&groups);
            }
            let rows = groups.into_iter().map(|group| vec![group.name, group.hosts.join(", ")]);
            output::table(&["GROUP", "HOSTS"], rows.collect())
        }
        Groups::Remove { name } => {
            context.ask(async { Ok(client.delete(&path::group(&name)).await?) })?;
            removed(context, "group", &name)
        }
    }
}

fn removed(context: &Context, what: &str, name: &str) -> anyhow::Result<()> {
    if context.json {
        return output::json(&json!({ "removed": name }));
    }
    output::line(&format!("{what} {name} removed"))
}

/// The password, and whether it was made here: then nobody has seen it yet.
fn password_of(file: Option<&Path>) -> anyhow::Result<(String, bool)> {
    let Some(path) = file else { return Ok((made()?, true)) };
    let mut line = String::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_line(&mut line)?;
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("read the password {}", path.display()))?;
        std::io::BufReader::new(file).read_line(&mut line)?;
    }
    Ok((line.trim_end_matches(['\n', '\r']).to_owned(), false))
}

/// 20 letters and digits that nobody confuses: 100 bits.
fn made() -> anyhow::Result<String> {
    use ring::rand::SecureRandom as _;
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 20];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect())
}
