//! A gate before the engine's socket that can be closed, as when the engine is restarted.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

/// Connections through the gate; `None` while it is closed.
type Open = Arc<Mutex<Option<Vec<UnixStream>>>>;

/// A running gate; it lives as long as the process.
#[derive(Debug, Clone)]
pub struct SocketGate {
    path: PathBuf,
    open: Open,
}

impl SocketGate {
    /// Listens at `path` for connections to `target`.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn start(path: &Path, target: &Path) -> Result<Self> {
        let listener = UnixListener::bind(path)?;
        let gate = Self {
            path: path.to_owned(),
            open: Arc::new(Mutex::new(Some(Vec::new()))),
        };
        let open = Arc::clone(&gate.open);
        let target = target.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A connection that breaks off is what this gate is for.
                let _ = pass(&client, &target, &open);
            }
        });
        Ok(gate)
    }

    /// Socket of the gate.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends every connection and answers no new one.
    pub fn close(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.take().unwrap_or_default() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }
}

fn pass(client: &UnixStream, target: &Path, open: &Open) -> std::io::Result<()> {
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(streams) = open.as_mut() else {
        return client.shutdown(std::net::Shutdown::Both);
    };
    let engine = UnixStream::connect(target)?;
    streams.push(client.try_clone()?);
    streams.push(engine.try_clone()?);
    copy(client.try_clone()?, engine.try_clone()?);
    copy(engine, client.try_clone()?);
    Ok(())
}

fn copy(mut from: UnixStream, mut to: UnixStream) {
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        to.shutdown(std::net::Shutdown::Write)
    });
}
