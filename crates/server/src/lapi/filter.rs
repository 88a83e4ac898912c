//! Which decisions does a bouncer ask for?

use axum::http::StatusCode;
use ipnet::IpNet;

use tripoint_model::address::{parse_address, parse_net};

use super::{BAN, ORIGIN, Refused, refuse, scenario, scope};
use crate::store::{Decision, Which};

/// The parameters of a request, each at most once.
pub(crate) struct Asked<'a>(&'a [(String, String)]);

impl<'a> Asked<'a> {
    /// Refuses what no bouncer sends: the same parameter twice, long values. Unknown parameters mean nothing to us.
    pub(crate) fn new(pairs: &'a [(String, String)]) -> Result<Self, Refused> {
        for (at, (name, value)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(other, _)| other == name) {
                return Err(bad(format!("{} is given twice", short(name))));
            }
            if value.len() > VALUE_MAX {
                return Err(bad(format!("{} is longer than {VALUE_MAX} bytes", short(name))));
            }
        }
        Ok(Self(pairs))
    }

    /// A parameter that says something.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// A boolean as Go reads it.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Refused> {
        match self.text(name) {
            None => Ok(default),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(other) => Err(bad(format!("{name} is true or false, not {:?}", short(other)))),
        }
    }

    fn words(&self, name: &str) -> Result<Vec<String>, Refused> {
        let words: Vec<String> = self
            .text(name)
            .into_iter()
            .flat_map(|text| text.split(','))
            .map(|word| word.trim().to_ascii_lowercase())
            .filter(|word| !word.is_empty())
            .collect();
        if words.len() > WORDS_MAX {
            return Err(bad(format!("{name} holds more than {WORDS_MAX} words")));
        }
        Ok(words)
    }
}

/// What every kind of question may narrow.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    scopes: Vec<String>,
    origins: Vec<String>,
    containing: Vec<String>,
    not_containing: Vec<String>,
    other_kind: bool,
}

impl Filter {
    pub(crate) fn read(asked: &Asked<'_>) -> Result<Self, Refused> {
        let mut scopes = asked.words("scopes")?;
        scopes.extend(asked.words("scope")?);
        Ok(Self {
            scopes,
            origins: asked.words("origins")?,
            containing: asked.words("scenarios_containing")?,
            not_containing: asked.words("scenarios_not_containing")?,
            other_kind: asked.text("type").is_some_and(|kind| kind != BAN),
        })
    }

    /// Whether this decision is asked for.
    pub(crate) fn takes(&self, decision: &Decision) -> bool {
        let scope = scope(decision.net).to_ascii_lowercase();
        let scenario = scenario(decision).to_ascii_lowercase();
        let holds = |words: &[String]| words.iter().any(|word| scenario.contains(word.as_str()));
        !self.other_kind
            && (self.scopes.is_empty() || self.scopes.contains(&scope))
            && (self.origins.is_empty() || self.origins.iter().any(|origin| origin == ORIGIN))
            && (self.containing.is_empty() || holds(&self.containing))
            && !holds(&self.not_containing)
    }
}

/// Where live questions look: `ip`, `range`, or `value` with its `scope`. `None`: what is asked for cannot exist here.
pub(crate) fn place(asked: &Asked<'_>) -> Result<Option<Which>, Refused> {
    let around = asked.flag("contains", true)?;
    let side = |net: IpNet| if around { Which::Around(net) } else { Which::Within(net) };
    let unreadable = |name: &str, text: &str| bad(format!("{name}: {:?} is no address or network", short(text)));
    let mut places: Vec<Option<Which>> = Vec::new();
    if let Some(text) = asked.text("ip") {
        places.push(Some(side(parse_address(text).map_err(|_| unreadable("ip", text))?.into())));
    }
    if let Some(text) = asked.text("range") {
        places.push(Some(side(parse_net(text).map_err(|_| unreadable("range", text))?)));
    }
    if let Some(text) = asked.text("value") {
        // Countries and networks by number are values of other scopes.
        places.push(parse_net(text).ok().map(Which::Exactly));
    }
    match places[..] {
        [] => Ok(Some(Which::InForce)),
        [place] => Ok(place),
        _ => Err(bad("ask by one of ip, range and value".to_owned())),
    }
}

pub(crate) fn bad(message: String) -> Refused {
    refuse(StatusCode::BAD_REQUEST, message)
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Longest value of a parameter, bytes: filters are a few words.
const VALUE_MAX: usize = 4096;
/// Most words in one filter.
const WORDS_MAX: usize = 100;
