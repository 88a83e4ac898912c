//! What does the console cost in a real browser, over the same server with all that is in it?

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::Figure;

/// Opens the queue in Chromium and scrolls through ten thousand rows of it. Nothing, with a line, where there is no
/// browser or no built console.
pub fn figures(data_dir: &Path) -> Result<Vec<Figure>> {
    let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("../console");
    if !console.join("node_modules").is_dir() || !console.join("dist/index.html").is_file() {
        eprintln!("skipped: the console in a browser: it is not built (`cargo xtask console`)");
        return Ok(Vec::new());
    }
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| found(name)) else {
        eprintln!("skipped: the console in a browser: no Chromium");
        return Ok(Vec::new());
    };
    let told = std::fs::read_to_string(tripoint_server::setup_path(data_dir)).context("the first sign-in")?;
    let setup =
        told.lines().find_map(|line| line.strip_prefix("address ")).context("no address of the first sign-in")?;
    let measured = data_dir.join("browser.json");
    let status = Command::new("npx")
        .args(["vitest", "run", "--config", "tests/load.config.ts"])
        .current_dir(console)
        .env("TRIPOINT_FOLDER", data_dir)
        .env("TRIPOINT_SETUP", setup)
        .env("TRIPOINT_FIGURES", &measured)
        .env("TRIPOINT_BROWSER", browser)
        // The figures are what this program says.
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .context("cannot start `npx`")?;
    if !status.success() {
        bail!("the browser could not be measured: {status}");
    }
    let figures: Vec<(String, f64, String)> = serde_json::from_slice(&std::fs::read(measured)?)?;
    Ok(figures
        .into_iter()
        .map(|(name, value, unit)| Figure::new(format!("browser: {name}"), value, known(&unit)))
        .collect())
}

fn found(name: &str) -> Option<std::path::PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn known(unit: &str) -> &'static str {
    ["ms", "kB"].into_iter().find(|known| *known == unit).unwrap_or_default()
}
