//! How does a service that was made to call out come to call only whom it must?

use tripoint_model::{Alert, Direction};

use super::{Advice, Around, Kind, id, unit, write_file};

/// Deny all, allow what is needed (systemd.resource-control(5)).
pub(super) struct Egress;

impl Kind for Egress {
    fn name(&self) -> &'static str {
        "egress"
    }

    fn advise(&self, alert: &Alert, _: &Around) -> Result<Advice, String> {
        if alert.direction == Direction::Inbound {
            return Err("the application was called and did not call: see listener".to_owned());
        }
        let (unit, id) = (unit(alert)?, id(alert)?);
        let folder = format!("/etc/systemd/system/{unit}.d");
        let file = format!("{folder}/60-tripoint-egress-{id}.conf");
        let lines = [
            "# Add the networks of its clients, its database, its name server: one IPAddressAllow= each.",
            "[Service]",
            "IPAddressDeny=any",
            "IPAddressAllow=localhost",
        ]
        .map(str::to_owned);
        Ok(Advice {
            kind: self.name(),
            what: format!("{unit} speaks with this host only, and with whom you add"),
            commands: vec![
                format!("install -d {folder}"),
                write_file(&file, &lines),
                format!("${{EDITOR:-vi}} {file}"),
                "systemctl daemon-reload".to_owned(),
                format!("systemctl restart {unit}"),
            ],
            undo: vec![format!("rm {file}"), "systemctl daemon-reload".to_owned(), format!("systemctl restart {unit}")],
            notes: vec![
                "whom the service must reach is not known here: without additions nobody else reaches it either"
                    .to_owned(),
            ],
        })
    }
}
