//! A clock that a test sets while a program runs, by `libfaketime`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The clock of the programs that are started with [`Self::environment`].
#[derive(Debug, Clone)]
pub struct FalseClock {
    file: PathBuf,
    library: PathBuf,
}

impl FalseClock {
    /// A clock that is right, kept in `file`.
    ///
    /// # Errors
    /// `libfaketime` is not installed.
    pub fn new(file: &Path) -> Result<Self> {
        let library = fs::read_dir("/usr/lib")?
            .filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")))
            .find(|path| path.exists())
            .context("`libfaketime` is missing: deploy/testbed/install.sh test")?;
        let clock = Self {
            file: file.to_owned(),
            library,
        };
        clock.set(0)?;
        Ok(clock)
    }

    /// Sets it to so many seconds beside the true time.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, seconds: i64) -> Result<()> {
        // In one step: a program never reads half a file.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds:+}s\n"))?;
        fs::rename(new, &self.file)?;
        Ok(())
    }

    /// Variables of a program that lives by this clock. Time since the start of the machine stays true, as it does when
    /// somebody sets a real clock.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let file = self.file.display().to_string();
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", file),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
