//! Live progress on a terminal.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use crate::participant::Participant;

/// Shows who is there and how well it goes, in place on a terminal, nowhere else.
pub struct Progress {
    shown: bool,
    started: Instant,
    lines: usize,
    /// Pictures seen at the last look, to tell frames per second.
    before: Option<(Instant, Vec<u64>)>,
}

impl Progress {
    /// Makes a display; it shows only when wanted and when standard error is a terminal.
    pub fn new(wanted: bool) -> Self {
        let shown = wanted && std::io::stderr().is_terminal();
        Self { shown, started: Instant::now(), lines: 0, before: None }
    }

    /// Draws the participants in place of what was drawn before.
    pub fn show(&mut self, participants: &[&Participant]) {
        if !self.shown {
            return;
        }
        let now = Instant::now();
        let mut lines = Vec::new();
        let mut frames = Vec::new();
        for participant in participants {
            lines.push(format!(
                "{:>5.1} s  {} is {}",
                self.started.elapsed().as_secs_f64(),
                participant.name(),
                participant.state().as_str()
            ));
            for peer in participant.peers() {
                let index = frames.len();
                frames.push(peer.frames);
                let rate = self.before.as_ref().and_then(|(then, counts)| {
                    let seconds = now.duration_since(*then).as_secs_f64();
                    let before = counts.get(index)?;
                    (seconds > 0.0).then(|| peer.frames.saturating_sub(*before) as f64 / seconds)
                });
                let stats = &peer.stats;
                let packets = (stats.packets_lost + stats.packets_received).max(1);
                lines.push(format!(
                    "         {:<10.10} {:<12} {:>3.0} fps  in {:>5} kbit/s  out {:>5} kbit/s  loss {:>4.1} %  rtt {}",
                    peer.id,
                    peer.state,
                    rate.unwrap_or(0.0),
                    stats.receive_rate.kbps(),
                    stats.send_rate.kbps(),
                    100.0 * stats.packets_lost as f64 / packets as f64,
                    stats.round_trip.map_or("-".to_owned(), |rtt| format!("{:.1} ms", rtt.as_secs_f64() * 1000.0)),
                ));
            }
        }
        self.before = Some((now, frames));
        self.draw(&lines);
    }

    /// Takes the display away.
    pub fn finish(&mut self) {
        if self.shown {
            self.draw(&[]);
        }
    }

    fn draw(&mut self, lines: &[String]) {
        let mut out = String::new();
        if self.lines > 0 {
            out.push_str(&format!("\x1b[{}A", self.lines));
        }
        out.push_str("\x1b[J");
        for line in lines {
            out.push_str(line);
            out.push('\n');
        }
        self.lines = lines.len();
        // A terminal that went away is no reason to end a call.
        let _ = std::io::stderr().write_all(out.as_bytes());
    }
}
