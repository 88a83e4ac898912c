//! Which class of cause is it? Wrong is worse than unknown: each class wants evidence of its own.

use tripoint_model::why::{Cause, Mention, NameSource, Starter, Why};
use tripoint_model::{Direction, Verdict};

use super::role::{Role, is_of_system, is_runner, role_of};
use super::signs::Sign;
use super::{Owner, Question, Subject, is_anybodys, place};

/// What a class says for itself.
struct Case {
    cause: Cause,
    confidence: u8,
    reasons: Vec<String>,
}

type Judge = fn(&Scene<'_>) -> Option<Case>;

/// Classes in the order in which they are asked: the first that has its evidence is it.
const JUDGES: &[Judge] =
    &[inbound, reaction, implant, package_manager, scheduled, user, configured, compromised_session, named];

struct Scene<'s> {
    question: &'s Question<'s>,
    subject: &'s Subject,
    signs: &'s [Sign],
    why: &'s Why,
}

pub(super) fn judge(question: &Question<'_>, subject: &Subject, signs: &[Sign], why: &mut Why) {
    let scene = Scene { question, subject, signs, why };
    let case = JUDGES.iter().find_map(|judge| judge(&scene)).unwrap_or_else(|| unknown(&scene));
    why.cause = case.cause;
    why.confidence = case.confidence.min(95);
    why.reasons = case.reasons;
}

impl Scene<'_> {
    fn has_role(&self, one: &Starter, role: &str) -> bool {
        one.role.as_deref() == Some(role)
    }

    /// The nearest that is neither a shell nor a tool, and its distance. Who started shells is who matters.
    fn starter(&self) -> Option<(usize, &Starter)> {
        let tools = ["shell", "interpreter", "downloader"];
        let all = self.why.started_by.iter().enumerate();
        all.into_iter().find(|(_, one)| !one.role.as_deref().is_some_and(|role| tools.contains(&role)))
    }

    /// The nearest of a role, where it lies in a place that only root writes.
    fn nearest(&self, role: &str) -> Option<(usize, &Starter)> {
        let works = |(distance, one): &(usize, &Starter)| {
            let runs_others = role == "package manager" && *distance > 0 && is_runner(&one.exe, &one.command);
            self.has_role(one, role) && is_of_system(&one.exe) && !runs_others
        };
        self.why.started_by.iter().enumerate().find(works)
    }

    /// Mentions that can be a cause, by whoever may write where they stand: not what everybody may write.
    fn mentions(&self) -> impl Iterator<Item = &Mention> {
        self.why.mentions.iter().filter(|one| one.counts && !is_anybodys(&one.file))
    }

    /// Mentions in files; who starts a program gives it words and variables.
    fn in_files(&self) -> impl Iterator<Item = &Mention> {
        self.mentions()
            .filter(|one| !matches!(one.place.as_str(), "command line" | "environment" | "executable" | "cron"))
    }

    /// A job of cron that names the peer and runs this program.
    fn job(&self) -> Option<&Mention> {
        let words =
            std::iter::once(self.subject.exe_path()).chain(self.question.process.argv.iter().map(String::as_str));
        let names: Vec<&str> = words
            .filter(|word| word.starts_with('/') || word.contains('.'))
            .filter_map(|word| word.rsplit('/').next())
            .filter(|name| name.len() >= 3 && !["bash", "dash", "curl", "wget", "perl", "python3"].contains(name))
            .collect();
        self.mentions().filter(|one| one.place == "cron").find(|one| names.iter().any(|name| one.text.contains(name)))
    }

    fn strong(&self) -> impl Iterator<Item = &Sign> {
        self.signs.iter().filter(|sign| sign.strong)
    }

    fn attempted(&self) -> Option<&'static str> {
        match self.question.attempted {
            Some(Verdict::Attempted) => Some("attacks on it were attempted before"),
            Some(Verdict::LikelySucceeded) => Some("an attack on it likely succeeded before"),
            _ => None,
        }
    }
}

fn chain(why: &Why, until: usize) -> String {
    let base = |one: &Starter| one.exe.rsplit('/').next().unwrap_or(&one.exe).to_owned();
    let names: Vec<String> =
        why.started_by.iter().take(until + 1).map(|one| format!("{} ({})", base(one), one.pid)).collect();
    names.join(" started by ")
}

fn at(one: &Mention) -> String {
    let line = if one.line > 0 { format!(":{}", one.line) } else { String::new() };
    let written = if one.written == "plain" { String::new() } else { format!(", written as {}", one.written) };
    format!("{} names {} ({}{line}{written})", one.place, one.matched, one.file)
}

/// Somebody came to a service that listens.
fn inbound(scene: &Scene<'_>) -> Option<Case> {
    if scene.question.direction != Direction::Inbound {
        return None;
    }
    let exposure = scene.why.exposure.as_ref()?;
    let listener = exposure.listener.as_ref()?;
    let mut reasons = vec![format!("it listens on {listener} ({}), and the peer connected to it", exposure.scope)];
    reasons.extend(exposure.reasons.iter().cloned());
    Some(Case { cause: Cause::ExposedService, confidence: 90, reasons })
}

/// A shell or tool that a server started, or a server that calls out after attacks.
fn reaction(scene: &Scene<'_>) -> Option<Case> {
    let (distance, starter) = scene.starter()?;
    if !scene.has_role(starter, "server") || scene.in_files().any(|one| !is_served(&one.file)) {
        return None;
    }
    let attempted = scene.attempted();
    // A visitor writes no variables of the server: what they name, somebody set up.
    if attempted.is_none() && scene.mentions().any(|one| one.place == "environment") {
        return None;
    }
    // Whoever listens may be any application, which starts tools for reasons of its own.
    let words: Vec<String> = starter.command.split(' ').map(str::to_owned).collect();
    let is_known = role_of(&starter.exe, &words) == Some(Role::Server);
    let mut reasons = Vec::new();
    let confidence = match (distance > 0, attempted) {
        (true, _) => {
            reasons.push(format!("a server started a shell or tool: {}", chain(scene.why, distance)));
            match (attempted.is_some(), is_known) {
                (true, _) => 90,
                (false, true) => 75,
                (false, false) => 55,
            }
        }
        (false, Some(_)) if !scene.mentions().any(|one| one.place != "executable") => {
            reasons.push("a server connects to a peer that its configuration does not name".to_owned());
            65
        }
        (false, _) => return None,
    };
    reasons.extend(attempted.map(str::to_owned));
    reasons.extend(scene.strong().map(|sign| sign.text.clone()));
    Some(Case { cause: Cause::InboundReaction, confidence, reasons })
}

/// What lies in a folder that is served may have been put there by a visitor.
fn is_served(file: &str) -> bool {
    ["/var/www/", "/srv/www/", "/usr/share/nginx/html/", "/var/lib/tomcat"].iter().any(|start| file.starts_with(start))
        || file.contains("/htdocs/")
        || file.contains("/webapps/")
        || file.contains("/public_html/")
        || file.contains("/uploads/")
}

/// Nothing that root installed explains it, and it hides.
fn implant(scene: &Scene<'_>) -> Option<Case> {
    let strong: Vec<String> = scene.strong().map(|sign| sign.text.clone()).collect();
    let is_explained = scene.in_files().next().is_some()
        || scene.job().is_some()
        || ["package manager", "log-in session", "continuous integration"]
            .iter()
            .any(|role| scene.nearest(role).is_some());
    if strong.is_empty() || is_explained {
        return None;
    }
    let weak: Vec<String> = scene.signs.iter().filter(|sign| !sign.strong).map(|sign| sign.text.clone()).collect();
    let confidence = 65 + 10 * u8::try_from((strong.len() - 1).min(2)).unwrap_or(0) + 5 * u8::from(!weak.is_empty());
    let mut reasons = strong;
    reasons.extend(weak);
    reasons.push("no file of configuration names the peer, and nobody is known to have started it".to_owned());
    Some(Case { cause: Cause::Implant, confidence, reasons })
}

fn package_manager(scene: &Scene<'_>) -> Option<Case> {
    let (distance, manager) = scene.nearest("package manager")?;
    if distance == 0 && scene.subject.owner == Owner::Nobody {
        return None;
    }
    let mut reasons = vec![format!("{} is a package manager or updater: {}", manager.exe, chain(scene.why, distance))];
    reasons.extend(scene.mentions().take(2).map(at));
    Some(Case { cause: Cause::PackageManager, confidence: 85, reasons })
}

fn scheduled(scene: &Scene<'_>) -> Option<Case> {
    let job = scene.job();
    let is_nearer = |distance: usize| scene.nearest("log-in session").is_none_or(|(session, _)| distance < session);
    let found = ["scheduler", "continuous integration"].iter().find_map(|role| scene.nearest(role));
    if let Some((distance, scheduler)) = found.filter(|(distance, _)| is_nearer(*distance)) {
        let mut reasons = vec![format!("{} started it: {}", scheduler.exe, chain(scene.why, distance))];
        reasons.extend(scene.mentions().take(3).map(at));
        let certain = scene.mentions().any(|one| one.place == "cron");
        return Some(Case { cause: Cause::ScheduledJob, confidence: if certain { 95 } else { 85 }, reasons });
    }
    if let Some(job) = job {
        let reasons = vec![at(job), "that job runs this program".to_owned()];
        return Some(Case { cause: Cause::ScheduledJob, confidence: 65, reasons });
    }
    let timer = timer(scene)?;
    let mut reasons = vec![format!("its unit is started by a timer ({timer})")];
    reasons.extend(scene.mentions().take(3).map(at));
    Some(Case { cause: Cause::ScheduledJob, confidence: 80, reasons })
}

/// The timer of the same name as the unit.
fn timer(scene: &Scene<'_>) -> Option<String> {
    let unit = scene.question.process.unit.as_deref()?.strip_suffix(".service")?;
    let folders = ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
    let paths = folders.iter().map(|folder| format!("{folder}/{unit}.timer"));
    paths.into_iter().find(|path| scene.subject.host.join(path.trim_start_matches('/')).exists())
}

/// A person at a shell. What runs as a server, started by hand, is what its configuration says.
fn user(scene: &Scene<'_>) -> Option<Case> {
    let (distance, session) = scene.nearest("log-in session")?;
    let own = scene.why.started_by.first();
    let is_server = own.is_some_and(|own| scene.has_role(own, "server"));
    let hides = scene.strong().next().is_some();
    if hides || (is_server && scene.in_files().next().is_some()) {
        return None;
    }
    let mut reasons = vec![format!("it was started in a session of {}: {}", session.exe, chain(scene.why, distance))];
    if let Some(user) = scene.question.process.login_uid {
        reasons.push(format!("user {user} had logged in"));
    }
    reasons.extend(scene.mentions().take(2).map(at));
    Some(Case { cause: Cause::UserAction, confidence: 80, reasons })
}

fn configured(scene: &Scene<'_>) -> Option<Case> {
    let hides = scene.strong().next().is_some();
    let is_packaged = matches!(scene.subject.owner, Owner::Package(_));
    // What hides may bring its own words; only what stands in files of the system explains it.
    let fits = |one: &&Mention| match one.place.as_str() {
        "command line" | "environment" => !hides,
        "executable" => !hides && is_packaged,
        "cron" => false,
        _ => true,
    };
    let mut found: Vec<&Mention> = scene.mentions().filter(fits).collect();
    found.sort_by_key(|one| std::cmp::Reverse(weight(one)));
    let best = found.first()?;
    let mut confidence = weight(best);
    let mut reasons: Vec<String> = found.iter().take(5).map(|one| at(one)).collect();
    if hides {
        confidence = confidence.min(50);
        reasons.extend(scene.strong().map(|sign| format!("but {}", sign.text)));
    }
    Some(Case { cause: Cause::ConfiguredDependency, confidence, reasons })
}

/// A number may be anything; a reversed address may be another.
fn weight(one: &Mention) -> u8 {
    let less = match one.written.as_str() {
        "plain" | "url-encoded" => 0,
        "base64" => 10,
        _ => 25,
    };
    place::weight(&one.place).saturating_sub(less)
}

/// What hides within a person's session may be the person's, or not: that is not told apart here.
fn compromised_session(scene: &Scene<'_>) -> Option<Case> {
    scene.strong().next().map(|_| unknown(scene))
}

fn named(scene: &Scene<'_>) -> Option<Case> {
    let asked = scene.why.names.iter().find(|name| name.how == NameSource::Dns);
    let given = scene.why.names.iter().find(|name| matches!(name.how, NameSource::Sni | NameSource::HttpHost));
    let name = asked.or(given)?;
    if !matches!(scene.subject.owner, Owner::Package(_)) {
        return None;
    }
    let mut reasons = vec![format!("{} was {}", name.name, name.how.as_words())];
    if let (Some(asked), Some(given)) = (asked, given)
        && asked.name == given.name
    {
        reasons.push(format!("the same name was {}", given.how.as_words()));
    }
    reasons.push("no configuration that was searched names it: something told the program to go there".to_owned());
    let confidence = 45 + if reasons.len() > 2 { 15 } else { 0 };
    Some(Case { cause: Cause::NameDriven, confidence, reasons })
}

fn unknown(scene: &Scene<'_>) -> Case {
    let mut reasons = Vec::new();
    let aside: Vec<&Mention> = scene.why.mentions.iter().collect();
    match aside.is_empty() {
        true => reasons.push("no configuration that was searched names the peer".to_owned()),
        false => {
            reasons.extend(aside.iter().take(3).map(|one| format!("{}, which explains nothing by itself", at(one))))
        }
    }
    reasons.extend(scene.signs.iter().map(|sign| sign.text.clone()));
    if scene.why.started_by.len() < 2 {
        reasons.push("who started it is not known any more".to_owned());
    }
    Case { cause: Cause::Unknown, confidence: 0, reasons }
}
