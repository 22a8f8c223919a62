//! `parlor call`: one session in a channel for a while.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use parlor::api::{
    AudioSource, Codec, Credential, Error, FileMode, MediaStream, Result, Secret, SessionConfig, Status,
    VideoSource,
};

use crate::participant::{Participant, Settings};
use crate::progress::Progress;
use crate::report;

/// Arguments of `parlor call`.
#[derive(Args, Debug, Clone)]
pub struct CallArgs {
    /// The server's origin.
    #[arg(long, env = "PARLOR_URL", default_value = "ws://127.0.0.1:7080")]
    pub url: String,
    /// The publishable key.
    #[arg(long, env = "PARLOR_KEY", default_value = "pk_dev", hide_env_values = true)]
    pub key: String,
    /// The channel to join.
    #[arg(long, default_value = "demo")]
    pub channel: String,
    /// What to send as pictures: `test`, `test:WIDTHxHEIGHT@FPS`, `file:PATH` (VP8 in IVF), `encoded:PATH`
    /// (the same without encoding it again) or `none`.
    #[arg(long, default_value = "test")]
    pub video: String,
    /// What to send as sound: `tone`, `tone:HERTZ`, `file:PATH` (Ogg Opus or WAV), `encoded:PATH` or `none`.
    #[arg(long, default_value = "tone")]
    pub audio: String,
    /// The video codec to prefer.
    #[arg(long, value_parser = ["vp8", "h264"])]
    pub codec: Option<String>,
    /// The role that the stream is announced with.
    #[arg(long, default_value = "camera")]
    pub role: String,
    /// How long to stay.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// The name of this session in the report.
    #[arg(long, default_value = "call")]
    pub name: String,
    /// Write a PNG snapshot of each remote picture into this folder at the end.
    #[arg(long)]
    pub snapshot: Option<PathBuf>,
    /// The clip that the others send, to compare their pictures with.
    #[arg(long)]
    pub reference: Option<PathBuf>,
    /// Print one JSON object and nothing else.
    #[arg(long)]
    pub json: bool,
}

/// Runs the call; returns whether it went well.
pub fn run(arguments: &CallArgs) -> Result<bool> {
    crate::log_to_stderr();
    let stream = stream(&arguments.video, &arguments.audio)?;
    let settings = Settings {
        name: arguments.name.clone(),
        config: config(arguments),
        channel: arguments.channel.clone(),
        role: arguments.role.clone(),
        stream,
        reference: arguments.reference.clone(),
        snapshots: arguments.snapshot.clone(),
    };
    let participant = Participant::join(settings)?;
    let mut progress = Progress::new(!arguments.json);
    participant.stay(Duration::from_secs_f64(arguments.seconds.max(0.0)), |participant| {
        progress.show(&[participant]);
    });
    progress.finish();
    let session = participant.leave()?;
    let ok = session.joined;
    report::print(&[session], ok, arguments.json);
    Ok(ok)
}

fn config(arguments: &CallArgs) -> SessionConfig {
    let mut config = SessionConfig::new(&arguments.url, Credential::ApiKey(Secret::new(&arguments.key)));
    config.video_codecs = match arguments.codec.as_deref() {
        Some("h264") => vec![Codec::H264, Codec::Vp8],
        Some(_) => vec![Codec::Vp8, Codec::H264],
        None => Vec::new(),
    };
    config
}

/// Makes the stream to send from the words of the command line; none when both are `none`.
pub fn stream(video: &str, audio: &str) -> Result<Option<MediaStream>> {
    let stream = MediaStream::new();
    let mut tracks = 0;
    if let Some(source) = video_source(video)? {
        stream.add_video(&source)?;
        tracks += 1;
    }
    if let Some(source) = audio_source(audio)? {
        stream.add_audio(&source)?;
        tracks += 1;
    }
    Ok((tracks > 0).then_some(stream))
}

fn video_source(word: &str) -> Result<Option<VideoSource>> {
    let source = match word.split_once(':') {
        None if word == "none" => return Ok(None),
        None if word == "test" => VideoSource::test_pattern(1280, 720, 30)?,
        Some(("test", size)) => {
            let (width, height, rate) = pattern_size(size).ok_or_else(|| bad("--video", word))?;
            VideoSource::test_pattern(width, height, rate)?
        }
        Some(("file", path)) => VideoSource::from_file(path.as_ref(), FileMode::Decode)?,
        Some(("encoded", path)) => VideoSource::from_file(path.as_ref(), FileMode::Passthrough)?,
        _ => return Err(bad("--video", word)),
    };
    Ok(Some(source))
}

fn audio_source(word: &str) -> Result<Option<AudioSource>> {
    let source = match word.split_once(':') {
        None if word == "none" => return Ok(None),
        None if word == "tone" => AudioSource::tone(440.0)?,
        Some(("tone", hertz)) => AudioSource::tone(hertz.parse().map_err(|_| bad("--audio", word))?)?,
        Some(("file", path)) => AudioSource::from_file(path.as_ref(), FileMode::Decode)?,
        Some(("encoded", path)) => AudioSource::from_file(path.as_ref(), FileMode::Passthrough)?,
        _ => return Err(bad("--audio", word)),
    };
    Ok(Some(source))
}

fn pattern_size(text: &str) -> Option<(u32, u32, u32)> {
    let (size, rate) = text.split_once('@').unwrap_or((text, "30"));
    let (width, height) = size.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?, rate.parse().ok()?))
}

fn bad(option: &str, word: &str) -> Error {
    Error::new(Status::InvalidArgument, format!("{option} does not understand \"{word}\"; see --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_sources_are_understood_or_refused() {
        assert_eq!(pattern_size("320x180@15"), Some((320, 180, 15)));
        assert_eq!(pattern_size("320x180"), Some((320, 180, 30)));
        assert!(stream("none", "none").unwrap().is_none());
        assert!(stream("test:320x180@15", "tone:1000").unwrap().is_some());
        for (video, audio) in
            [("test:banana", "none"), ("camera", "none"), ("none", "tone:loud"), ("none", "hum")]
        {
            assert_eq!(
                stream(video, audio).unwrap_err().status(),
                Status::InvalidArgument,
                "{video} {audio}"
            );
        }
        assert_eq!(stream("file:/no/such/clip.ivf", "none").unwrap_err().status(), Status::MediaFile);
    }
}
