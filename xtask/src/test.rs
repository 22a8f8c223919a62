//! `cargo xtask test`: every test that this machine can run, and a line for those that it cannot.

use crate::setup::For;
use crate::{Result, c_library, demo, kotlin, python_package, setup, swift, web, workspace};

/// Tests the workspace, the C library as a user's program sees it, two C++ programs in a call, the packages of the other
/// languages, and the web page in a browser.
pub fn run() -> Result {
    setup::run(For::Building)?;
    workspace::test()?;
    c_library::test()?;
    demo::check()?;
    swift::test()?;
    kotlin::test()?;
    python_package::test()?;
    web::test()
}

/// Tests the binding of one language.
pub fn only(language: &str) -> Result {
    setup::run(For::Building)?;
    match language {
        "cpp" => c_library::test(),
        "swift" => swift::test(),
        "kotlin" => kotlin::test(),
        "python" => python_package::test(),
        _ => Err(format!("the languages are cpp, swift, kotlin and python, not `{language}`").into()),
    }
}
