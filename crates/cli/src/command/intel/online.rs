//! Which services are asked, and did somebody agree that they learn the address?

use std::io::{IsTerminal as _, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;

use tripoint_agent::config::Online;
use tripoint_fetch::Fetcher;
use tripoint_intel::online::{self, Asking, OnlineAnswer, SERVICES, Service, Wanted};
use tripoint_model::Observable;

use crate::confine::Fetching;
use crate::context::{Context, fetch_settings, now, own_addresses};
use crate::exit::WrongUsage;

/// The named services, or all that have what they want.
pub(super) fn wanted(context: &Context, names: &[String]) -> anyhow::Result<Vec<Wanted>> {
    let config = context.config()?.config.online;
    if let Some(unknown) = names.iter().find(|name| online::service(name).is_none()) {
        let known: Vec<&str> = SERVICES.iter().map(|service| service.name()).collect();
        let known = known.join(", ");
        return Err(
            WrongUsage(format!("no service {unknown:?}; known are: {known}; addresses stand before --online")).into()
        );
    }
    let all = SERVICES.iter().map(|service| one(*service, &config));
    Ok(if names.is_empty() {
        all.filter(|wanted| wanted.service.key_header().is_none() || wanted.key_file.is_some()).collect()
    } else {
        all.filter(|wanted| names.iter().any(|name| name == wanted.service.name())).collect()
    })
}

fn one(service: &'static dyn Service, config: &Online) -> Wanted {
    let none = PathBuf::new();
    let (url, key_file, per_day) = match service.name() {
        "abuseipdb" => (&config.abuseipdb_url, &config.abuseipdb_key_file, config.abuseipdb_per_day),
        "greynoise" => (&config.greynoise_url, &config.greynoise_key_file, config.greynoise_per_day),
        "otx" => (&config.otx_url, &config.otx_key_file, config.otx_per_day),
        "virustotal" => (&config.virustotal_url, &config.virustotal_key_file, config.virustotal_per_day),
        _ => (&config.internetdb_url, &none, config.internetdb_per_day),
    };
    Wanted {
        service,
        url: if url.is_empty() { service.url().to_owned() } else { url.clone() },
        key_file: (!key_file.as_os_str().is_empty()).then(|| key_file.clone()),
        per_day: if per_day == 0 { service.per_day() } else { per_day },
    }
}

/// Asks the services, address by address.
pub(super) struct Asker<'a> {
    context: &'a Context,
    wanted: &'a [Wanted],
    config: Online,
    fetcher: Option<Fetcher>,
    own: Vec<IpAddr>,
    accept: bool,
}

impl<'a> Asker<'a> {
    pub fn new(context: &'a Context, wanted: &'a [Wanted], yes: bool) -> anyhow::Result<Self> {
        let config = context.config()?.config;
        if let Some(one) = wanted.iter().find(|wanted| tripoint_fetch::is_clear(&wanted.url)) {
            let name = one.service.name();
            anyhow::bail!("online.{name}_url: everybody on the way could read key and question: use https");
        }
        let fetcher = if wanted.is_empty() {
            None
        } else {
            // One attempt: each counts against a quota.
            let timeout = config.online.timeout;
            let settings = fetch_settings(&config);
            Some(Fetcher::new(tripoint_fetch::Settings { attempts: 1, total_timeout: timeout, ..settings })?)
        };
        let own = if wanted.is_empty() { Vec::new() } else { own_addresses() };
        let accept = config.online.accept;
        let asker = Self { context, wanted, config: config.online.clone(), fetcher, own, accept };
        asker.agree(yes)?;
        if !wanted.is_empty() {
            let urls = wanted.iter().map(|one| one.url.as_str()).chain(context.server_url());
            let keys = wanted.iter().filter_map(|one| one.key_file.as_deref());
            let named = keys.chain(context.named_files());
            Fetching::new(context, &config, &["online"]).at(urls).read(named).begin();
        }
        Ok(asker)
    }

    /// What each service says of an address; of a name nobody is asked.
    pub fn ask(&mut self, text: &str) -> anyhow::Result<Vec<OnlineAnswer>> {
        let (Some(fetcher), Ok(asked)) = (&self.fetcher, text.parse::<Observable>()) else { return Ok(Vec::new()) };
        let (Observable::Address(address) | Observable::AddressPort(address, _)) = asked else { return Ok(Vec::new()) };
        let asking = Asking {
            data_dir: &self.context.data_dir,
            own: &self.own,
            cache_for: self.config.cache_for,
            accept: self.accept,
            now: now(),
        };
        Ok(self.wanted.iter().map(|wanted| online::ask(address, wanted, &asking, fetcher)).collect())
    }

    /// Warns before a service is asked for the first time. `--yes` and a person's yes are remembered.
    fn agree(&self, yes: bool) -> anyhow::Result<()> {
        for wanted in self.wanted {
            let name = wanted.service.name();
            if self.accept || online::is_accepted(&self.context.data_dir, name) {
                continue;
            }
            if yes || asked_and_agreed(name, &wanted.url)? {
                online::accept(&self.context.data_dir, name)?;
            }
        }
        Ok(())
    }
}

fn asked_and_agreed(name: &str, url: &str) -> anyhow::Result<bool> {
    eprintln!(
        "{name} ({url}) will learn which addresses you ask about, and from where. That can tell others what you investigate."
    );
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("Ask {name} from now on? [y/N] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
