//! Errors in words for a person.
//!
//! The words are ours, not the libraries': theirs may contain the URL, and with it the credential, or an
//! address.

use std::io;

use rustls::CertificateError;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError, TlsError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Tells why a WebSocket did not open.
pub(super) fn describe_refusal(error: &Error) -> String {
    let words = match error {
        Error::Http(response) => {
            let status = response.status();
            return match status.is_success() || status.is_informational() {
                true => format!("the server is no WebSocket server (HTTP status {})", status.as_u16()),
                false => format!("the server refused the connection with HTTP status {}", status.as_u16()),
            };
        }
        Error::Io(error) => return describe_io(error),
        Error::Tls(TlsError::Rustls(error)) => describe_tls(error),
        Error::Tls(_) => "the TLS handshake failed",
        Error::Url(_) => "the URL cannot be used",
        Error::Protocol(ProtocolError::HandshakeIncomplete) => "the connection was lost",
        _ => "the server is no WebSocket server",
    };
    words.to_owned()
}

/// Tells why an open WebSocket broke.
pub(super) fn describe_loss(error: &Error) -> String {
    let words = match error {
        Error::Io(error) => return describe_io(error),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        | Error::ConnectionClosed
        | Error::AlreadyClosed => "the connection was lost",
        Error::Tls(_) => "the TLS connection broke",
        _ => "the server broke the WebSocket protocol",
    };
    words.to_owned()
}

/// Returns the code to tell the server before hanging up; none when it cannot hear any more.
pub(super) fn close_code(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(CloseCode::Size),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseCode::Protocol),
        _ => None,
    }
}

/// Tells what an error of the system or of TLS beneath means.
pub(super) fn describe_io(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(error) = inner {
        return describe_tls(error).to_owned();
    }
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "the server refused the connection",
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotConnected => "the connection was lost",
        io::ErrorKind::TimedOut => "the server did not answer in time",
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => "the network does not reach the server",
        io::ErrorKind::PermissionDenied => "the system does not permit the connection",
        _ => "the connection failed",
    };
    words.to_owned()
}

fn describe_tls(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => "the server's certificate is not from a trusted issuer",
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another host"
            }
            CertificateError::Revoked => "the server's certificate was revoked",
            _ => "the server's certificate is not valid",
        },
        _ => "the TLS handshake failed",
    }
}
