//! What a call came to: one JSON object, or a table for people.

use serde_json::{Value, json};

/// What one session did and saw.
pub struct SessionReport {
    /// Its name on the command line.
    pub name: String,
    /// Its peer id on the wire, once joined.
    pub peer_id: Option<String>,
    /// Whether it got into the channel.
    pub joined: bool,
    /// Its events, as JSON objects with `ms` since join() and `type`.
    pub events: Vec<Value>,
    /// What it received.
    pub remotes: Vec<RemoteReport>,
}

/// What was received from one stream of a remote peer.
pub struct RemoteReport {
    /// The peer's id on the wire.
    pub peer_id: String,
    /// The role that the stream was announced with.
    pub role: Option<String>,
    /// Its pictures.
    pub video: Option<VideoReport>,
    /// Its sound.
    pub audio: Option<AudioReport>,
}

/// Received pictures.
pub struct VideoReport {
    /// The codec's name.
    pub codec: Option<&'static str>,
    /// Width of the last picture in pixels.
    pub width: u32,
    /// Height of the last picture in pixels.
    pub height: u32,
    /// Pictures decoded.
    pub frames: u64,
    /// When the first picture was decoded, in milliseconds since join().
    pub first_frame_ms: Option<f64>,
    /// Mean peak signal-to-noise ratio of the pictures that could be compared, in dB.
    pub psnr_db: Option<f64>,
    /// Freezes by the rule of W3C webrtc-stats.
    pub freezes: u64,
    /// From the first picture's stamped number to the last one's, both included.
    pub frames_sent: Option<u64>,
}

/// Received sound.
pub struct AudioReport {
    /// The codec's name.
    pub codec: Option<&'static str>,
    /// How much was played, in seconds.
    pub seconds: f64,
    /// How much of it concealed losses, in milliseconds.
    pub concealed_ms: f64,
    /// The level of all that was played, in dBFS.
    pub level_db: f64,
}

impl SessionReport {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "peer_id": self.peer_id,
            "events": self.events,
            "remotes": self.remotes.iter().map(RemoteReport::to_json).collect::<Vec<_>>(),
        })
    }
}

impl RemoteReport {
    fn to_json(&self) -> Value {
        json!({
            "peer_id": self.peer_id,
            "role": self.role,
            "video": self.video.as_ref().map(|video| json!({
                "codec": video.codec,
                "width": video.width,
                "height": video.height,
                "frames": video.frames,
                "first_frame_ms": video.first_frame_ms.map(tenth),
                "psnr_db": video.psnr_db.map(tenth),
                "freezes": video.freezes,
                "frames_sent": video.frames_sent,
            })),
            "audio": self.audio.as_ref().map(|audio| json!({
                "codec": audio.codec,
                "seconds": tenth(audio.seconds),
                "concealed_ms": tenth(audio.concealed_ms),
                "level_db": tenth(audio.level_db),
            })),
        })
    }
}

/// Prints the report: one JSON object, or a table.
pub fn print(sessions: &[SessionReport], ok: bool, json: bool) {
    if json {
        let sessions: Vec<_> = sessions.iter().map(SessionReport::to_json).collect();
        println!("{}", json!({ "sessions": sessions, "ok": ok }));
        return;
    }
    for session in sessions {
        print_table(session);
    }
}

fn print_table(session: &SessionReport) {
    if session.remotes.is_empty() {
        println!("{}: received nothing", session.name);
        return;
    }
    println!("{} received", session.name);
    println!(
        "  {:<10} {:<8} {:<5} {:>9} {:>6} {:>9} {:>8} {:>7}  {:>8} {:>10} {:>8}",
        "from",
        "role",
        "video",
        "size",
        "frames",
        "first ms",
        "PSNR dB",
        "freezes",
        "audio s",
        "hidden ms",
        "level dB"
    );
    let dash = || "-".to_owned();
    for remote in &session.remotes {
        let peer: String = remote.peer_id.chars().take(10).collect();
        let video = remote.video.as_ref();
        let audio = remote.audio.as_ref();
        println!(
            "  {peer:<10} {:<8} {:<5} {:>9} {:>6} {:>9} {:>8} {:>7}  {:>8} {:>10} {:>8}",
            remote.role.as_deref().unwrap_or("-"),
            video.and_then(|v| v.codec).unwrap_or("-"),
            video.map_or_else(dash, |v| format!("{}x{}", v.width, v.height)),
            video.map_or_else(dash, |v| v.frames.to_string()),
            video.and_then(|v| v.first_frame_ms).map_or_else(dash, |ms| format!("{ms:.0}")),
            video.and_then(|v| v.psnr_db).map_or_else(dash, |db| format!("{db:.1}")),
            video.map_or_else(dash, |v| v.freezes.to_string()),
            audio.map_or_else(dash, |a| format!("{:.1}", a.seconds)),
            audio.map_or_else(dash, |a| format!("{:.0}", a.concealed_ms)),
            audio.map_or_else(dash, |a| format!("{:.1}", a.level_db)),
        );
    }
}

/// Rounds to a tenth, which is all that the figures are good for.
fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
