//! Do later sources win, and do errors say where and what?

use super::*;

pub(super) fn with(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.toml");
    fs::write(&path, text).unwrap();
    merge(&[path], environment.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())))
}

#[test]
fn the_defaults_are_a_configuration() {
    let loaded = with("", &[]).unwrap();
    assert_eq!(loaded.config.response.mode, Mode::Advise);
    assert_eq!(loaded.config.sensor.poll, Duration::from_millis(20));
}

#[test]
fn later_sources_win_and_are_named() {
    let text = "[response]\n# why\nmode = \"enforce\"\n[intel]\npermit_ranges = [\"203.0.113.0/24\"]\n";
    let loaded = with(
        text,
        &[("TRIPOINT_RESPONSE__MODE", "advise"), ("TRIPOINT_INTEL__PERMIT_RANGES", "2001:db8::/32, 203.0.113.0/24")],
    )
    .unwrap();
    assert_eq!(loaded.config.response.mode, Mode::Advise);
    assert_eq!(loaded.config.intel.permit_ranges.len(), 2);
    assert_eq!(loaded.origins["response.mode"], "environment variable TRIPOINT_RESPONSE__MODE");
}

#[test]
fn alerts_are_kept_longer_than_hosts_remember_them() {
    let said = |span: &str| with(&format!("[server]\nalerts_for = \"{span}\"\n"), &[]);
    for fine in ["8d", "365d", "0s"] {
        assert!(said(fine).is_ok(), "{fine}");
    }
    for short in ["1h", "191h", "7d"] {
        let error = said(short).unwrap_err().to_string();
        assert!(error.contains("agent.toml:2: server.alerts_for: is 8d or more, or 0s"), "{error}");
    }
}

#[test]
fn errors_name_file_line_and_what_would_be_right() {
    let message = |text: &str| with(text, &[]).unwrap_err().to_string();
    assert!(
        message("[response]\n\nmod = \"enforce\"\n")
            .ends_with("agent.toml:3: unknown key response.mod; did you mean response.mode?")
    );
    assert!(
        message("[response]\nmode = \"panic\"\n")
            .contains("agent.toml:2: response.mode: unknown variant `panic`, expected `advise` or `enforce`")
    );
    assert!(
        message("[response]\nmin_confidence = 101\n")
            .contains("agent.toml:2: response.min_confidence: is a percentage")
    );
    assert!(message("[response]\nrules = [\"bad\"]\n").contains("there is no rule \"bad\""));
    assert!(message("[server]\nlisten = \"nonsense\"\n").contains("is no ADDRESS:PORT"));
    assert!(message("[sensor]\nevents_mib = 3\n").contains("power of two"));
    assert!(message("[sensor]\npoll = \"soon\"\n").contains("is no time span"));
    assert!(message("[sensor\n").contains("agent.toml:1:"));
}

#[test]
fn each_table_of_a_list_has_its_own_line() {
    let text = "[[notify.route]]\nname = \"a\"\n[response]\nfilter = 1\n\n[[notify.route]]\nname = \"b\"\nfilter = \"kev:yes\"\n[[notify.routes]]\n";
    let lines = super::text::lines_of_tables(text, "notify.route");
    let of = |place: &str| lines.iter().find(|(name, _)| name == place).map(|(_, line)| *line);
    assert_eq!(
        (of("notify.route[0]"), of("notify.route[1]"), of("notify.route[1].filter")),
        (Some(1), Some(6), Some(8))
    );
    assert_eq!((of("notify.route[0].filter"), of("notify.route[2]")), (None, None));
}

#[test]
fn the_reference_page_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/config.md");
    let page = format!(
        "# Configuration\n\nEvery key with its default; `tripoint config explain KEY` says what is in force and where it comes \
         from. Files, later over earlier: `/etc/tripoint/rules.toml`, `agent.toml`, `server.toml`, `conf.d/*.toml`, the first three in \
         the data folder, `--config FILE`; then the environment, `TRIPOINT_SECTION__KEY`.\n\n```toml\n{}```\n",
        default_text()
    );
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page, "run with UPDATE=1");
}
