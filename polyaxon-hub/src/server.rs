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
use crate::components::{Components, Official};
use crate::data_dir::DataDir;
use crate::grpc::auth::TokenCache;
use crate::http::metrics::Metrics;
use crate::hub::Hub;
use crate::settings::Settings;
use crate::storage::Storage;
use crate::storage::sqlite::SqliteStorage;
use crate::{bootstrap, grpc, http};

/// How long calls may go on after the signal to end.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// How often the last uses of tokens are written down.
const TOKEN_USES_INTERVAL: Duration = Duration::from_mins(1);

/// A hub that serves.
pub struct Server {
    address: SocketAddr,
    hub: Arc<Hub>,
    storage: SqliteStorage,
    serving: JoinHandle<std::io::Result<()>>,
    housekeeping: JoinHandle<()>,
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
        let shared: Arc<dyn Storage> = Arc::new(storage.clone());
        let official = Official::embedded().context("the components of this hub are not valid")?;
        let hub = Arc::new(Hub {
            components: Components::new(shared.clone(), official),
            storage: shared,
            clock,
            key,
            tokens: TokenCache::default(),
            metrics: Metrics::default(),
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
        let housekeeping = tokio::spawn(note_token_uses(hub.clone()));
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
                    grpc::stop_serving(&health).await;
                })
                .await
        });
        tracing::info!(%address, data_dir = %settings.data_dir.display(), "serving");
        Ok(Self {
            address,
            hub,
            storage,
            serving,
            housekeeping,
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
        let _ = self.housekeeping.await;
        self.storage.close().await;
        match served {
            Ok(ended) => Ok(ended??),
            Err(_) => Ok(()),
        }
    }
}

/// Writes down when tokens were last used, now and then and at the end.
async fn note_token_uses(hub: Arc<Hub>) {
    loop {
        let ending = tokio::select! {
            () = tokio::time::sleep(TOKEN_USES_INTERVAL) => false,
            () = hub.draining.cancelled() => true,
        };
        let uses = hub.tokens.take_uses();
        if !uses.is_empty()
            && let Err(error) = hub.storage.touch_tokens(uses).await
        {
            tracing::warn!(%error, "cannot note when tokens were last used");
        }
        if ending {
            return;
        }
    }
}
