//! An admin's token that the operator gives.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use thiserror::Error;

/// Fewest characters. The database keeps a fast hash, so that a token must not be one that can be guessed.
pub const MIN_LENGTH: usize = 32;

/// Most characters; a longer file holds something else.
pub const MAX_LENGTH: usize = 1024;

/// Permissions of users who are neither the file's owner nor of its group.
const OTHERS: u32 = 0o007;

/// Why the file cannot be used; never with what is in it.
#[derive(Debug, Error)]
pub enum AdminTokenError {
    /// It cannot be read.
    #[error("the admin's token file `{path}` cannot be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Everybody on the machine may read or change it.
    #[error(
        "the admin's token file `{path}` is open to every user of the machine (mode {mode:03o}): `chmod o= {path}`; of a Secret's volume, `defaultMode: 0440`"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is nothing in it.
    #[error("the admin's token file `{path}` is empty: `openssl rand -hex 32` prints a good token")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It could be guessed, or cannot be sent.
    #[error(
        "the admin's token file `{path}` holds {length} characters, and a token is one line of {MIN_LENGTH} to {MAX_LENGTH} letters, digits and signs without blanks: `openssl rand -hex 32` prints a good one"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// How many characters it has.
        length: usize,
    },
}

/// Reads the token; blanks and line ends around it do not count.
///
/// # Errors
/// When the file cannot be read, others may read it, or it holds no token.
pub fn read(path: &Path) -> Result<SecretString, AdminTokenError> {
    let failed = |source| AdminTokenError::Io {
        path: path.to_owned(),
        source,
    };
    let mode = std::fs::metadata(path)
        .map_err(failed)?
        .permissions()
        .mode()
        & 0o777;
    if mode & OTHERS != 0 {
        return Err(AdminTokenError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    let text = std::fs::read(path).map_err(failed)?;
    let token = text.trim_ascii();
    if token.is_empty() {
        return Err(AdminTokenError::Empty {
            path: path.to_owned(),
        });
    }
    let fits = (MIN_LENGTH..=MAX_LENGTH).contains(&token.len());
    match std::str::from_utf8(token) {
        Ok(token) if fits && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(SecretString::from(token.to_owned()))
        }
        _ => Err(AdminTokenError::Form {
            path: path.to_owned(),
            length: token.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn file(text: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[rstest]
    #[case(0o600)]
    #[case(0o440)]
    fn a_token_is_one_line(#[case] mode: u32) {
        let file = file(b"  0123456789abcdef0123456789ABC_-.\r\n", mode);
        let token = read(file.path()).unwrap();
        assert_eq!(token.expose_secret(), "0123456789abcdef0123456789ABC_-.");
    }

    #[rstest]
    #[case(b"", 0o600, "is empty")]
    #[case(b" \n", 0o600, "is empty")]
    #[case(b"hunter2hunter2hunter2hunter2hun", 0o600, "holds 31 characters")]
    #[case(b"hunter2hunter2 hunter2hunter2hunter2", 0o600, "without blanks")]
    #[case(b"hunter2hunter2hunter2hunter2\xffhunter2", 0o600, "without blanks")]
    #[case(&[b'a'; 1025], 0o600, "holds 1025 characters")]
    #[case(b"hunter2hunter2hunter2hunter2hunter2", 0o644, "(mode 644)")]
    #[case(b"hunter2hunter2hunter2hunter2hunter2", 0o602, "(mode 602)")]
    fn what_is_no_token_is_refused(#[case] text: &[u8], #[case] mode: u32, #[case] words: &str) {
        let file = file(text, mode);
        let error = read(file.path()).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(words), "{said}");
        assert!(said.contains(&file.path().display().to_string()), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn an_absent_file_is_named() {
        let error = read(Path::new("/nowhere/admin.token")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`/nowhere/admin.token` cannot be read")
        );
    }
}
