//! `tripoint audit`: what was done, and is it still told as it was?

use anyhow::bail;
use serde::Deserialize;
use tripoint_api::{AuditEntry, AuditList, AuditRow, ClientError, path};
use tripoint_server::audit::offline::{list_folder, verify_folder};

use crate::arguments::Audit;
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

pub fn run(context: &Context, command: Audit) -> anyhow::Result<Exit> {
    match command {
        Audit::List { limit, after } => list(context, limit, after),
        Audit::Verify => verify(context),
    }
}

fn list(context: &Context, limit: u32, after: Option<u64>) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let page = format!("{}?limit={limit}{}", path::AUDIT, after.map_or_else(String::new, |n| format!("&after={n}")));
    let list: AuditList = context.ask(async {
        match client.get(&page).await {
            // Without a server the file says the same.
            Err(ClientError::Unreachable(..)) if context.is_local() && has_database(context) => {
                Ok(list_folder(&context.data_dir, limit, after).await?)
            }
            answer => Ok(answer?),
        }
    })?;
    if context.json {
        output::json(&list)?;
    } else {
        let head = ["NUMBER", "AT", "WHO", "BY", "FROM", "WHAT", "TARGET", "RESULT", "REASON"];
        output::table(&head, list.rows.iter().map(row).collect())?;
    }
    Ok(Exit::Fine)
}

fn has_database(context: &Context) -> bool {
    context.data_dir.join("server/server.sqlite").exists()
}

fn row(row: &AuditRow) -> Vec<String> {
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let entry = &row.entry;
    vec![
        row.number.to_string(),
        output::time(entry.at),
        dash(&entry.who),
        entry.by.clone(),
        entry.from.clone(),
        entry.what.clone(),
        dash(&about(entry)),
        entry.result.clone(),
        dash(&entry.reason),
    ]
}

/// What a request names that its path does not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    name: Option<String>,
    target: Option<String>,
    targets: Vec<String>,
    ids: Vec<String>,
}

/// Whom or what it was about: by the path, else by what was asked for.
fn about(entry: &AuditEntry) -> String {
    if !entry.target.is_empty() {
        return entry.target.clone();
    }
    // How long it was, where it was too long to keep, names nothing.
    let asked: Asked = serde_json::from_str(&entry.asked).unwrap_or_default();
    let named: Vec<String> = asked.name.into_iter().chain(asked.target).chain(asked.targets).chain(asked.ids).collect();
    match named.as_slice() {
        [first, second, _, ..] => format!("{first}, {second} and {} more", named.len() - 2),
        few => few.join(", "),
    }
}

fn verify(context: &Context) -> anyhow::Result<Exit> {
    if !context.is_local() {
        bail!("verify reads the files of the server: run it on the server's host, with its --data-dir");
    }
    let found = context.ask(async { Ok(verify_folder(&context.data_dir).await?) })?;
    if context.json {
        output::json(&found)?;
    } else if let Some(broken) = &found.broken {
        output::line(&format!("broken at row {}: {}", broken.row, broken.why))?;
    } else {
        let head = found.last_head.map_or_else(|| "never".to_owned(), output::time);
        let rows = output::counted(found.rows, "row");
        output::line(&format!("{rows} as written; {} vouched for by the head of {head}", found.vouched))?;
        if let Some((first, at)) = found.begins {
            output::line(&format!("begins at row {first}: those before were forgotten at {}", output::time(at)))?;
        }
        output::line(&format!("key {}", found.public_key))?;
    }
    if !context.json {
        for restored in &found.restored {
            let given_up = match restored.given_up {
                None => "no signed row was given up".to_owned(),
                Some((first, last)) if first == last => format!("row {first} of before was given up"),
                Some((first, last)) => format!("rows {first}-{last} of before were given up"),
            };
            let (row, at, from) = (restored.row, output::time(restored.at), &restored.from);
            output::line(&format!("restored at row {row} on {at} from {from}; {given_up}"))?;
        }
    }
    Ok(if found.broken.is_some() { Exit::Failed } else { Exit::Fine })
}
