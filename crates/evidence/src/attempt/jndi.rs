//! Who tried to have a logger fetch code from elsewhere?

use super::{Sign, Technique};
use crate::pack::rule::Part;

const LOG4SHELL: &[&str] = &["CVE-2021-44228", "CVE-2021-45046"];

pub(super) const TECHNIQUE: Technique = Technique {
    family: "jndi",
    attack: &["T1190", "T1203"],
    signs: &[
        Sign::known("jndi-lookup", r"\$\{ ?jndi ?:", LOG4SHELL).within(Part::Any),
        Sign::known(
            "jndi-hidden",
            r"\$\{[^\n]*(?:\$\{(?:::-|lower:|upper:|env:|sys:|date:|java:|base64:|main:|\w*:\w*:-)[^}\n]*\}[^\n]*){2,}",
            LOG4SHELL,
        )
        .within(Part::Any),
        Sign::known("jndi-nested-colon", r"\$\{(?:lower|upper):(?:j|n|d|i|\$\{)[^\n]*\}", LOG4SHELL).within(Part::Any),
        Sign::known("jndi-scheme", r"\bjndi:(?:ldaps?|rmi|dns|nis|iiop|corba|nds|https?):/", LOG4SHELL)
            .within(Part::Any),
        Sign::known(
            "jndi-default-value",
            r"\$\{[^}\n]{0,20}:-[jndiladprmt:]{1,5}\}[^\n]{0,20}\$?\{?[^\n]{0,20}:-[jndiladprmt:/]{1,5}\}",
            LOG4SHELL,
        )
        .within(Part::Any),
        Sign::exploit(
            "jndi-context",
            r"(?:javax\.naming\.initialcontext|com\.sun\.rowset\.jdbcrowsetimpl|org\.apache\.naming\.factory|javax\.management\.|java\.naming\.provider|initialcontext\.dolookup|userdatabase=jndi|jndilookup\b)",
        ),
        Sign::exploit(
            "lookup-of-secret",
            r"\$\{(?:env|sys|java|hostname|ctx|k8s|docker|spring|bundle|web|log4j)(?::[\w.-]{1,60})?(?::-[^}\n]*)?\}",
        )
        .within(Part::Target),
    ],
};
