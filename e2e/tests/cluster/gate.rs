//! A gate at which builds wait until a test has looked at them, however slow the machine is.

use std::net::{TcpListener, TcpStream};

use anyhow::{Result, ensure};
use polyaxon_e2e::cluster::ClusterServices;
use polyaxon_e2e::command::eventually;

use crate::END;

/// A server at which builds wait.
pub(crate) struct Gate(TcpListener);

impl Gate {
    pub(crate) fn start(cluster: &ClusterServices) -> Result<Self> {
        let listener = TcpListener::bind((cluster.address_for_pods()?, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// A command that ends when the gate is opened.
    pub(crate) fn wait(&self) -> Result<String> {
        let address = self.0.local_addr()?;
        Ok(format!("nc {} {} </dev/null", address.ip(), address.port()))
    }

    /// Waits until so many are here; they go on when what this answers is dropped.
    pub(crate) fn gather(&self, count: usize) -> Result<Vec<TcpStream>> {
        let mut here = Vec::new();
        eventually(END, || {
            while let Ok((build, _)) = self.0.accept() {
                here.push(build);
            }
            ensure!(here.len() == count, "{} of {count} builds", here.len());
            Ok(())
        })?;
        Ok(here)
    }

    /// Lets so many go on, as soon as they are here.
    pub(crate) fn open(&self, count: usize) -> Result<()> {
        self.gather(count).map(drop)
    }
}
