//! UniFFI's generator, as a program of this workspace so that nobody installs one.

fn main() {
    uniffi::uniffi_bindgen_main();
}
