//! Which line of Zeek's intelligence framework tells when somebody else meets the same indicator?

use tripoint_model::{Alert, Observable};

use super::{Advice, Around, Kind, category, id, peers, write_file};

/// A file of its own for `Intel::read_files`.
pub(super) struct Zeek;

impl Kind for Zeek {
    fn name(&self) -> &'static str {
        "zeek"
    }

    fn advise(&self, alert: &Alert, _: &Around) -> Result<Advice, String> {
        let id = id(alert)?;
        let met = match &alert.indicator {
            Observable::Address(address) | Observable::AddressPort(address, _) => {
                vec![(address.to_string(), "Intel::ADDR")]
            }
            Observable::Network(net) => vec![(net.to_string(), "Intel::SUBNET")],
            Observable::Domain(name) => vec![(name.clone(), "Intel::DOMAIN")],
            Observable::System(_) => peers(alert)?.iter().map(|peer| (peer.to_string(), "Intel::ADDR")).collect(),
        };
        let about = category(alert).as_str();
        let head = "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc".to_owned();
        let line = |(text, kind): (String, &str)| format!("{text}\t{kind}\ttripoint\talert {id}, {about}");
        let lines: Vec<String> = std::iter::once(head).chain(met.into_iter().map(line)).collect();
        let folder = "/opt/zeek/share/zeek/site";
        let file = format!("{folder}/tripoint-{id}.intel");
        let script = format!("{folder}/tripoint-{id}.zeek");
        let load = ["@load frameworks/intel/seen".to_owned(), format!("redef Intel::read_files += {{ \"{file}\" }};")];
        let mut notes = vec![format!("add `@load ./tripoint-{id}.zeek` to {folder}/local.zeek")];
        if matches!(alert.indicator, Observable::AddressPort(..)) {
            notes.push("its framework knows no ports: it tells of the address on every port".to_owned());
        }
        Ok(Advice {
            kind: self.name(),
            what: format!("Zeek tells of everybody who meets {}", alert.indicator),
            commands: vec![write_file(&file, &lines), write_file(&script, &load), "zeekctl deploy".to_owned()],
            undo: vec![format!("rm {file} {script}"), "zeekctl deploy".to_owned()],
            notes,
        })
    }
}
