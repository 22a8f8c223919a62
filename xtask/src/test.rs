//! `cargo xtask test`: every test that this machine can run, and a line for those that it cannot.

use crate::setup::For;
use crate::{Result, c_library, demo, setup, web, workspace};

/// Tests the workspace, the C library as a user's program sees it, two C++ programs in a
/// call, and the web page in a browser.
pub fn run() -> Result {
    setup::run(For::Building)?;
    workspace::test()?;
    c_library::test()?;
    demo::check()?;
    web::test()
}
