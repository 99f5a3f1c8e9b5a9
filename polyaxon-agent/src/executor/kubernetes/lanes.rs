//! The connections over which outputs are read. One connection for each output would take more memory than all else that
//! the agent knows of its run; over HTTP/2 many of them share one. A server that speaks HTTP/1.1 only is spoken to so.

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use kube::{Client, Config};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceBuilder;

/// Outputs of one connection; API servers and proxies before them bear a hundred.
const OUTPUTS: usize = 50;

/// Bytes of one output that may wait in the agent: a log that the hub does not take must not hold up the others.
const WAITING: u32 = 64 * 1024;

/// Bytes of all outputs of a connection that may wait: those of each, and of those that are read besides.
const ALL_WAITING: u32 = WAITING * 100;

/// How often a connection is tried that says nothing, and how long an answer may take.
const TRY: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(15);

/// Connections with places for outputs.
pub(super) struct Lanes(Vec<Lane>);

struct Lane {
    client: Client,
    places: Arc<Semaphore>,
}

/// A place on a connection, as long as it is kept.
pub(super) struct Place {
    pub(super) client: Client,
    _held: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    /// Places for so many outputs; a connection is opened when it is needed.
    pub(super) fn new(config: &Config, outputs: usize) -> Result<Self, String> {
        let lanes = outputs.div_ceil(OUTPUTS).max(1);
        let lanes = (0..lanes).map(|_| {
            let client = client(config)?;
            Ok::<_, String>(Lane {
                client,
                places: Arc::new(Semaphore::new(OUTPUTS)),
            })
        });
        Ok(Self(lanes.collect::<Result<_, _>>()?))
    }

    /// A place on the first connection that has one, so that there are as few as possible.
    pub(super) fn place(&self, otherwise: &Client) -> Place {
        let free = self.0.iter().find_map(|lane| {
            let held = Arc::clone(&lane.places).try_acquire_owned().ok()?;
            Some((lane.client.clone(), held))
        });
        match free {
            Some((client, held)) => Place {
                client,
                _held: Some(held),
            },
            None => Place {
                client: otherwise.clone(),
                _held: None,
            },
        }
    }
}

/// A client with a connection of its own, which speaks HTTP/2 where the server does.
fn client(config: &Config) -> Result<Client, String> {
    let said = |error: kube::Error| error.to_string();
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(config.connect_timeout);
    let mut builder = HttpsConnectorBuilder::new()
        .with_tls_config(config.rustls_client_config().map_err(said)?)
        .https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = name
            .clone()
            .try_into()
            .map_err(|_| format!("`{name}` is not a server's name"))?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = builder.enable_all_versions().wrap_connector(http);
    let connection = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_initial_stream_window_size(WAITING)
        .http2_initial_connection_window_size(ALL_WAITING)
        .http2_keep_alive_interval(TRY)
        .http2_keep_alive_timeout(ANSWER)
        .build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(said)?)
        .layer(config.extra_headers_layer().map_err(said)?)
        .map_err(tower::BoxError::from)
        .service(connection);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}
