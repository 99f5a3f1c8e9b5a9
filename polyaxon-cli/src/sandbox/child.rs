//! A program of this project as a child process.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::ui::Ui;

/// Lines of a child's log that an error shows.
const TAIL: usize = 15;
/// How long a child may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(15);
/// How long the rest of a dead child's log is waited for.
const LOG_GRACE: Duration = Duration::from_secs(1);

/// What can happen to a child.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildError {
    /// Neither beside this program nor on the search path.
    #[error("cannot start `{program}`: {source}; it belongs into the folder of `polyaxon`")]
    Start {
        program: &'static str,
        source: io::Error,
    },
    /// It ended by itself.
    #[error("`{program}` ended ({status}); its log is `{}`:\n{tail}", log.display())]
    Ended {
        program: &'static str,
        status: String,
        log: PathBuf,
        tail: String,
    },
    /// It does not say what it should.
    #[error("`{program}` is not ready after {} seconds; its log is `{}`:\n{tail}", patience.as_secs(), log.display())]
    Slow {
        program: &'static str,
        patience: Duration,
        log: PathBuf,
        tail: String,
    },
    #[error("cannot write the log `{}`: {source}", path.display())]
    Log { path: PathBuf, source: io::Error },
}

/// A child process; its log goes to a file and, where nobody watches a terminal, to standard error.
pub(super) struct Child {
    program: &'static str,
    process: tokio::process::Child,
    stdout: Option<Lines<BufReader<ChildStdout>>>,
    log: PathBuf,
    tail: Arc<Mutex<VecDeque<String>>>,
    copying: Option<JoinHandle<()>>,
}

impl Child {
    /// Starts `program` from the folder of this program, or from the search path.
    ///
    /// It is in a process group of its own, so that a Ctrl-C reaches this program only, which then ends its
    /// children in order.
    pub(super) fn start(
        program: &'static str,
        arguments: impl IntoIterator<Item = OsString>,
        logs: &Path,
        ui: &Ui,
    ) -> Result<Self, ChildError> {
        let log = logs.join(format!("{program}.log"));
        let file = new_log(&log).map_err(|source| ChildError::Log {
            path: log.clone(),
            source,
        })?;
        let start = |source| ChildError::Start { program, source };
        let mut process = Command::new(beside(program))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(start)?;
        let stdout = process.stdout.take();
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let copying = process.stderr.take().map(|stderr| {
            let copy = Copy {
                program,
                stderr,
                file: tokio::fs::File::from_std(file),
                tail: Arc::clone(&tail),
                shows: !ui.talk_is_terminal(),
            };
            tokio::spawn(copy.run())
        });
        Ok(Self {
            program,
            process,
            stdout: stdout.map(|stdout| BufReader::new(stdout).lines()),
            log,
            tail,
            copying,
        })
    }

    /// The first line on standard output that is wanted.
    pub(super) async fn line(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<String, ChildError> {
        let found = tokio::time::timeout(patience, async {
            while let Some(stdout) = &mut self.stdout {
                match stdout.next_line().await {
                    Ok(Some(line)) if wanted(&line) => return Some(line),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => self.stdout = None,
                }
            }
            None
        })
        .await;
        match found {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(self.ended().await),
            Err(_) => Err(ChildError::Slow {
                program: self.program,
                patience,
                log: self.log.clone(),
                tail: self.tail(),
            }),
        }
    }

    /// Waits for an end that nobody asked for. Reads on, so that the child never waits for a full pipe.
    pub(super) async fn ended(&mut self) -> ChildError {
        while let Some(stdout) = &mut self.stdout {
            if !matches!(stdout.next_line().await, Ok(Some(_))) {
                self.stdout = None;
            }
        }
        let status = match self.process.wait().await {
            Ok(status) => describe(status),
            Err(error) => error.to_string(),
        };
        if let Some(copying) = self.copying.take() {
            let _ = tokio::time::timeout(LOG_GRACE, copying).await;
        }
        ChildError::Ended {
            program: self.program,
            status,
            log: self.log.clone(),
            tail: self.tail(),
        }
    }

    /// Asks it to end, and kills it if it does not.
    pub(super) async fn stop(&mut self) {
        let pid = self
            .process
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself in this moment.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(GRACE, self.process.wait())
            .await
            .is_err()
        {
            let _ = self.process.kill().await;
        }
    }

    fn tail(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = tail.iter().map(String::as_str).collect();
        lines.join("\n")
    }
}

fn describe(status: ExitStatus) -> String {
    status.to_string()
}

/// The program in the folder of this one, if it is there.
fn beside(program: &str) -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|own| own.canonicalize().ok())
        .map(|own| own.with_file_name(program))
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from(program))
}

/// An empty log; the one of the last start gets the suffix `.1`.
fn new_log(path: &Path) -> io::Result<std::fs::File> {
    match std::fs::rename(path, path.with_extension("log.1")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::File::create(path)
}

/// Copies a child's log.
struct Copy {
    program: &'static str,
    stderr: ChildStderr,
    file: tokio::fs::File,
    tail: Arc<Mutex<VecDeque<String>>>,
    shows: bool,
}

impl Copy {
    async fn run(mut self) {
        let mut lines = BufReader::new(self.stderr).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line).into_owned();
            // A full disk must not end the child; the tail still has the line.
            let _ = self.file.write_all(format!("{line}\n").as_bytes()).await;
            let _ = self.file.flush().await;
            if self.shows {
                let ui = Ui::of_process();
                let _ = ui.talk(format_args!("{}: {line}", self.program));
            }
            let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line);
        }
    }
}
