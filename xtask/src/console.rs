//! Is the console built from the contract as it stands, and does it work in a browser?

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::run;

/// What the tools that build the console ask for.
const NODE_LEAST: (u32, u32) = (20, 19);
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Checks the console's types and its small tests, and builds it into `console/dist`. Without Node nothing is done.
pub fn build() -> Result<ExitCode> {
    if let Some(missing) = missing() {
        println!("skipped: the console is not built: {missing}");
        return Ok(ExitCode::SUCCESS);
    }
    if needs_packages() {
        npm(&["ci", "--no-audit", "--no-fund", "--prefer-offline"])?;
    }
    for script in ["types:fresh", "check", "test", "build"] {
        npm(&["run", "--silent", script])?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens every page of the console in a real browser, served by the real program.
pub fn test(rest: &[String]) -> Result<ExitCode> {
    let browser = run::find(BROWSERS);
    let why = match (missing(), browser.is_some(), run::is_root()) {
        (Some(missing), ..) => Some(missing),
        (None, false, _) => Some("no Chromium: apt-get install chromium".to_owned()),
        (None, true, false) => Some("not root: alerts are put in as the agent of this host does".to_owned()),
        (None, true, true) => None,
    };
    if let Some(why) = why {
        println!("skipped: the console in a browser: {why}");
        return Ok(ExitCode::SUCCESS);
    }
    build()?;
    run::succeed(run::cargo().args(["build", "--quiet", "-p", "tripoint-cli", "-p", "tripoint-agent"]))?;
    let program = run::target_dir().join("debug/tripoint");
    let mut command = in_console("npx");
    command.args(["vitest", "run", "--config", "tests/vitest.config.ts"]).args(rest);
    command.env("TRIPOINT_PROGRAM", program).env("TRIPOINT_BROWSER", browser.context("no browser")?);
    run::succeed(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// Why the console cannot be built here.
pub fn missing() -> Option<String> {
    let least = format!("{}.{}", NODE_LEAST.0, NODE_LEAST.1);
    if run::find(&["npm"]).is_none() {
        return Some(format!("no npm; Node {least} or newer brings it"));
    }
    let said = run::output(run::command("node").arg("--version")).unwrap_or_default();
    let is_enough = version(&said).is_some_and(|found| found >= NODE_LEAST);
    (!is_enough).then(|| format!("Node {least} or newer is needed, this is {:?}", said.trim()))
}

/// `v20.20.2` → `(20, 20)`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether what is installed is not what the lock file names.
fn needs_packages() -> bool {
    let changed = |path: PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    let installed = changed(run::root().join("console/node_modules/.package-lock.json"));
    installed.is_none() || changed(run::root().join("console/package-lock.json")) > installed
}

fn npm(words: &[&str]) -> Result<()> {
    let done = run::succeed(in_console("npm").args(words));
    if done.is_err() && words == ["run", "--silent", "types:fresh"] {
        bail!("console/src/api/schema.ts is not of openapi/tripoint.json: `npm run types` in console/");
    }
    done
}

fn in_console(program: &str) -> Command {
    let mut command = run::command(program);
    command.current_dir(run::root().join("console")).env("NO_COLOR", "1");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_as_numbers() {
        assert_eq!(version("v20.20.2\n"), Some((20, 20)));
        assert!(version("v20.9.0").unwrap() < NODE_LEAST);
        assert!(version("v22.1.0").unwrap() > NODE_LEAST);
        assert_eq!(version("20"), None);
    }
}
