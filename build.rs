//! Builds the C shim on libvpx when the feature `vp8` is on.

use std::env;

const SHIM: &str = "src/codec/vpx_shim.c";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SHIM}");
    if env::var_os("CARGO_FEATURE_VP8").is_some()
        && let Err(error) = build_vpx_shim()
    {
        println!("cargo::error=libvpx was not found: install libvpx-dev, or build without the feature vp8");
        println!("cargo::error={}", error.to_string().replace('\n', " "));
    }
}

fn build_vpx_shim() -> Result<(), pkg_config::Error> {
    let mut search = pkg_config::Config::new();
    search.atleast_version("1.8");
    let vpx = search.cargo_metadata(false).probe("vpx")?;
    cc::Build::new()
        .file(SHIM)
        .includes(vpx.include_paths)
        .warnings(true)
        .extra_warnings(true)
        .compile("parlor_vpx_shim");
    // The linker resolves from left to right: libvpx has to be named after the shim that uses it.
    search.cargo_metadata(true).probe("vpx")?;
    Ok(())
}
