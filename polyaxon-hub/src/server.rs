//! Start, one port, and the end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::serve::{Listener, ListenerExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::components::{Components, Official};
use crate::data_dir::DataDir;
use crate::http::metrics::Metrics;
use crate::hub::Hub;
use crate::logs::{Blobs, LogStore};
use crate::settings::Settings;
use crate::storage::Storage;
use crate::storage::sqlite::SqliteStorage;
use crate::tls::{self, TlsListener};
use crate::token_cache::TokenCache;
use crate::topics::Topics;
use crate::{admin_token, bootstrap, grpc, http, upkeep};

/// How long calls may go on after the signal to end.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// How often the last uses of tokens are written down.
const TOKEN_USES_INTERVAL: Duration = Duration::from_mins(1);

/// A hub that serves.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    hub: Arc<Hub>,
    storage: SqliteStorage,
    serving: JoinHandle<io::Result<()>>,
    housekeeping: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    _data: DataDir,
}

impl Server {
    /// Opens everything and starts to serve.
    ///
    /// # Errors
    /// When settings, folder, database or address cannot be used.
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        Self::start_at(settings, Arc::new(SystemClock::default())).await
    }

    /// As [`Server::start`] with a clock of the caller's choice.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_at(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        settings.check()?;
        let tls = settings
            .tls()
            .map(|(certificate, key)| tls::config(certificate, key))
            .transpose()?;
        let data = DataDir::open(&settings.data_dir)?;
        let key = data.key(rand::random())?;
        let given = settings
            .admin_token_file
            .as_deref()
            .map(admin_token::read)
            .transpose()?;
        let storage = SqliteStorage::open(&data.database()).await?;
        bootstrap::run(&data, &storage, given.as_ref(), clock.now()).await?;
        let shared: Arc<dyn Storage> = Arc::new(storage.clone());
        let official = Official::embedded().context("the components of this hub are not valid")?;
        let sealed = settings.log_store.clone().unwrap_or_else(|| data.logs());
        let logs = LogStore::open(&data.open_logs(), Blobs::open(&sealed)?, shared.clone())?;
        let hub = Arc::new(Hub {
            components: Components::new(shared.clone(), official),
            logs,
            events: Topics::default(),
            work: Topics::default(),
            orders: Topics::default(),
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
        let scheme = if tls.is_some() { "https" } else { "http" };
        let housekeeping = tokio::spawn(note_token_uses(hub.clone()));
        let upkeep = tokio::spawn(upkeep::run(hub.clone()));
        let draining = hub.draining.clone();
        let ending = async move {
            draining.cancelled().await;
            grpc::stop_serving(&health).await;
        };
        let serving = match tls {
            Some(config) => serve(TlsListener::new(listener, config)?, router, ending),
            None => serve(without_delay(listener), router, ending),
        };
        tracing::info!(%address, data_dir = %settings.data_dir.display(), "serving");
        Ok(Self {
            address,
            scheme,
            hub,
            storage,
            serving,
            housekeeping,
            upkeep,
            _data: data,
        })
    }

    /// Where it listens; with port 0 the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients want it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
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
        let _ = self.upkeep.await;
        self.storage.close().await;
        match served {
            Ok(ended) => Ok(ended??),
            Err(_) => Ok(()),
        }
    }
}

/// Serves until `ending`, then until the last call has been answered.
fn serve<L>(
    listener: L,
    router: Router,
    ending: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<io::Result<()>>
where
    L: Listener<Addr = SocketAddr>,
{
    tokio::spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(ending)
            .await
    })
}

/// Small answers must not wait for more bytes.
fn without_delay(listener: TcpListener) -> impl Listener<Io = TcpStream, Addr = SocketAddr> {
    listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
    })
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
