//! A disk of a few megabytes that a test can fill: a tmpfs.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A mounted disk; unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one at a folder, which is made. Wants root, or `sudo` without a password.
    ///
    /// # Errors
    /// It cannot be mounted.
    pub fn mount(path: &Path, mebibytes: u32) -> Result<Self> {
        fs::create_dir_all(path)?;
        let size = format!("size={mebibytes}m,mode=0777");
        as_root(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs"], path)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }

    /// Takes all the room that is left.
    ///
    /// # Errors
    /// It fails for another reason than a full disk.
    pub fn fill(&self) -> Result<()> {
        let mut file = fs::File::create(self.filler())?;
        for size in [1 << 16, 1 << 12, 1] {
            let block = vec![b'x'; size];
            while file.write_all(&block).is_ok() {}
        }
        ensure!(
            fs::write(self.path.join("one-more"), [b'x'; 1 << 13]).is_err(),
            "the disk is not full"
        );
        fs::remove_file(self.path.join("one-more"))?;
        Ok(())
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("it was not filled")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = as_root(&["umount", "--lazy"], &self.path);
    }
}

fn as_root(command: &[&str], path: &Path) -> Result<()> {
    let mut words = command.to_vec();
    if !rustix::process::geteuid().is_root() {
        words.splice(0..0, ["sudo", "--non-interactive"]);
    }
    let (program, arguments) = words.split_first().context("no command")?;
    let done = Command::new(program).args(arguments).arg(path).output()?;
    ensure!(
        done.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}
