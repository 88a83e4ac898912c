//! Which techniques of attack are known, and how does each show in a log?
//!
//! A technique is one file and one line in `TECHNIQUES`; its attacks and look-alikes lie in
//! `fixtures/attempt/<family>/{attack,innocent}*.in`, a request or message a line.

mod appliance;
mod command_injection;
mod content_management;
mod crlf_injection;
mod cross_site_scripting;
mod deserialization;
#[cfg(feature = "sigma")]
pub mod examples;
mod expression_injection;
mod file_inclusion;
mod firewall;
mod jndi;
mod ldap_injection;
mod management;
mod nosql_injection;
mod open_proxy;
mod path_traversal;
mod php_execution;
mod prototype_pollution;
mod scanner;
mod sensitive_file;
mod shell;
mod shellshock;
mod sign;
mod sql_injection;
mod ssrf;
mod template_injection;
mod web_shell;
mod xml_entity;

use std::sync::OnceLock;

use crate::pack::Pack;
use crate::pack::rule::Rule;

pub use sign::Sign;

/// Every technique, the most telling first: of several that match one entry all are reported, in this order.
pub const TECHNIQUES: &[Technique] = &[
    jndi::TECHNIQUE,
    shellshock::TECHNIQUE,
    expression_injection::TECHNIQUE,
    deserialization::TECHNIQUE,
    appliance::TECHNIQUE,
    management::TECHNIQUE,
    content_management::TECHNIQUE,
    web_shell::TECHNIQUE,
    php_execution::TECHNIQUE,
    command_injection::TECHNIQUE,
    template_injection::TECHNIQUE,
    path_traversal::TECHNIQUE,
    file_inclusion::TECHNIQUE,
    xml_entity::TECHNIQUE,
    ssrf::TECHNIQUE,
    sql_injection::TECHNIQUE,
    nosql_injection::TECHNIQUE,
    ldap_injection::TECHNIQUE,
    prototype_pollution::TECHNIQUE,
    cross_site_scripting::TECHNIQUE,
    crlf_injection::TECHNIQUE,
    sensitive_file::TECHNIQUE,
    open_proxy::TECHNIQUE,
    firewall::TECHNIQUE,
    scanner::TECHNIQUE,
];

/// One technique.
#[derive(Clone, Copy)]
pub struct Technique {
    /// Its name, kebab-case: `family` in reports, and of its fixture folder.
    pub family: &'static str,
    /// ATT&CK techniques.
    pub attack: &'static [&'static str],
    /// How it shows.
    pub signs: &'static [Sign],
}

impl Technique {
    /// Its rules.
    pub fn rules(&self) -> impl Iterator<Item = Rule> + use<> {
        let (family, attack) = (self.family, self.attack);
        self.signs.iter().map(move |sign| sign.rule(family, attack))
    }
}

/// The rules that come with Tripoint.
pub fn rules() -> impl Iterator<Item = Rule> {
    TECHNIQUES.iter().flat_map(Technique::rules)
}

/// The same, compiled once.
pub fn pack() -> &'static Pack {
    static PACK: OnceLock<Pack> = OnceLock::new();
    PACK.get_or_init(|| {
        Pack::of_known(rules()).unwrap_or_else(|error| panic!("the pack that comes with Tripoint: {error}"))
    })
}

#[cfg(test)]
mod tests;
