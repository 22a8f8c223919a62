//! What the server is made of.

use std::process::Command;

/// Packages that encode or decode media, or are the engine.
const CODECS: [&str; 7] = ["opusic-sys", "openh264", "openh264-sys2", "yuv", "parlor", "parlor-media", "rtc"];

/// Packages that the TLS of this project must not be made of.
const OTHER_TLS: [&str; 4] = ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys"];

#[test]
fn the_server_links_no_codec_and_no_other_tls() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "parlor-server", "--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let packages: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains(&"parlor-hub"), "{tree}");
    for unwanted in CODECS.into_iter().chain(OTHER_TLS) {
        assert!(!packages.contains(&unwanted), "{unwanted}");
    }
}
