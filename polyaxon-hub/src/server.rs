//! Start, one port, and the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::data_dir::DataDir;
use crate::grpc::auth::TokenCache;
use crate::hub::Hub;
use crate::settings::Settings;
use crate::storage::sqlite::SqliteStorage;
use crate::{bootstrap, grpc, http};

/// How long calls may go on after the signal to end.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// A hub that serves.
pub struct Server {
    address: SocketAddr,
    hub: Arc<Hub>,
    storage: SqliteStorage,
    serving: JoinHandle<std::io::Result<()>>,
    _data: DataDir,
}

impl Server {
    /// Opens everything and starts to serve.
    ///
    /// # Errors
    /// When settings, folder, database or address cannot be used.
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        Self::start_at(settings, Arc::new(SystemClock)).await
    }

    /// As [`Server::start`] with a clock of the caller's choice.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_at(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        settings.check()?;
        let data = DataDir::open(&settings.data_dir)?;
        let key = data.key(rand::random())?;
        let storage = SqliteStorage::open(&data.database()).await?;
        bootstrap::run(&data, &storage, clock.now()).await?;
        let hub = Arc::new(Hub {
            storage: Arc::new(storage.clone()),
            clock,
            key,
            tokens: TokenCache::default(),
            draining: CancellationToken::new(),
        });
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on `{}`", settings.listen))?;
        let address = listener.local_addr()?;
        let (services, health) = grpc::router(hub.clone()).await?;
        let router = services
            .merge(http::router(hub.clone()))
            .fallback(http::fallback);
        let draining = hub.draining.clone();
        let listener = listener.tap_io(|connection| {
            // Small answers must not wait for more bytes.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
        });
        let serving = tokio::spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(async move {
                    draining.cancelled().await;
                    drop(health);
                })
                .await
        });
        tracing::info!(%address, data_dir = %settings.data_dir.display(), "serving");
        Ok(Self {
            address,
            hub,
            storage,
            serving,
            _data: data,
        })
    }

    /// Where it listens; with port 0 the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends long calls, waits for the rest for a while, and closes the database.
    ///
    /// # Errors
    /// When the listener failed.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        self.hub.draining.cancel();
        let mut serving = self.serving;
        let served = tokio::time::timeout(DRAIN_TIME, &mut serving).await;
        if served.is_err() {
            tracing::warn!("some calls did not end in time");
            serving.abort();
        }
        self.storage.close().await;
        match served {
            Ok(ended) => Ok(ended??),
            Err(_) => Ok(()),
        }
    }
}
