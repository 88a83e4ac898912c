//! How is it said what an attack looks like?

use serde::{Deserialize, Serialize};
use tripoint_model::Verdict;

/// One way in which an attack shows in a log. Patterns are regular expressions over a text in lower case whose
/// encodings are undone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, kebab-case, unique.
    pub id: String,
    /// The technique it belongs to.
    #[serde(default)]
    pub family: String,
    /// ATT&CK techniques.
    #[serde(default)]
    pub attack: Vec<String>,
    /// Vulnerabilities that it exploits.
    #[serde(default)]
    pub cves: Vec<String>,
    /// Where it is looked for.
    #[serde(default)]
    pub part: Part,
    /// What is looked for.
    pub pattern: String,
    /// What exonerates, looked for in the same text.
    #[serde(default)]
    pub unless: String,
    /// What a match means by itself.
    #[serde(default)]
    pub verdict: Verdict,
    /// Whether an answer with a body (status 200 to 206) means that it has succeeded.
    #[serde(default)]
    pub served: bool,
    /// Lines or requests that it must find.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attacks: Vec<String>,
    /// Lines or requests that it must not find.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub innocents: Vec<String>,
}

/// Where a rule looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Everything that the peer sent: request line, headers and body, each on a line of its own; or the message.
    #[default]
    Any,
    /// Path and query.
    Target,
    /// The path alone.
    Path,
    /// The query and the body: what parameters hold.
    Arguments,
    /// What the client calls itself.
    Agent,
    /// Host, referer, agent and all other headers.
    Headers,
    /// What was sent along.
    Body,
    /// A message that is no request.
    Message,
}
