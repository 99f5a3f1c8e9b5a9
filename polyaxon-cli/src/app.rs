//! What every command works with: output, settings, the hub, an event loop.

use crate::client::{Hub, HubError};
use crate::config::Config;
use crate::error::{CommandError, Outcome};
use crate::ui::Ui;
use crate::view::name::Named;

/// What every command works with.
pub(crate) struct App {
    pub(crate) ui: Ui,
    pub(crate) config: Config,
}

impl App {
    /// The configured hub; the connection is made by the first call.
    pub(crate) fn hub(&self) -> Result<Hub, HubError> {
        Hub::of_config(&self.config)
    }

    /// Owner and project of a command; empty lets the hub choose.
    pub(crate) fn owner_and_project(&self, project: Option<Named>) -> (String, String) {
        match project {
            Some(Named { owner, name }) => (owner.unwrap_or_else(|| self.config.owner()), name),
            None => (self.config.owner(), self.config.project()),
        }
    }
}

/// Runs a command that talks to a hub.
pub(crate) fn connected(command: impl Future<Output = Outcome>) -> Outcome {
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::System(format!("cannot start the event loop: {error}")))?
        .block_on(command)
}
