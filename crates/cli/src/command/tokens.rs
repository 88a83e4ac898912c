//! `tripoint tokens`: which programs may ask, until when?

use serde_json::json;
use tripoint_api::accounts::{NewToken, Token, TokenMade};
use tripoint_api::path;

use crate::arguments::Tokens;
use crate::context::{Context, now};
use crate::exit::Exit;
use crate::output;

pub fn run(context: &Context, command: Tokens) -> anyhow::Result<Exit> {
    let client = context.client()?;
    match command {
        Tokens::Add { name, role, scopes, span } => {
            let new = NewToken { name, role, scopes, expires: now().plus(span) };
            let made: TokenMade = context.ask(async { Ok(client.post(path::TOKENS, &new).await?) })?;
            if context.json {
                output::json(&made)?;
            } else {
                output::line(&made.token)?;
                if !context.quiet {
                    eprintln!("token {}, until {}; it is shown this once", made.id, output::time(made.expires));
                }
            }
        }
        Tokens::List => {
            let tokens: Vec<Token> = context.ask(async { Ok(client.get(path::TOKENS).await?) })?;
            if context.json {
                output::json(&tokens)?;
            } else {
                let head = ["ID", "NAME", "OF", "ROLE", "SCOPES", "UNTIL", "LAST USED"];
                output::table(&head, tokens.iter().map(row).collect())?;
            }
        }
        Tokens::Remove { id } => {
            context.ask(async { Ok(client.delete(&path::token(&id)).await?) })?;
            if context.json {
                output::json(&json!({ "removed": id }))?;
            } else {
                output::line(&format!("token {id} removed"))?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn row(token: &Token) -> Vec<String> {
    let scopes: Vec<String> = token.scopes.iter().map(ToString::to_string).collect();
    vec![
        token.id.clone(),
        token.name.clone(),
        token.maker.clone(),
        token.role.as_str().to_owned(),
        if scopes.is_empty() { "all".to_owned() } else { scopes.join(", ") },
        output::time(token.expires),
        token.last_used.map_or_else(|| "never".to_owned(), output::time),
    ]
}
