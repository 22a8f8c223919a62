//! A running server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::serve::ListenerExt as _;
use protocol::ice;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::auth::Doorkeeper;
use crate::config::{Config, ConfigError};
use crate::http;
use crate::limits::SHUTDOWN_WAIT;
use crate::switchboard::Switchboard;
use crate::ws::Reception;

/// Starts servers.
#[derive(Debug)]
pub struct Server;

/// Why a server does not start. The text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on, for instance because another program does.
    #[error("the server cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
}

/// A running server. It runs on the tokio runtime that it was started on.
///
/// Dropping it stops listening at once and leaves the open sockets to the runtime; [`ServerHandle::shutdown`]
/// says goodbye to the clients.
#[derive(Debug)]
pub struct ServerHandle {
    local_addr: SocketAddr,
    switchboard: Arc<Switchboard>,
    stop_listening: Option<oneshot::Sender<()>>,
    last_socket: mpsc::Receiver<()>,
    listening: JoinHandle<()>,
    timers: JoinHandle<()>,
}

impl Server {
    /// Starts a server: when this returns, clients can connect.
    ///
    /// # Errors
    /// When the address cannot be listened on or the configuration contradicts itself.
    pub async fn start(config: Config) -> Result<ServerHandle, StartError> {
        let Config { listen: address, web_dir, keys, ice_servers, max_connections, timing, hub } = config;
        if ice_servers.len() > ice::MAX_SERVERS {
            return Err(ConfigError(format!("there are more than {} ICE servers", ice::MAX_SERVERS)).into());
        }
        let doorkeeper = Doorkeeper::new(keys)?;
        let refused = |error| StartError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;

        let switchboard = Arc::new(Switchboard::new(hub, &ice_servers, max_connections));
        let timers = tokio::spawn({
            let switchboard = Arc::clone(&switchboard);
            async move { switchboard.run_timers().await }
        });
        let (alive, last_socket) = mpsc::channel(1);
        let reception =
            Arc::new(Reception { doorkeeper, switchboard: Arc::clone(&switchboard), timing, alive });
        let routes = http::routes(reception, web_dir.as_deref(), &origin(local_addr));
        let listener = listener.tap_io(|socket| {
            // Signalling is small frames that somebody waits for.
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY refused");
            }
        });
        let (stop_listening, stopped) = oneshot::channel();
        let listening = tokio::spawn(async move {
            // A dropped sender stops, too.
            let until = async { drop(stopped.await) };
            let outcome = axum::serve(listener, routes).with_graceful_shutdown(until).await;
            if let Err(error) = outcome {
                tracing::error!(%error, "the server stopped listening");
            }
        });
        let stop_listening = Some(stop_listening);
        Ok(ServerHandle { local_addr, switchboard, stop_listening, last_socket, listening, timers })
    }
}

impl ServerHandle {
    /// Returns the address that the server listens on, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns the origin for clients on this machine, such as `ws://127.0.0.1:7080`.
    pub fn url(&self) -> String {
        origin(self.local_addr)
    }

    /// Tells every client that the server goes away, closes the sockets with 1001 and waits for them, for at
    /// most 5 s.
    pub async fn shutdown(mut self) {
        self.stop_listening = None;
        self.switchboard.shut_down();
        let gone = async {
            // Ends when the routes and every socket have dropped their senders.
            let _ = (&mut self.listening).await;
            let _ = self.last_socket.recv().await;
        };
        if timeout(SHUTDOWN_WAIT, gone).await.is_err() {
            tracing::warn!("some clients did not close in time");
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.listening.abort();
        self.timers.abort();
    }
}

fn origin(address: SocketAddr) -> String {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("ws://{address}")
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
            assert_eq!(origin(address.parse().unwrap()), expected);
        }
    }
}
