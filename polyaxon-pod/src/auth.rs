//! The step `auth`: puts the token of the run where the containers of the pod look for it.

use std::os::unix::fs::PermissionsExt;

use thiserror::Error;

use crate::cli::AuthArgs;
use crate::environment::Environment;
use crate::files::{self, FilesError};
use crate::ui;

const TOKEN_VARIABLE: &str = "POLYAXON_AUTH_TOKEN";
/// Main may run as any user of the pod, so all of them may read it: the volume is the border.
const TOKEN_MODE: u32 = 0o644;

/// Why there is no token.
#[derive(Debug, Error)]
pub(crate) enum AuthError {
    #[error(
        "`{TOKEN_VARIABLE}` is not set: the agent gives it to this container; set `plugins.auth: false` for a run without a token"
    )]
    NoToken,
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("could not set the mode of the token's file: {0}; check the volume of the pod")]
    Mode(#[source] std::io::Error),
}

pub(crate) fn run(arguments: &AuthArgs, environment: &Environment) -> Result<(), AuthError> {
    let token = environment.get(TOKEN_VARIABLE).ok_or(AuthError::NoToken)?;
    let content = serde_json::json!({ "username": null, "token": token }).to_string();
    let path = files::write(&arguments.configs_path, ".auth", content.as_bytes())?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(TOKEN_MODE))
        .map_err(AuthError::Mode)?;
    ui::note(&format!("token of the run written to `{}`", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_token_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = AuthArgs {
            configs_path: folder.path().join("configs"),
        };
        let environment = Environment::new(&[(TOKEN_VARIABLE, "t0ken")], Path::new("/a"));
        run(&arguments, &environment).unwrap();
        let written = std::fs::read_to_string(folder.path().join("configs/.auth")).unwrap();
        assert_eq!(written, r#"{"username":null,"token":"t0ken"}"#);
    }

    #[test]
    fn a_missing_token_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = AuthArgs {
            configs_path: folder.path().to_owned(),
        };
        let environment = Environment::new(&[(TOKEN_VARIABLE, "")], Path::new("/a"));
        let error = run(&arguments, &environment).unwrap_err();
        assert!(matches!(error, AuthError::NoToken));
    }
}
