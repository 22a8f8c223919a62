//! From a URL to an open WebSocket.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, client_async_tls_with_config};

use super::connection::Socket;
use super::tls::TlsRoots;
use super::{MAX_INBOUND_BYTES, failure};

/// The wait before the next address of a host is tried beside the ones under way (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How many addresses of a host are tried.
const MAX_ADDRESSES: usize = 8;

/// Opens a WebSocket, noting its local address as soon as there is one.
///
/// # Errors
/// A sentence that contains neither the URL nor an address.
pub(super) async fn connect(
    url: String,
    roots: &TlsRoots,
    local: &OnceLock<IpAddr>,
) -> Result<Socket, String> {
    let unusable = || "the URL cannot be used".to_owned();
    let request = url.into_client_request().map_err(|_| unusable())?;
    let uri = request.uri();
    let secure = match uri.scheme_str() {
        Some("wss") => true,
        Some("ws") => false,
        _ => return Err(unusable()),
    };
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(unusable)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let connector = if secure { Connector::Rustls(roots.client_config().await?) } else { Connector::Plain };
    let stream = dial(host, port).await?;
    if let Ok(address) = stream.local_addr() {
        local.get_or_init(|| address.ip());
    }
    // Signalling is small messages that somebody waits for. Failing to say so only costs time.
    let _ = stream.set_nodelay(true);
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_INBOUND_BYTES))
        .max_frame_size(Some(MAX_INBOUND_BYTES));
    match client_async_tls_with_config(request, stream, Some(limits), Some(connector)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(failure::describe_refusal(&error)),
    }
}

/// Connects to the first address that answers, trying them in turn and overlapping.
async fn dial(host: &str, port: u16) -> Result<TcpStream, String> {
    let unknown = || "the server's host name could not be resolved".to_owned();
    let mut waiting = interleave(lookup_host((host, port)).await.map_err(|_| unknown())?);
    let mut attempts = JoinSet::new();
    let mut last_error: Option<io::Error> = None;
    loop {
        if let Some(address) = waiting.pop_front() {
            attempts.spawn(TcpStream::connect(address));
        }
        let next_attempt = async {
            match waiting.is_empty() {
                true => pending().await,
                false => sleep(ATTEMPT_DELAY).await,
            }
        };
        tokio::select! {
            ended = attempts.join_next() => match ended {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(error))) => last_error = Some(error),
                // A task of ours that panicked counts as an address that did not answer.
                Some(Err(_)) => {}
                None => return Err(last_error.as_ref().map_or_else(unknown, failure::describe_io)),
            },
            () = next_attempt => {}
        }
    }
}

/// Alternates between the address families, beginning with the system's first choice (RFC 8305 section 4).
fn interleave(addresses: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let mut rest: Vec<_> = addresses.collect();
    let mut ordered = VecDeque::new();
    while !rest.is_empty() && ordered.len() < MAX_ADDRESSES {
        let last: Option<&SocketAddr> = ordered.back();
        let other = rest.iter().position(|next| last.is_some_and(|last| last.is_ipv4() != next.is_ipv4()));
        ordered.push_back(rest.remove(other.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(addresses: &[&str]) -> Vec<String> {
        let parsed = addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 1));
        interleave(parsed).iter().map(|address| address.ip().to_string()).collect()
    }

    #[test]
    fn address_families_take_turns_and_the_number_is_bounded() {
        assert_eq!(order(&["::1", "::2", "::3", "1.0.0.1"]), ["::1", "1.0.0.1", "::2", "::3"]);
        assert_eq!(order(&["1.0.0.1", "1.0.0.2", "::1", "::2"]), ["1.0.0.1", "::1", "1.0.0.2", "::2"]);
        assert_eq!(order(&["1.0.0.1"; 20]).len(), MAX_ADDRESSES);
        assert!(order(&[]).is_empty());
    }
}
