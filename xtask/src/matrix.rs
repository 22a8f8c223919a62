//! `cargo xtask matrix`: a call between every two of the languages and a browser, over the real server.

use std::path::PathBuf;

use crate::project::{root, target_dir};
use crate::{Result, c_library, command, kotlin, python_package, swift, web};

/// A language, the tool that its program is built with, and how.
type Participant = (&'static str, &'static str, fn() -> Result<PathBuf>);

const PARTICIPANTS: [Participant; 5] = [
    ("c", "cmake", || c_library::build_peer("c")),
    ("cpp", "cmake", || c_library::build_peer("cpp")),
    ("swift", "swift", swift::build_peer),
    ("kotlin", "mvn", kotlin::build_peer),
    ("python", "python3", python_package::build_peer),
];

/// Builds every language's program and makes the calls; prints a table, or one JSON object. A language whose tool is
/// missing is left out with one line.
pub fn run(as_json: bool) -> Result {
    if as_json {
        command::run_aside();
    }
    let mut entries = Vec::new();
    for (name, tool, build) in PARTICIPANTS {
        if command::find(tool).is_some() {
            entries.push(format!("\"{name}\": \"{}\"", build()?.display()));
        } else {
            eprintln!("matrix without {name}: no {tool}");
        }
    }
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
