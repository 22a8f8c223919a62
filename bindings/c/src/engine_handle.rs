//! Engines: threads and sockets that sessions share.

use engine::api::{Engine, EngineConfig, Error, Result, Status};

use crate::config::flag;
use crate::guard;
use crate::handle;
use crate::sized::{self, sized};
use crate::status::parlor_status;
use crate::strings::parlor_str;

/// The threads and sockets that sessions share. Sessions that are given none use the process's default engine.
pub struct parlor_engine(pub(crate) Engine);

/// Options of an engine. Zero a struct and set `struct_size`; zero is the default of everything.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_engine_config {
    /// `sizeof(parlor_engine_config)`.
    pub struct_size: usize,
    /// Local IP addresses to use for media, `bind_address_count` of them; none means every usable interface.
    pub bind_addresses: *const parlor_str,
    /// How many addresses.
    pub bind_address_count: usize,
    /// 1 when loopback addresses are offered to peers beside the others, else 0. Without any other interface they
    /// are used in any case.
    pub include_loopback: i32,
    /// Must be 0.
    pub reserved: i32,
}
sized!(parlor_engine_config);

/// Starts an engine.
///
/// - Ownership: `config` may be NULL for the defaults and is copied. The caller releases the engine with
///   `parlor_engine_release`.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` for an address that is none, `PARLOR_STATUS_CONNECTION_FAILED` when
///   no socket can be opened.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_engine_create(
    config: *const parlor_engine_config,
    out_engine: *mut *mut parlor_engine,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_engine, "out_engine")?;
        // SAFETY: as the caller promises.
        let engine = Engine::new(unsafe { read(config) }?)?;
        // SAFETY: checked above.
        unsafe { out_engine.write(handle::give(parlor_engine(engine))) };
        Ok(())
    })
}

/// Gives the engine back; NULL does nothing. It ends with the last session that runs on it.
///
/// - Ownership: the handle must not be used again.
/// - Threads: any, also event callbacks.
/// - Errors: none.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_engine_release(engine: *mut parlor_engine) {
    guard::value((), || {
        // SAFETY: as the caller promises.
        drop(unsafe { handle::take(engine) });
        Ok(())
    });
}

/// Reads a configuration.
///
/// # Safety
///
/// `config` is NULL or a struct as the header describes it.
unsafe fn read(config: *const parlor_engine_config) -> Result<EngineConfig> {
    if config.is_null() {
        return Ok(EngineConfig::default());
    }
    // SAFETY: as the caller promises, here and below.
    let config = unsafe { sized::read(config, "config") }?;
    if config.reserved != 0 {
        return Err(Error::new(Status::UnsupportedField, "config.reserved is not 0"));
    }
    // SAFETY: as above.
    let addresses =
        unsafe { handle::slice(config.bind_addresses, config.bind_address_count, "bind_addresses") }?;
    let bind_addresses = addresses
        .iter()
        .map(|address| {
            // SAFETY: as above.
            let text = unsafe { address.text("bind_addresses") }?;
            text.parse().map_err(|_| Error::new(Status::InvalidArgument, "a bind address is no IP address"))
        })
        .collect::<Result<_>>()?;
    Ok(EngineConfig { bind_addresses, include_loopback: flag(config.include_loopback, "include_loopback")? })
}
