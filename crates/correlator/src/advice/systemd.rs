//! How does systemd keep one service from the peers of an alert?

use tripoint_model::Alert;

use super::{Advice, Around, Kind, id, joined, peers, unit, write_file};

/// A drop-in (systemd.resource-control(5), `IPAddressDeny=`).
pub(super) struct Systemd;

impl Kind for Systemd {
    fn name(&self) -> &'static str {
        "systemd"
    }

    fn advise(&self, alert: &Alert, _: &Around) -> Result<Advice, String> {
        let (unit, id, peers) = (unit(alert)?, id(alert)?, peers(alert)?);
        let denied = joined(&peers, " ");
        let folder = format!("/etc/systemd/system/{unit}.d");
        let file = format!("{folder}/50-tripoint-{id}.conf");
        let lines = ["[Service]".to_owned(), format!("IPAddressDeny={denied}")];
        Ok(Advice {
            kind: self.name(),
            what: format!("{unit} speaks no more with {denied}, also after a restart"),
            commands: vec![
                format!("install -d {folder}"),
                write_file(&file, &lines),
                "systemctl daemon-reload".to_owned(),
                format!("systemctl set-property --runtime {unit} 'IPAddressDeny={denied}'"),
            ],
            undo: vec![
                format!("rm {file}"),
                format!("systemctl set-property --runtime {unit} IPAddressDeny="),
                "systemctl daemon-reload".to_owned(),
            ],
            notes: vec![
                "the last command makes it hold at once, without a restart".to_owned(),
                "an IPAddressAllow= of the unit that holds the address outranks it".to_owned(),
                "the undo takes back every IPAddressDeny= that was set at run time".to_owned(),
            ],
        })
    }
}
