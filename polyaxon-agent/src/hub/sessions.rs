//! The present session, for everybody who needs one to speak.

use polyaxon_proto::agent::v1::Session;
use tokio::sync::watch;

/// Tells listeners about the session. Each has a channel of its own, so that they hear of it in the order in which
/// they subscribed.
#[derive(Debug, Default)]
pub struct Sessions(Vec<watch::Sender<Option<Session>>>);

impl Sessions {
    /// A new listener.
    pub fn subscribe(&mut self) -> watch::Receiver<Option<Session>> {
        let (sender, receiver) = watch::channel(None);
        self.0.push(sender);
        receiver
    }

    /// A session is open, or there is none any more.
    pub(super) fn set(&self, session: Option<&Session>) {
        for sender in &self.0 {
            sender.send_replace(session.cloned());
        }
    }
}
