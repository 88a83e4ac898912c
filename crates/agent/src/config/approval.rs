//! Which actions wait for a second person?

use std::str::FromStr;

use ipnet::IpNet;
use tripoint_model::{Action, ActionKind};

use super::Response;

/// One reason to wait, as `response.approval` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Everything that policy proposes.
    Policy,
    /// What policy proposes beyond its caps, which is refused otherwise.
    Caps,
    /// Isolating the host.
    Isolate,
    /// Halting an application.
    Freeze,
    /// Networks wider than `response.approval_wider_v4` and `_v6`.
    Networks,
    /// More targets at once than `response.approval_more_than`.
    Bulk,
    /// What sets rules of the guard aside.
    Override,
}

const WORDS: [(&str, Approval); 7] = [
    ("policy", Approval::Policy),
    ("caps", Approval::Caps),
    ("isolate", Approval::Isolate),
    ("freeze", Approval::Freeze),
    ("networks", Approval::Networks),
    ("bulk", Approval::Bulk),
    ("override", Approval::Override),
];

impl Approval {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(_, reason)| *reason == self).map_or("", |(word, _)| word)
    }
}

impl FromStr for Approval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = WORDS.iter().find(|(word, _)| *word == text).map(|(_, reason)| *reason);
        found.ok_or_else(|| format!("{text:?} is no reason to ask a second person"))
    }
}

impl Response {
    /// Why these wishes of a person wait for a second one, if they do. Lifting never waits.
    pub fn waits(&self, wishes: &[Action]) -> Option<Approval> {
        let many = wishes.iter().filter(|wish| wish.kind.holds() || wish.kind == ActionKind::Disconnect).count();
        let is = |reason: Approval| match reason {
            Approval::Isolate => wishes.iter().any(|wish| wish.kind == ActionKind::Isolate),
            Approval::Freeze => wishes.iter().any(|wish| wish.kind == ActionKind::Freeze),
            Approval::Networks => wishes.iter().any(|wish| self.is_wide(wish)),
            Approval::Bulk => many > self.approval_more_than,
            Approval::Override => wishes.iter().any(|wish| !wish.terms.overrides.is_empty()),
            Approval::Policy | Approval::Caps => false,
        };
        self.approval.iter().copied().find(|reason| is(*reason))
    }

    fn is_wide(&self, wish: &Action) -> bool {
        let cuts = matches!(wish.kind, ActionKind::Block | ActionKind::Disconnect);
        wish.target.net().filter(|_| cuts).is_some_and(|net| match net {
            IpNet::V4(net) => net.prefix_len() < self.approval_wider_v4,
            IpNet::V6(net) => net.prefix_len() < self.approval_wider_v6,
        })
    }
}

#[cfg(test)]
mod tests {
    use tripoint_model::{Scope, Terms, Timestamp};

    use super::*;

    fn wish(kind: ActionKind, target: &str) -> Action {
        Action {
            kind,
            target: target.parse().unwrap(),
            scope: Scope::Host,
            expires: Timestamp(0),
            reason: String::new(),
            requester: "ada".into(),
            cause: None,
            terms: Terms::default(),
        }
    }

    #[test]
    fn each_reason_is_asked_for_by_its_word_and_lifting_never_waits() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        let response = |text: &str| {
            std::fs::write(&file, format!("[response]\n{text}\n")).unwrap();
            crate::config::check(&file).map(|loaded| loaded.config.response)
        };
        let all =
            response(r#"approval = ["isolate", "freeze", "networks", "bulk", "override", "policy", "caps"]"#).unwrap();
        let why = |wishes: &[Action]| all.waits(wishes).map(Approval::as_str);
        let block = |target: &str| wish(ActionKind::Block, target);
        assert_eq!(why(&[wish(ActionKind::Isolate, "host")]), Some("isolate"));
        assert_eq!(why(&[wish(ActionKind::Freeze, "unit:a.service")]), Some("freeze"));
        for (target, waits) in [
            ("203.0.112.0/23", true),
            ("203.0.113.0/24", false),
            ("2001:db8::/47", true),
            ("2001:db8::/48", false),
            ("bad.example", false),
        ] {
            assert_eq!(why(&[block(target)]), waits.then_some("networks"), "{target}");
        }
        assert_eq!(why(&[wish(ActionKind::Unblock, "203.0.112.0/23"), wish(ActionKind::Rejoin, "host")]), None);
        assert_eq!(why(&vec![block("203.0.113.7"); 20]), None);
        assert_eq!(why(&vec![block("203.0.113.7"); 21]), Some("bulk"));
        assert_eq!(why(&vec![wish(ActionKind::Unblock, "203.0.113.7"); 21]), None);
        let mut over = block("203.0.113.7");
        over.terms.overrides = vec!["gateway".into()];
        assert_eq!(why(&[over]), Some("override"));
        assert_eq!(response("").unwrap().waits(&[wish(ActionKind::Isolate, "host")]), None, "off unless asked for");
        let error = response(r#"approval = ["isolation"]"#).unwrap_err().to_string();
        assert!(error.contains(":2: response.approval"), "{error}");
    }
}
