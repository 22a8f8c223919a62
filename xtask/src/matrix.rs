//! `cargo xtask matrix`: a call between every two of the languages and a browser, over the real server.

use std::path::PathBuf;

use crate::project::{root, target_dir};
use crate::{Result, c_library, command, kotlin, python_package, swift, web};

/// Builds every language's program and makes the calls; prints a table, or one JSON object.
pub fn run(as_json: bool) -> Result {
    if as_json {
        command::run_aside();
    }
    let programs: [(&str, PathBuf); 5] = [
        ("c", c_library::build_peer("c")?),
        ("cpp", c_library::build_peer("cpp")?),
        ("swift", swift::build_peer()?),
        ("kotlin", kotlin::build_peer()?),
        ("python", python_package::build_peer()?),
    ];
    let entries = programs.map(|(name, path)| format!("\"{name}\": \"{}\"", path.display()));
    let folder = root().join("tests/conformance");
    web::install_node_modules(&folder)?;
    let mut node = command::new("node");
    node.arg("--experimental-websocket").arg(folder.join("matrix.mjs"));
    if as_json {
        node.arg("--json");
    }
    node.env("PARLOR_SERVER", target_dir().join("debug/parlor-server"));
    node.env("PARLOR_PARTICIPANTS", format!("{{{}}}", entries.join(", ")));
    if as_json {
        let outcome = node.output()?;
        print!("{}", String::from_utf8_lossy(&outcome.stdout));
        eprint!("{}", String::from_utf8_lossy(&outcome.stderr));
        return if outcome.status.success() { Ok(()) } else { Err("some calls failed".into()) };
    }
    command::run(&mut node)
}
