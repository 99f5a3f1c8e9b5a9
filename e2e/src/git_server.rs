//! A git server over one repository.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::command::{eventually, run};

/// Serves until dropped.
#[derive(Debug)]
pub struct GitServer {
    daemon: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl GitServer {
    /// Serves one repository, `NAME.git`, with one commit of these files, on loopback.
    ///
    /// # Errors
    /// `git` is missing or fails.
    pub fn start(name: &str, files: &[(&str, &str)]) -> Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), name, files)
    }

    /// As [`Self::start`], on another address of this machine.
    ///
    /// # Errors
    /// `git` is missing or fails; the machine does not have the address.
    pub fn start_on(address: IpAddr, name: &str, files: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let work = folder.path().join("work");
        std::fs::create_dir(&work)?;
        for (path, text) in files {
            std::fs::write(work.join(path), text)?;
        }
        Self::serve(address, name, folder)
    }

    /// As [`Self::start`], with a copy of a folder.
    ///
    /// # Errors
    /// The folder cannot be copied; `git` is missing or fails.
    pub fn start_with_folder(name: &str, source: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let work = folder.path().join("work");
        run(
            Command::new("cp").arg("--archive").arg(source).arg(&work),
            Duration::from_secs(30),
        )?
        .expect_status(0)?;
        Self::serve(Ipv4Addr::LOCALHOST.into(), name, folder)
    }

    /// Serves what is in `work` of the folder.
    fn serve(address: IpAddr, name: &str, folder: tempfile::TempDir) -> Result<Self> {
        let work = folder.path().join("work");
        git(&work, &["init", "--quiet", "--initial-branch=main"])?;
        git(&work, &["add", "."])?;
        git(&work, &["commit", "--quiet", "--message=first"])?;
        let bare = folder.path().join(format!("{name}.git"));
        git(
            folder.path(),
            &[
                "clone",
                "--quiet",
                "--bare",
                "work",
                &bare.to_string_lossy(),
            ],
        )?;
        let address = TcpListener::bind((address, 0))?.local_addr()?;
        let daemon = Command::new("git")
            .args(["daemon", "--export-all", "--reuseaddr"])
            .arg(format!("--listen={}", address.ip()))
            .arg(format!("--port={}", address.port()))
            .arg(format!("--base-path={}", folder.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let server = Self {
            daemon,
            address,
            _folder: folder,
        };
        eventually(Duration::from_secs(10), || {
            Ok(std::net::TcpStream::connect(address)?)
        })?;
        Ok(server)
    }

    /// `git://ADDRESS:PORT/NAME.git`
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("git://{}/{name}.git", self.address)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        // `git daemon` is the parent of the process that listens; both are one group.
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", self.daemon.id())])
            .status();
        let _ = self.daemon.wait();
    }
}

fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = run(
        Command::new("git")
            .current_dir(folder)
            .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
            .args(arguments),
        Duration::from_secs(30),
    )?;
    ensure!(
        output.status == Some(0),
        "git {arguments:?} failed: {}",
        output.stderr
    );
    Ok(())
}
