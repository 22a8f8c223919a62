//! `cargo xtask demo`: from a fresh checkout to two C++ programs in a call.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::install::{self, Destination};
use crate::project::{root, target_dir};
use crate::setup::For;
use crate::{Result, command, setup};

/// Where the pictures and the sound end up.
const OUTPUT: &str = "dist/demo";
const CLIP: &str = "examples/media/bunny.ivf";
const SPEECH: &str = "examples/media/speech.ogg";
const NAMES: [&str; 2] = ["alice", "bob"];
const SECONDS: &str = "20";
const LOG: &str = "log.txt";
/// Pictures per second of the clip.
const CLIP_RATE: f64 = 25.0;
/// How far apart the two programs may start and end, in seconds.
const APART: f64 = 0.5;
/// How much sound may be made up: one packet, such as where the jitter buffer starts.
const MOST_CONCEALED_MS: f64 = 20.0;

/// Installs what is missing, builds the library, the C++ example and the server, and lets two copies of the example
/// call each other. `arguments` are the example's own, such as `--seconds 5`.
pub fn run(arguments: &[&str]) -> Result {
    setup::run(For::Building)?;
    let program = build()?;
    println!("\nTwo programs call each other for {SECONDS} seconds; what they receive goes to {OUTPUT}.\n");
    for (name, said) in call(&program, arguments)? {
        println!("--- {name}\n{said}");
    }
    list(&root().join(OUTPUT))
}

/// Runs the demo and checks what each program received: the other's whole clip, its pictures close to what was
/// sent, and its speech without gaps.
pub fn check() -> Result {
    let program = build()?;
    for (name, said) in call(&program, &["--json"])? {
        let report: Value =
            serde_json::from_str(&said).map_err(|error| format!("{name}: {error}: {said}"))?;
        let figures = check_report(&report).map_err(|why| format!("{name}: {why}\n{said}"))?;
        println!("demo: {name} received {figures}");
    }
    Ok(())
}

fn check_report(report: &Value) -> Result<String, String> {
    let session = &report["sessions"][0];
    let events: Vec<_> = session["events"].as_array().into_iter().flatten().collect();
    for event in ["joined", "peer-joined", "stream-added"] {
        if !events.iter().any(|e| e["type"] == event) {
            return Err(format!("no event {event}"));
        }
    }
    if !events.iter().any(|e| e["type"] == "peer-state-change" && e["to"] == "connected") {
        return Err("the peer was never connected".to_owned());
    }
    let remote = &session["remotes"][0];
    let (video, audio) = (&remote["video"], &remote["audio"]);
    let number = |value: &Value, what: &str| value.as_f64().ok_or_else(|| format!("no {what}"));
    let first_frame = number(&video["first_frame_ms"], "first picture")? / 1000.0;
    let frames = number(&video["frames"], "pictures")?;
    // From the first picture on, to the earlier end of the two programs' calls.
    let sent = CLIP_RATE * (SECONDS.parse::<f64>().map_err(|error| error.to_string())? - first_frame - APART);
    let psnr = number(&video["psnr_db"], "PSNR")?;
    let seconds = number(&audio["seconds"], "sound")?;
    let concealed = number(&audio["concealed_ms"], "concealment")?;
    let level = number(&audio["level_db"], "level")?;
    let figures = format!(
        "{frames} of {sent:.0} pictures at {psnr:.1} dB from {:.0} ms on, {seconds:.1} s of sound at {level:.1} dB \
         with {concealed:.0} ms concealed",
        first_frame * 1000.0
    );
    let holds = [
        (remote["role"] == "camera", "the role is not camera"),
        (video["width"] == 1280 && video["height"] == 720, "the pictures are not 1280x720"),
        (frames >= 0.95 * sent, "less than 95 % of the pictures were decoded"),
        (psnr >= 30.0, "the pictures are not close to what was sent"),
        (seconds >= 0.95 * (sent / CLIP_RATE), "sound is missing"),
        (concealed <= MOST_CONCEALED_MS, "the sound has gaps"),
        (level > -40.0, "the sound is silent"),
    ];
    match holds.iter().find(|(holds, _)| !holds) {
        Some((_, why)) => Err(format!("{why}: {figures}")),
        None => Ok(figures),
    }
}

/// Lets two copies of the example call each other; returns what each printed.
fn call(program: &Path, arguments: &[&str]) -> Result<Vec<(&'static str, String)>> {
    let server = Server::start()?;
    let mut callers = Vec::new();
    for name in NAMES {
        let folder = root().join(OUTPUT).join(name);
        fs::create_dir_all(&folder)?;
        let mut caller = command::new(program);
        caller.args(["--url", &server.url, "--channel", "demo", "--name", name, "--seconds", SECONDS]);
        caller.args(["--video", CLIP, "--reference", CLIP, "--audio", SPEECH, "--out"]).arg(&folder);
        caller.args(arguments).stdout(fs::File::create(folder.join(LOG))?);
        callers.push((name, folder, caller.spawn()?));
    }
    let mut outcome = Vec::new();
    for (name, folder, mut caller) in callers {
        let status = caller.wait()?;
        let said = fs::read_to_string(folder.join(LOG))?;
        if !status.success() {
            return Err(format!("{name} failed: {status}\n{said}").into());
        }
        outcome.push((name, said));
    }
    Ok(outcome)
}

/// Builds the library, the example against it as another project would, and the server; returns the example.
fn build() -> Result<PathBuf> {
    let prefix = target_dir().join("demo/prefix");
    let build = target_dir().join("demo/build");
    install::run(&Destination {
        prefix: prefix.clone(),
        destdir: None,
        profile: "release".to_owned(),
        features: Vec::new(),
    })?;
    command::run(
        command::new("cmake")
            .args(["--log-level=WARNING", "-S", "examples/cpp", "-B"])
            .arg(&build)
            .arg("-DCMAKE_BUILD_TYPE=Release")
            .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())),
    )?;
    command::run(command::new("cmake").arg("--build").arg(&build))?;
    command::run(command::cargo().args(["build", "--release", "--package", "parlor-server"]))?;
    Ok(build.join("call"))
}

fn list(folder: &Path) -> Result {
    println!("Look and listen:");
    for name in NAMES {
        let mut files: Vec<_> =
            fs::read_dir(folder.join(name))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end != "txt")) {
            println!("  {}", file.strip_prefix(root()).unwrap_or(file).display());
        }
    }
    Ok(())
}

/// The server of the demo, ended with this.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Result<Self> {
        let mut child = command::new(target_dir().join("release/parlor-server"))
            .args(["--dev", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the server does not start: {error}"))?;
        let Some(output) = child.stdout.take() else { return Err("the server has no output".into()) };
        let mut lines = BufReader::new(output).lines();
        // It says where it listens once it does.
        let url = lines.by_ref().map_while(|line| line.ok()).find_map(|line| {
            let start = line.find("ws://")?;
            line[start..].split_whitespace().next().map(str::to_owned)
        });
        match url {
            Some(url) => Ok(Self { child, url }),
            None => {
                let status = child.wait()?;
                Err(format!("the server said no address and ended: {status}").into())
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
