//! What an app may choose for a session.

use engine::api::{self, Error, Result, Status};

use crate::engine_handle::parlor_engine;
use crate::format::video_codec;
use crate::handle;
use crate::sized::{self, sized};
use crate::strings::parlor_str;

/// How a session proves to the server who it is; values of `parlor_session_config.credential_kind`.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_credential {
    /// `credential` is a publishable key, such as `pk_live_...`.
    ApiKey = 1,
    /// `credential` is a token that the app's backend made.
    Token = 2,
    /// Each connection raises `PARLOR_EVENT_TOKEN_NEEDED`, answered by `parlor_session_provide_token`.
    TokenOnDemand = 3,
}

/// A STUN or TURN server.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_ice_server {
    /// `sizeof(parlor_ice_server)`, the same in all elements of an array.
    pub struct_size: usize,
    /// URLs such as `stun:stun.example.org:3478`, `url_count` of them.
    pub urls: *const parlor_str,
    /// How many URLs.
    pub url_count: usize,
    /// The TURN user name; empty for none.
    pub username: parlor_str,
    /// The TURN password; empty for none.
    pub credential: parlor_str,
}
sized!(parlor_ice_server);

/// Options of a session. Zero a struct, set `struct_size`, `url` and the credential; zero is the default of
/// everything else.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_session_config {
    /// `sizeof(parlor_session_config)`.
    pub struct_size: usize,
    /// The server's origin, such as `wss://call.example.org`; `ws://` only for this machine.
    pub url: parlor_str,
    /// A `PARLOR_CREDENTIAL_...` value: what `credential` is.
    pub credential_kind: i32,
    /// 1 when channel messages shall carry their sender's metadata, else 0.
    pub include_sender_metadata: i32,
    /// The key or the token.
    pub credential: parlor_str,
    /// ICE servers beside those that the server names, `ice_server_count` of them.
    pub ice_servers: *const parlor_ice_server,
    /// How many ICE servers.
    pub ice_server_count: usize,
    /// Video codecs to offer, best first, as `PARLOR_CODEC_...` values; none means VP8 then H.264.
    pub video_codecs: *const i32,
    /// How many video codecs.
    pub video_codec_count: usize,
    /// PEM certificates that are trusted beside the platform's; empty for none.
    pub extra_roots_pem: parlor_str,
    /// The engine to run on; NULL means the process's default engine. The session keeps a reference of its own.
    pub engine: *const parlor_engine,
}
sized!(parlor_session_config);

/// Reads a configuration.
///
/// # Safety
///
/// `config` is NULL or a struct as the header describes it.
pub(crate) unsafe fn read(config: *const parlor_session_config) -> Result<api::SessionConfig> {
    // SAFETY: as the caller promises, here and below for what the struct points to.
    let config = unsafe { sized::read(config, "config") }?;
    // SAFETY: as above.
    let (url, secret) = unsafe { (config.url.text("url")?, config.credential.text("credential")?) };
    let mut out = api::SessionConfig::new(url, credential(config.credential_kind, secret)?);
    out.include_sender_metadata = flag(config.include_sender_metadata, "include_sender_metadata")?;
    // SAFETY: as above.
    let servers = unsafe { sized::read_array(config.ice_servers, config.ice_server_count, "ice_servers") }?;
    // SAFETY: as above.
    out.ice_servers = servers.iter().map(|server| unsafe { ice_server(server) }).collect::<Result<_>>()?;
    // SAFETY: as above.
    let codecs = unsafe { handle::slice(config.video_codecs, config.video_codec_count, "video_codecs") }?;
    out.video_codecs = codecs.iter().map(|codec| video_codec(*codec)).collect::<Result<_>>()?;
    // SAFETY: as above.
    out.extra_roots_pem =
        unsafe { config.extra_roots_pem.optional_text("extra_roots_pem") }?.map(str::to_owned);
    if !config.engine.is_null() {
        // SAFETY: as above.
        out.engine = Some(unsafe { handle::share(config.engine, "engine") }?.0.clone());
    }
    Ok(out)
}

fn credential(kind: i32, secret: &str) -> Result<api::Credential> {
    const API_KEY: i32 = parlor_credential::ApiKey as i32;
    const TOKEN: i32 = parlor_credential::Token as i32;
    const TOKEN_ON_DEMAND: i32 = parlor_credential::TokenOnDemand as i32;
    match kind {
        API_KEY | TOKEN if secret.is_empty() => {
            Err(Error::new(Status::InvalidArgument, "credential is empty"))
        }
        API_KEY => Ok(api::Credential::ApiKey(api::Secret::new(secret))),
        TOKEN => Ok(api::Credential::Token(api::Secret::new(secret))),
        TOKEN_ON_DEMAND if !secret.is_empty() => Err(Error::new(
            Status::InvalidArgument,
            "a credential is given where tokens are asked for on demand",
        )),
        TOKEN_ON_DEMAND => Ok(api::Credential::TokenOnDemand),
        _ => Err(Error::new(Status::InvalidArgument, "credential_kind is none of PARLOR_CREDENTIAL_...")),
    }
}

/// Reads one ICE server.
///
/// # Safety
///
/// What the struct points to is readable.
unsafe fn ice_server(server: &parlor_ice_server) -> Result<api::IceServer> {
    // SAFETY: as the caller promises, here and below.
    let urls = unsafe { handle::slice(server.urls, server.url_count, "urls") }?;
    // SAFETY: as above.
    let urls = urls.iter().map(|url| Ok(unsafe { url.text("url") }?.to_owned())).collect::<Result<_>>()?;
    // SAFETY: as above.
    let (username, credential) = unsafe {
        (server.username.optional_text("username")?, server.credential.optional_text("credential")?)
    };
    Ok(api::IceServer {
        urls,
        username: username.map(str::to_owned),
        credential: credential.map(api::Secret::new),
    })
}

/// Reads a truth value.
pub(crate) fn flag(value: i32, name: &str) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::new(Status::InvalidArgument, format!("{name} is neither 0 nor 1"))),
    }
}
