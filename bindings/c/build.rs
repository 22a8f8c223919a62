//! Gives the shared library its soname, which loaders compare: it changes with the major version only.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name| std::env::var(name).expect("cargo sets it for build scripts");
    // Android's loader wants the unversioned name; other systems have no sonames.
    if variable("CARGO_CFG_TARGET_OS") == "linux" {
        let major = variable("CARGO_PKG_VERSION_MAJOR");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libparlor.so.{major}");
    }
}
