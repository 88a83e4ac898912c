//! How are strangers' rules compiled for `up`, which is root?
//!
//! By a child that reads the files, gives up every right, and only then asks what they mean. It has no more than its
//! standard output, on which the image comes; that is put in its place unread. Its time and memory are bounded, so that
//! no rule keeps a host from sensing and blocking.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, setrlimit};
use tripoint_evidence::sigma::image::{BYTES_MAX, Image};
use tripoint_linux::child;

use super::rules;
use crate::command::daemons;
use crate::context::Context;

/// SigmaHQ's rules for Linux and the web take a second.
const TIME_MAX: Duration = Duration::from_secs(30);
/// All files of rules, and what they become, many times over.
const MEMORY_BYTES_MAX: u64 = 2 << 30;
/// What a child answers whose image lacks rules that it named.
const PARTIAL: i32 = 3;

/// Makes the image of the folder that `evidence.rules` names, where it names one.
pub fn compile_configured(context: &Context) -> anyhow::Result<()> {
    let folder = context.config()?.config.evidence.rules;
    if !folder.is_dir() {
        return Ok(());
    }
    let (uid, gid) = daemons::reader_user();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["evidence", "rules", "compile", "--out", "-", "--user"]).arg(format!("{uid}:{gid}"));
    if context.quiet {
        command.arg("--quiet");
    }
    command.arg("--").arg(&folder);
    let image = answer(&mut command)?;
    if !Image::is_one(&image) {
        bail!("what compiles the rules wrote no rule image");
    }
    rules::put(&image, &context.data_dir.join(tripoint_agent::rules::COMPILED))
}

/// Gives up every right for that user's, and bounds what is used from now on.
pub fn give_up_root(user: &str) -> anyhow::Result<()> {
    let (uid, gid) = daemons::ids(user)?;
    child::become_user(uid, gid, &[]).context("give up root")?;
    for (resource, most) in [(Resource::As, MEMORY_BYTES_MAX), (Resource::Cpu, TIME_MAX.as_secs())] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).context("bound what may be used")?;
    }
    Ok(())
}

/// What a command writes, if it ends well and in time.
fn answer(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    child::ends_with_parent(command);
    let mut child = command.spawn().context("start what compiles the rules")?;
    let until = Instant::now() + TIME_MAX;
    let read = until_end(&mut child, until);
    // It may close its output and stay.
    while read.is_ok() && child.try_wait()?.is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let status = child.wait()?;
    let bytes = read?;
    match status.code() {
        Some(0 | PARTIAL) => Ok(bytes),
        _ => bail!("the rules could not be compiled ({status})"),
    }
}

fn until_end(child: &mut Child, until: Instant) -> anyhow::Result<Vec<u8>> {
    let mut output = child.stdout.take().context("the child has no output")?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let patience = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&patience)) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(0) => bail!("the rules were not compiled after {} seconds", TIME_MAX.as_secs()),
            Ok(_) => {}
        }
        let read = output.read(&mut buffer)?;
        if read == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&buffer[..read]);
        if bytes.len() > BYTES_MAX {
            bail!("the rule image has more than {BYTES_MAX} bytes");
        }
    }
}
