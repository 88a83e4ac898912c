//! Which way does a packet take through the chains?

use serde_json::Value as Json;

use super::value::{Is, holds, mapped};
use super::{Chain, Packet, Rule, Ruleset};

/// What becomes of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Outcome {
    /// It passes.
    Passes,
    /// It does not.
    Stopped,
    /// It depends on what is not known here.
    NotKnown,
}

/// The answer for one packet.
#[derive(Debug)]
pub(in super::super) struct Answer {
    /// What becomes of it.
    pub outcome: Outcome,
    /// In the order of the chains: the rule or policy that let it pass, or stopped it.
    pub by: Vec<String>,
    /// What could not be evaluated, each once.
    pub uncertain: Vec<String>,
    /// Whether any chain could have stopped anything at all.
    pub is_filtered: bool,
}

/// Jumps within jumps; the kernel allows sixteen.
const DEPTH_MAX: u32 = 16;
/// Rules that are walked.
const STEPS_MAX: u32 = 200_000;
const UNCERTAIN_MAX: usize = 10;
/// Rules that may have let it pass and are named.
const EARLIER_MAX: usize = 10;

/// Walks every chain that looks at what comes in.
pub(in super::super) fn ask(ruleset: &Ruleset, packet: &Packet) -> Answer {
    let mut answer = Answer { outcome: Outcome::Passes, by: Vec::new(), uncertain: Vec::new(), is_filtered: false };
    let family = if packet.is_four() { "ip" } else { "ip6" };
    let looks = |chain: &&Chain| {
        let hook = chain.hook.as_deref().unwrap_or_default();
        let is_ours = chain.family == "inet" || chain.family == family || chain.family == "netdev";
        // Chains of type nat translate; what they drop is not filtering.
        is_ours && ["ingress", "prerouting", "input"].contains(&hook) && chain.kind.as_deref() != Some("nat")
    };
    let order = |chain: &&Chain| match chain.hook.as_deref() {
        Some("ingress") => 0,
        Some("prerouting") => 1,
        _ => 2,
    };
    let mut chains: Vec<&Chain> = ruleset.chains.iter().filter(looks).collect();
    chains.sort_by_key(order);
    for chain in chains {
        let mut walk =
            Walk { ruleset, packet, maybe: Vec::new(), strayed: false, uncertain: &mut answer.uncertain, steps: 0 };
        let end = walk.chain((&chain.family, &chain.table), &chain.name, 0);
        let (maybe, strayed) = (std::mem::take(&mut walk.maybe), walk.strayed);
        let named = format!("{} {} {}", chain.family, chain.table, chain.name);
        let is_empty = !ruleset.rules.contains_key(&(chain.family.clone(), chain.table.clone(), chain.name.clone()));
        let is_closed = chain.policy.as_deref() == Some("drop");
        answer.is_filtered |= is_closed || !is_empty;
        let (passes, by) = match end {
            End::Accepted(rule) => (true, rule),
            End::Dropped(rule) => (false, rule),
            End::Over if is_closed => (false, format!("{named}: its policy, drop")),
            End::Over if is_empty => continue,
            End::Over => (true, format!("{named}: its policy, accept; no rule decides")),
        };
        for (rule, accepts, why) in &maybe {
            note(&mut answer.uncertain, format!("{rule} {}: {why}", if *accepts { "may accept" } else { "may drop" }));
        }
        let differs = strayed || maybe.iter().any(|(_, accepts, _)| *accepts != passes);
        match (passes, differs) {
            (true, true) if !packet.is_accepted => answer.outcome = worse(answer.outcome, Outcome::NotKnown),
            (false, true) => answer.outcome = worse(answer.outcome, Outcome::NotKnown),
            (false, false) => answer.outcome = worse(answer.outcome, Outcome::Stopped),
            _ => {}
        }
        // Of a packet that passed, an earlier rule that may accept is as likely the one.
        let earlier: Vec<&str> =
            maybe.iter().filter(|(_, accepts, _)| *accepts).map(|(rule, ..)| rule.as_str()).collect();
        let more = earlier.len().saturating_sub(EARLIER_MAX);
        let mut first = earlier[..earlier.len() - more].join(", or ");
        if more > 0 {
            first.push_str(&format!(", or {more} more"));
        }
        answer.by.push(match (earlier.is_empty(), passes) {
            (true, _) => by,
            (false, true) => format!("{first}, or {by}"),
            (false, false) => format!("{first}, else stopped by {by}"),
        });
        if !passes && !differs {
            break;
        }
    }
    answer
}

fn worse(a: Outcome, b: Outcome) -> Outcome {
    if a == Outcome::Stopped || b == Outcome::Stopped {
        Outcome::Stopped
    } else if a == Outcome::NotKnown || b == Outcome::NotKnown {
        Outcome::NotKnown
    } else {
        Outcome::Passes
    }
}

fn note(uncertain: &mut Vec<String>, what: String) {
    if uncertain.len() < UNCERTAIN_MAX && !uncertain.contains(&what) {
        uncertain.push(what);
    }
}

/// How a chain ends.
enum End {
    Accepted(String),
    Dropped(String),
    /// Nothing decided.
    Over,
}

struct Walk<'w> {
    ruleset: &'w Ruleset,
    packet: &'w Packet,
    /// Verdicts of rules that may match: where, whether they accept, what is not known.
    maybe: Vec<(String, bool, String)>,
    /// The packet may have gone another way than was walked.
    strayed: bool,
    uncertain: &'w mut Vec<String>,
    steps: u32,
}

impl<'w> Walk<'w> {
    fn chain(&mut self, table: (&str, &str), name: &str, depth: u32) -> End {
        if depth > DEPTH_MAX {
            self.stray(format!("{} {} {name}: jumps within jumps", table.0, table.1));
            return End::Over;
        }
        let place = (table.0.to_owned(), table.1.to_owned(), name.to_owned());
        let ruleset = self.ruleset;
        for rule in ruleset.rules.get(&place).into_iter().flatten() {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                self.stray("the ruleset is too large to be walked".to_owned());
                return End::Over;
            }
            match self.rule(rule, depth) {
                Step::On => {}
                Step::Back => return End::Over,
                Step::End(end) => return end,
            }
        }
        End::Over
    }

    /// One rule: its statements in their order, until one does not hold.
    fn rule(&mut self, rule: &Rule, depth: u32) -> Step {
        let table = (rule.family.as_str(), rule.table.as_str());
        let mut unknown: Option<String> = None;
        for statement in &rule.expr {
            let Some((kind, body)) = statement.as_object().and_then(|object| object.iter().next()) else { continue };
            match kind.as_str() {
                "match" => match holds(body, self.packet, table, self.ruleset) {
                    Is::Yes => {}
                    Is::No => return Step::On,
                    Is::Unknown(why) => unknown = Some(why),
                },
                "limit" | "quota" => unknown = Some(format!("a {kind}")),
                "xt" if is_rejection(body) => return self.verdict(rule, "reject", body, unknown, depth),
                "xt" => match of_extension(body) {
                    Is::Yes => {}
                    Is::No => return Step::On,
                    Is::Unknown(why) => unknown = Some(why),
                },
                "vmap" => match mapped(body, self.packet, table, self.ruleset) {
                    Ok(Some(verdict)) => {
                        let decided = verdict.as_object().and_then(|object| object.iter().next());
                        let Some((kind, body)) = decided else { return Step::On };
                        return self.verdict(rule, kind, body, unknown, depth);
                    }
                    Ok(None) => return Step::On,
                    Err(why) => {
                        self.stray(format!("{}: {why}", rule.place()));
                        return Step::On;
                    }
                },
                "accept" | "drop" | "reject" | "return" | "jump" | "goto" | "queue" => {
                    return self.verdict(rule, kind, body, unknown, depth);
                }
                // Counters, logs, marks, entries into sets: the packet goes on.
                _ => {}
            }
        }
        Step::On
    }

    fn verdict(&mut self, rule: &Rule, kind: &str, body: &Json, unknown: Option<String>, depth: u32) -> Step {
        let target = body.get("target").and_then(Json::as_str).unwrap_or_default().to_owned();
        let table = (rule.family.as_str(), rule.table.as_str());
        match (kind, unknown) {
            ("accept", None) => Step::End(End::Accepted(rule.place())),
            ("drop" | "reject", None) => Step::End(End::Dropped(format!("{} {kind}s", rule.place()))),
            ("accept", Some(why)) => self.may(rule, true, why),
            // It was let pass: so this one did not hold.
            ("drop" | "reject", Some(_)) if self.packet.is_accepted => Step::On,
            ("drop" | "reject", Some(why)) => self.may(rule, false, why),
            ("return", None) => Step::Back,
            ("return", Some(why)) => {
                self.stray(format!("{} may return: {why}", rule.place()));
                Step::On
            }
            ("queue", _) => {
                self.stray(format!("{} hands it to a program", rule.place()));
                Step::On
            }
            (kind, unknown) => {
                let before = self.maybe.len();
                let end = self.chain(table, &target, depth + 1);
                let Some(why) = unknown else {
                    return match (end, kind) {
                        (End::Over, "jump") => Step::On,
                        (end, _) => Step::End(end),
                    };
                };
                for known in &mut self.maybe[before..] {
                    known.2 = format!("{why}; {}", known.2);
                }
                match end {
                    End::Accepted(by) => self.maybe.push((by, true, why)),
                    End::Dropped(by) if !self.packet.is_accepted => self.maybe.push((by, false, why)),
                    End::Dropped(_) | End::Over => {}
                }
                Step::On
            }
        }
    }

    fn stray(&mut self, why: String) {
        self.strayed = true;
        note(self.uncertain, why);
    }

    fn may(&mut self, rule: &Rule, accepts: bool, why: String) -> Step {
        self.maybe.push((rule.place(), accepts, why));
        Step::On
    }
}

/// Where the packet goes after a rule.
enum Step {
    On,
    Back,
    End(End),
}

fn is_rejection(body: &Json) -> bool {
    matches!(body.get("name").and_then(Json::as_str), Some("REJECT" | "DROP"))
}

/// Extensions of iptables are named and not shown; those that only remark or log change nothing.
fn of_extension(body: &Json) -> Is {
    let name = body.get("name").and_then(Json::as_str).unwrap_or("an extension");
    match name {
        "comment" | "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "CT" | "TRACE" | "AUDIT" => Is::Yes,
        name => Is::Unknown(format!("iptables' {name}, which nft does not show")),
    }
}
