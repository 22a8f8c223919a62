//! A running server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use protocol::ice;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep, timeout};

use crate::accept::{self, Entrance};
use crate::auth::{Keys, MasterKeyError, unix_now};
use crate::client_address::TrustedProxies;
use crate::config::{Config, ConfigError, Tls};
use crate::http;
use crate::metrics::{self, Metrics};
use crate::per_address::AddressLimits;
use crate::rest::Rest;
use crate::store::StoreError;
use crate::switchboard::Switchboard;
use crate::tls::{self, CertificateFiles, DevCertificate};
use crate::webhooks::Webhooks;
use crate::ws::Reception;

/// What the key of resume tokens is derived for.
const RESUME_KEY: &str = "parlor resume v1";

/// Starts servers.
#[derive(Debug)]
pub struct Server;

/// Why a server does not start. The text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database or the master key cannot be used, for instance because a newer version made it.
    #[error("{0}")]
    Keys(String),
    /// The address cannot be listened on, for instance because another program does.
    #[error("the server cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Keys(error.to_string())
    }
}

impl From<MasterKeyError> for StartError {
    fn from(error: MasterKeyError) -> Self {
        Self::Keys(error.to_string())
    }
}

/// A running server. It runs on the tokio runtime that it was started on.
///
/// Dropping it stops listening at once and leaves the open sockets to the runtime; [`ServerHandle::shutdown`]
/// says goodbye to the clients.
#[derive(Debug)]
pub struct ServerHandle {
    local_addr: SocketAddr,
    metrics_addr: Option<SocketAddr>,
    origin: String,
    dev_certificate: Option<DevCertificate>,
    switchboard: Arc<Switchboard>,
    is_ready: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    last_connection: mpsc::Receiver<()>,
    drain_delay: Duration,
    drain_timeout: Duration,
    tasks: Tasks,
    webhooks: Option<Webhooks>,
}

/// Tasks that end with the server.
#[derive(Debug, Default)]
struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    /// Starts a server: when this returns, clients can connect.
    ///
    /// # Errors
    /// When an address cannot be listened on, the certificate cannot be used, or the configuration contradicts
    /// itself.
    pub async fn start(config: Config) -> Result<ServerHandle, StartError> {
        if config.ice_servers.len() > ice::MAX_SERVERS {
            return Err(ConfigError(format!("there are more than {} ICE servers", ice::MAX_SERVERS)).into());
        }
        let timing = config.timing;
        let mut tasks = Tasks::default();
        let keys = Keys::open(&config.keys, config.database.as_ref(), &config.master_key).await?;
        let (identity, dev_certificate) = match config.tls {
            None => (None, None),
            Some(Tls::Files { certificate, key }) => {
                let mut files = CertificateFiles::new(certificate, key);
                let identity = files.load()?;
                tasks.spawn(files.keep_up(Arc::clone(&identity), timing.tls_poll));
                (Some(identity), None)
            }
            Some(Tls::SelfSigned { certificate }) => {
                let (identity, shown) = tls::make_self_signed(&certificate, config.listen.ip())?;
                (Some(identity), Some(shown))
            }
        };
        let (listener, local_addr) = listen(config.listen).await?;
        let scheme = if identity.is_some() { "wss" } else { "ws" };
        let origin = origin(scheme, local_addr);

        let metrics = Arc::new(Metrics::default());
        let mut metrics_addr = None;
        if let Some(address) = config.metrics_listen {
            let (listener, address) = listen(address).await?;
            metrics_addr = Some(address);
            let routes = metrics::routes(&metrics);
            tasks.spawn(async move {
                if let Err(error) = axum::serve(listener, routes).await {
                    tracing::error!(%error, "the metrics are not served any more");
                }
            });
        }

        let switchboard = Arc::new(Switchboard::new(
            config.hub,
            &config.ice_servers,
            config.max_connections,
            &keys.master_key.derive(RESUME_KEY),
            config.bus.clone(),
            Arc::clone(&metrics),
        ));
        if let Some(bus) = &config.bus {
            let (switchboard, heard) = (Arc::clone(&switchboard), bus.listen());
            tasks.spawn(async move { switchboard.listen(heard).await });
        }
        tasks.spawn({
            let switchboard = Arc::clone(&switchboard);
            async move { switchboard.run_timers().await }
        });
        let webhooks = match (config.webhook_url, &keys.store) {
            (None, _) => None,
            (Some(_), None) => return Err(ConfigError("webhook_url needs a database".to_owned()).into()),
            (Some(endpoint), Some((store, _))) => Some(Webhooks::start(
                endpoint,
                timing.webhook_retry,
                store.clone(),
                &keys.master_key,
                switchboard.record(),
                Arc::clone(&metrics),
            )?),
        };
        let (alive, last_connection) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let entrance = Arc::new(Entrance {
            tls: identity.map(|identity| identity.acceptor()),
            proxies: TrustedProxies::new(config.trusted_proxies),
            limits: AddressLimits::new(config.per_address),
            handshake_timeout: timing.handshake,
            metrics: Arc::clone(&metrics),
            alive,
            stopped,
        });
        let is_ready = Arc::new(AtomicBool::new(true));
        if let Some(following) = keys.follow(&switchboard) {
            tasks.spawn(following);
        }
        let rest = Rest {
            doorkeeper: Arc::clone(&keys.doorkeeper),
            switchboard: Arc::clone(&switchboard),
            started_at: unix_now(),
            max_connections: config.max_connections,
        };
        let reception = Arc::new(Reception {
            doorkeeper: keys.doorkeeper,
            switchboard: Arc::clone(&switchboard),
            timing,
            metrics,
        });
        let page = http::page(config.web_dir.as_deref(), &origin);
        let routes = http::routes(reception, rest, &entrance, Arc::clone(&is_ready), page);
        tasks.spawn(accept::run(entrance, listener, routes));
        Ok(ServerHandle {
            local_addr,
            metrics_addr,
            origin,
            dev_certificate,
            switchboard,
            is_ready,
            stop,
            last_connection,
            drain_delay: timing.drain_delay,
            drain_timeout: timing.drain_timeout,
            tasks,
            webhooks,
        })
    }
}

impl ServerHandle {
    /// Returns the address that the server listens on, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns the address that the metrics are served on.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// Returns the origin for clients on this machine, such as `ws://127.0.0.1:7080`.
    pub fn url(&self) -> String {
        self.origin.clone()
    }

    /// Returns the self-signed certificate, if the server has one.
    pub fn dev_certificate(&self) -> Option<&DevCertificate> {
        self.dev_certificate.as_ref()
    }

    /// Stops in good order: `/readyz` says 503 for the drain's delay; then every client is told that the server
    /// goes away, the sockets are closed with 1001 and waited for, for at most the drain's timeout.
    pub async fn shutdown(self) {
        let Self { switchboard, is_ready, stop, mut last_connection, tasks, webhooks, .. } = self;
        let (drain_delay, drain_timeout) = (self.drain_delay, self.drain_timeout);
        is_ready.store(false, Ordering::Relaxed);
        sleep(drain_delay).await;
        stop.send_replace(true);
        switchboard.shut_down();
        // Each connection holds a sender of this channel. The accept loop ends by itself and drops its own.
        if timeout(drain_timeout, last_connection.recv()).await.is_err() {
            tracing::warn!("some clients did not close in time");
        }
        drop(tasks);
        if let Some(webhooks) = webhooks {
            webhooks.finish().await;
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |error| StartError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let local_addr = listener.local_addr().map_err(refused)?;
    Ok((listener, local_addr))
}

fn origin(scheme: &str, mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("{scheme}://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_one_that_clients_accept() {
        for (address, expected) in [
            ("127.0.0.1:7080", "ws://127.0.0.1:7080"),
            ("0.0.0.0:80", "ws://127.0.0.1:80"),
            ("[::]:7080", "ws://[::1]:7080"),
        ] {
            assert_eq!(origin("ws", address.parse().unwrap()), expected);
        }
    }
}
