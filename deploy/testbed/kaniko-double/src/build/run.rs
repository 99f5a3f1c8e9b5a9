//! `RUN`, in place.

use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Gid, Pid, Signal, Uid};

use crate::dockerfile::expand::Variables;
use crate::error::{Failure, errno_text};
use crate::files::accounts::Account;
use crate::log::Log;

/// Exit status when a command was killed by a signal.
const SIGNALLED: u8 = 255;

/// A command of an image.
#[derive(Debug)]
pub(super) struct Invocation {
    /// Program and arguments.
    pub words: Vec<String>,
    /// The whole environment.
    pub environment: Variables,
    /// Working folder, used if it is there.
    pub folder: PathBuf,
    /// Who runs it; nothing: the user of this process.
    pub account: Option<Account>,
}

/// Runs a command with the streams of this process and waits for it. What it left behind is
/// killed.
///
/// # Errors
///
/// `starting command: …`, or `waiting for process to exit: …` with the command's exit status.
pub(super) fn run(invocation: &Invocation, log: &Log) -> Result<(), Failure> {
    log.info(format_args!("Running: [{}]", invocation.words.join(" ")));
    let mut child = std::thread::scope(|scope| {
        let starter = scope.spawn(|| start(invocation));
        starter
            .join()
            .unwrap_or_else(|_| Err("thread ended early".to_owned()))
    })
    .map_err(|reason| Failure::command(format_args!("starting command: {reason}")))?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let status = child.wait();
    if let Some(group) = group {
        // Mostly there is nobody left.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let status = status.map_err(|error| {
        Failure::command(format_args!(
            "waiting for process to exit: {}",
            errno_text(&error)
        ))
    })?;
    verdict(status)
}

fn verdict(status: ExitStatus) -> Result<(), Failure> {
    let (text, code) = match (status.code(), status.signal()) {
        (Some(0), _) => return Ok(()),
        (Some(code), _) => (
            format!("exit status {code}"),
            u8::try_from(code).unwrap_or(SIGNALLED),
        ),
        (None, signal) => (
            format!("signal: {}", signal_name(signal.unwrap_or_default())),
            SIGNALLED,
        ),
    };
    Err(Failure::command(format_args!("waiting for process to exit: {text}")).with_status(code))
}

fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup".to_owned(),
        2 => "interrupt".to_owned(),
        3 => "quit".to_owned(),
        4 => "illegal instruction".to_owned(),
        6 => "aborted".to_owned(),
        7 => "bus error".to_owned(),
        8 => "floating point exception".to_owned(),
        9 => "killed".to_owned(),
        11 => "segmentation fault".to_owned(),
        13 => "broken pipe".to_owned(),
        15 => "terminated".to_owned(),
        other => format!("signal {other}"),
    }
}

/// Starts the command. The identity is that of the calling thread, which takes it on for good.
fn start(invocation: &Invocation) -> Result<Child, String> {
    let Some((name, arguments)) = invocation.words.split_first() else {
        return Err("exec: no command".to_owned());
    };
    let program = find(name, invocation)?;
    if let Some(account) = &invocation.account {
        become_user(account)
            .map_err(|error| format!("fork/exec {}: {}", program.display(), errno_text(&error)))?;
    }
    let mut command = Command::new(&program);
    command
        .arg0(name)
        .args(arguments)
        .env_clear()
        .envs(&invocation.environment)
        .process_group(0);
    if invocation.folder.is_dir() {
        command.current_dir(&invocation.folder);
    }
    command
        .spawn()
        .map_err(|error| format!("fork/exec {}: {}", program.display(), errno_text(&error)))
}

fn become_user(account: &Account) -> io::Result<()> {
    let groups: Vec<_> = account
        .groups
        .iter()
        .chain([&account.owner.gid])
        .map(|gid| Gid::from_raw(*gid))
        .collect();
    rustix::thread::set_thread_groups(&groups)?;
    rustix::thread::set_thread_gid(Gid::from_raw(account.owner.gid))?;
    rustix::thread::set_thread_uid(Uid::from_raw(account.owner.uid))?;
    Ok(())
}

/// A name without a slash is looked for in the `PATH` of the image.
fn find(name: &str, invocation: &Invocation) -> Result<PathBuf, String> {
    if name.contains('/') {
        return Ok(PathBuf::from(name));
    }
    let path = invocation.environment.get("PATH");
    path.map_or("", String::as_str)
        .split(':')
        .filter(|folder| !folder.is_empty())
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            format!(
                "exec: {}: executable file not found in $PATH",
                crate::log::quote(name)
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Format, Level};
    use rstest::rstest;

    fn result(words: &[&str]) -> Result<(), Failure> {
        let log = Log {
            format: Format::Json,
            timestamp: false,
            threshold: Level::Fatal,
            start: std::time::Instant::now(),
        };
        let invocation = Invocation {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            environment: Variables::from([("PATH".to_owned(), "/bin:/usr/bin".to_owned())]),
            folder: PathBuf::from("/nonexistent"),
            account: None,
        };
        run(&invocation, &log)
    }

    const PREFIX: &str = "error building image: error building stage: failed to execute command: ";

    #[rstest]
    #[case(&["/bin/sh", "-c", "exit 12"], "waiting for process to exit: exit status 12", 12)]
    #[case(&["sh", "-c", "exit 255"], "waiting for process to exit: exit status 255", 255)]
    #[case(&["sh", "-c", "kill -9 $$"], "waiting for process to exit: signal: killed", 255)]
    #[case(&["sh", "-c", "kill -SEGV $$"], "waiting for process to exit: signal: segmentation fault", 255)]
    #[case(&["/bin/nope"], "starting command: fork/exec /bin/nope: no such file or directory", 1)]
    #[case(&["nope"], "starting command: exec: \"nope\": executable file not found in $PATH", 1)]
    #[case(&["/etc/passwd"], "starting command: fork/exec /etc/passwd: permission denied", 1)]
    fn failures_have_the_recorded_words_and_statuses(
        #[case] words: &[&str],
        #[case] expected: &str,
        #[case] status: u8,
    ) {
        let failure = result(words).unwrap_err();
        assert_eq!(failure.to_string(), format!("{PREFIX}{expected}"));
        assert_eq!(failure.status(), status);
    }

    #[test]
    fn what_a_command_leaves_behind_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let line = format!("sleep 60 & echo $! > {}", file.display());
        result(&["/bin/sh", "-c", &line]).unwrap();
        let pid = std::fs::read_to_string(file).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        for _ in 0..100 {
            match std::fs::read_to_string(&stat) {
                Ok(text) if !text.contains(") Z") => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                _ => return,
            }
        }
        panic!("still alive");
    }
}
