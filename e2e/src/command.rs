//! Running a program and keeping all that a user would see of it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// What a program left behind.
#[derive(Debug)]
pub struct Output {
    /// Exit status; `None`: ended by a signal.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From start to end.
    pub took: Duration,
}

impl Output {
    /// Demands an exit status, and shows both streams where it differs.
    ///
    /// # Errors
    /// The status differs.
    pub fn expect_status(self, wanted: i32) -> Result<Self> {
        ensure!(
            self.status == Some(wanted),
            "exit status {:?} instead of {wanted}\n--- stdout\n{}\n--- stderr\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }

    /// Demands a text on either stream.
    ///
    /// # Errors
    /// Neither stream has it.
    pub fn expect_text(self, wanted: &str) -> Result<Self> {
        ensure!(
            self.stdout.contains(wanted) || self.stderr.contains(wanted),
            "`{wanted}` is missing\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        Ok(self)
    }
}

/// Runs to the end; killed after `limit`.
///
/// # Errors
/// The program cannot be started or takes too long.
pub fn run(command: &mut Command, limit: Duration) -> Result<Output> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait(&mut child, limit);
    let stdout = stdout.join().unwrap_or_default();
    let stderr = stderr.join().unwrap_or_default();
    let Some(status) = status? else {
        bail!(
            "{command:?} did not end within {limit:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        );
    };
    Ok(Output {
        status: status.code(),
        stdout,
        stderr,
        took: started.elapsed(),
    })
}

/// Runs to the end and calls `probe` when a line with `mark` comes out of standard output, while
/// the program still runs.
///
/// # Errors
/// The program cannot be started, ends without that line, or `probe` fails.
pub fn run_and_probe(
    command: &mut Command,
    mark: &str,
    probe: impl FnOnce() -> Result<()>,
) -> Result<Output> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let stderr = drain(child.stderr.take());
    let mut stdout = String::new();
    let mut lines = BufReader::new(child.stdout.take().context("no standard output")?);
    let mut probe = Some(probe);
    while lines.read_line(&mut stdout)? > 0 {
        let line = stdout.lines().next_back().unwrap_or_default();
        if line.contains(mark)
            && let Some(probe) = probe.take()
        {
            probe()?;
        }
    }
    let status = child.wait()?.code();
    let stderr = stderr.join().unwrap_or_default();
    ensure!(
        probe.is_none(),
        "`{mark}` was not printed\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
    );
    Ok(Output {
        status,
        stdout,
        stderr,
        took: started.elapsed(),
    })
}

fn drain<R: Read + Send + 'static>(stream: Option<R>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before an error is still worth showing.
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, limit: Duration) -> Result<Option<std::process::ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Repeats `probe` until it answers, at most for `limit`.
///
/// # Errors
/// The last error of `probe`.
pub fn eventually<T>(limit: Duration, mut probe: impl FnMut() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        match probe() {
            Ok(value) => return Ok(value),
            Err(error) if started.elapsed() > limit => {
                return Err(error.context(format!("not within {limit:?}")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
