//! The rules themselves, as tables: which crate and which room of the engine may use what.

/// The workspace's own crates, by the name they have in `use` paths, with their packages.
pub const CRATES: &[(&str, &str)] = &[
    ("units", "parlor-units"),
    ("protocol", "parlor-protocol"),
    ("session", "parlor-session"),
    ("transport", "parlor-transport"),
    ("media", "parlor-media"),
    ("hub", "parlor-hub"),
    ("token", "parlor-token"),
    ("turn", "parlor-turn"),
    ("testkit", "parlor-testkit"),
    ("parlor", "parlor"),
    ("engine", "parlor"),
    ("parlor_server", "parlor-server"),
    ("parlor_c", "parlor-c"),
    ("parlor_uniffi", "parlor-uniffi"),
];

/// What each package may depend on among the workspace's own. Dev-dependencies are free.
pub const MANIFESTS: &[(&str, &[&str])] = &[
    ("parlor-units", &[]),
    ("parlor-protocol", &["parlor-units"]),
    ("parlor-session", &["parlor-units", "parlor-protocol"]),
    ("parlor-transport", &["parlor-units"]),
    ("parlor-media", &["parlor-units"]),
    ("parlor-hub", &["parlor-units", "parlor-protocol"]),
    ("parlor-token", &["parlor-units", "parlor-protocol", "parlor-hub"]),
    ("parlor-turn", &["parlor-units"]),
    (
        "parlor-testkit",
        &[
            "parlor-units",
            "parlor-protocol",
            "parlor-session",
            "parlor-transport",
            "parlor-media",
            "parlor-hub",
            "parlor-turn",
        ],
    ),
    // The engine never links the server, nor the server a codec.
    ("parlor", &["parlor-units", "parlor-protocol", "parlor-session", "parlor-transport", "parlor-media"]),
    ("parlor-server", &["parlor-units", "parlor-protocol", "parlor-hub", "parlor-token", "parlor-turn"]),
    // The command's benches and checks also look at a link and at pictures alone.
    ("parlor-cli", &["parlor", "parlor-server", "parlor-units", "parlor-transport", "parlor-media"]),
    ("parlor-c", &["parlor"]),
    ("parlor-uniffi", &["parlor"]),
    ("parlor-bindgen", &[]),
    ("parlor-conformance-engine", &["parlor"]),
    ("parlor-fuzz", &["parlor-units", "parlor-protocol", "parlor-hub", "parlor-token"]),
    ("xtask", &[]),
];

/// One room of the engine: a folder (or file) of `src/`.
pub struct Room {
    /// The folder's name.
    pub name: &'static str,
    /// The other rooms that it may name.
    pub rooms: &'static [&'static str],
    /// The workspace's crates that it may name.
    pub crates: &'static [&'static str],
}

/// The rooms of `src/`. What is declared in `src/lib.rs` itself is free: it only joins them.
pub const ROOMS: &[Room] = &[
    Room { name: "net", rooms: &[], crates: &["units", "transport"] },
    Room { name: "codec", rooms: &[], crates: &["units", "media"] },
    Room { name: "device", rooms: &["codec"], crates: &["units", "media"] },
    Room { name: "signal", rooms: &[], crates: &["units", "protocol"] },
    Room {
        name: "shell",
        rooms: &["net", "codec", "device", "signal"],
        crates: &["units", "protocol", "session", "transport", "media"],
    },
    // Frames are part of the surface; what is done with them is not.
    Room { name: "api", rooms: &["shell"], crates: &["units", "media"] },
];

/// A crate from outside that only some folders may name.
pub struct Confined {
    /// The crate's name in `use` paths.
    pub krate: &'static str,
    /// The folders that may.
    pub folders: &'static [&'static str],
}

/// Third-party crates that are kept behind one door each.
pub const CONFINED: &[Confined] = &[
    Confined { krate: "rtc", folders: &["crates/transport"] },
    Confined { krate: "rtc_stun", folders: &["src/net", "crates/turn"] },
    Confined { krate: "rtc_turn", folders: &["src/net"] },
    Confined { krate: "rtc_mdns", folders: &["src/net"] },
    Confined { krate: "rtc_media", folders: &["src/device"] },
    Confined { krate: "jsonwebtoken", folders: &["crates/token"] },
    Confined { krate: "tokio", folders: &["src/shell", "src/signal", "src/net", "server", "cli"] },
    Confined { krate: "tokio_tungstenite", folders: &["src/signal", "server"] },
];

/// What nothing in `crates/` may name outside its tests: there time, chance and the world are handed in.
pub const IMPURE: &[(&[&str], &str)] = &[
    (&["Instant", "now"], "reads the clock"),
    (&["SystemTime"], "reads the clock"),
    (&["std", "thread"], "starts or waits for threads"),
    (&["rand"], "draws from a source that was not handed in"),
    (&["getrandom"], "draws from a source that was not handed in"),
    (&["std", "net", "UdpSocket"], "opens sockets"),
    (&["std", "net", "TcpStream"], "opens sockets"),
    (&["std", "net", "TcpListener"], "opens sockets"),
    (&["std", "fs"], "touches files"),
];

/// The only folders where `unsafe` may be written, and the one test that stands between the operating system and what
/// draws from it.
pub const UNSAFE_FOLDERS: &[&str] =
    &["bindings", "src/net", "src/codec", "src/device", "crates/testkit/tests/simulation/randomness"];

/// A longer file holds more than one concept, unless `xtask/long-files.txt` says why not.
pub const MAX_LINES: usize = 600;

/// Returns whether `path` lies in `folder`, which may also name a file without its extension.
pub fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}
