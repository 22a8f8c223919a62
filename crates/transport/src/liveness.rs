//! Whether the other side can still be heard.
//!
//! Inputs: a path was found or is looked for again, a datagram came, time passed. Outputs: the check of the path is
//! to be sent again; the other side is lost; it is back. States: off (no path yet), heard, probing (silent for a
//! while), lost.
//!
//! The stack has such a verdict of its own, which is switched off: it takes seconds, its last word ends all checks, and
//! it counts from what came on one candidate. Here a link that carries media is probed after a short silence, so
//! that a paused or muted track, which is silent by right, makes no difference; only probes without an answer do. A lost
//! path is probed on, for as long as the link lives.

use std::time::Duration;

use units::Time;

/// Silence after which a link with media is probed.
const MEDIA_PATIENCE: Duration = Duration::from_millis(600);
/// Silence after which any other link is probed: two of its keepalives got no answer.
const IDLE_PATIENCE: Duration = Duration::from_millis(5_500);
/// Between the probes of a silent path.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);
/// How long probes may stay without an answer before the other side is lost; longer on a path that is slower than this.
const PROBE_BUDGET: Duration = Duration::from_millis(400);
/// How many round trips the answer to a probe may take.
const PROBE_ROUND_TRIPS: u32 = 2;
/// The longest that a slow path is waited for.
const LONGEST_BUDGET: Duration = Duration::from_secs(4);
/// Between the probes of a lost path.
const OUTAGE_INTERVAL: Duration = Duration::from_millis(250);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// Send the check of the path again.
    Probe,
    /// The other side is lost; send the check of the path again all the same.
    Lost,
}

#[derive(Debug, Clone, Copy)]
struct Watch {
    heard: Time,
    next_probe: Time,
    lost: bool,
}

/// Watches over one path.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    watch: Option<Watch>,
    /// Whether the link carries media.
    media: bool,
    /// How long the path takes there and back, as far as is known.
    round_trip: Duration,
}

impl Liveness {
    /// A path was found.
    pub(crate) fn start(&mut self, now: Time) {
        self.watch = Some(Watch { heard: now, next_probe: now + self.patience(), lost: false });
    }

    /// There is no path, or another is looked for.
    pub(crate) fn stop(&mut self) {
        self.watch = None;
    }

    /// The path may be gone: it is probed at once, without waiting for silence.
    pub(crate) fn doubt(&mut self, now: Time) {
        let patience = self.patience();
        if let Some(watch) = &mut self.watch {
            watch.heard = watch.heard.min(now.earlier_by(patience));
            watch.next_probe = now;
        }
    }

    /// The path is gone. Returns whether that is news.
    pub(crate) fn lose(&mut self, now: Time) -> bool {
        let Some(watch) = &mut self.watch else { return false };
        watch.next_probe = now + OUTAGE_INTERVAL;
        !std::mem::replace(&mut watch.lost, true)
    }

    /// Takes in whether the link carries media.
    pub(crate) fn set_media(&mut self, media: bool) {
        if self.media == media {
            return;
        }
        self.media = media;
        let patience = self.patience();
        if let Some(watch) = &mut self.watch
            && !watch.lost
        {
            watch.next_probe = watch.heard + patience;
        }
    }

    /// Takes in how long the path takes there and back.
    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// A datagram of the other side came. Returns whether it had been lost.
    pub(crate) fn heard(&mut self, now: Time) -> bool {
        let patience = self.patience();
        let Some(watch) = &mut self.watch else { return false };
        let was_lost = watch.lost;
        *watch = Watch { heard: now, next_probe: now + patience, lost: false };
        was_lost
    }

    /// Returns when to ask what is due.
    pub(crate) fn next(&self) -> Option<Time> {
        let watch = self.watch?;
        Some(if watch.lost { watch.next_probe } else { watch.next_probe.min(self.lost_at(watch)) })
    }

    /// Returns what is due.
    pub(crate) fn due(&mut self, now: Time) -> Due {
        let Some(watch) = self.watch else { return Due::Nothing };
        let (due, pause) = if !watch.lost && self.lost_at(watch) <= now {
            (Due::Lost, OUTAGE_INTERVAL)
        } else if watch.next_probe <= now {
            (Due::Probe, if watch.lost { OUTAGE_INTERVAL } else { PROBE_INTERVAL })
        } else {
            return Due::Nothing;
        };
        self.watch = Some(Watch { next_probe: now + pause, lost: watch.lost || due == Due::Lost, ..watch });
        due
    }

    fn lost_at(&self, watch: Watch) -> Time {
        let budget = (self.round_trip * PROBE_ROUND_TRIPS).clamp(PROBE_BUDGET, LONGEST_BUDGET);
        watch.heard + self.patience() + budget
    }

    fn patience(&self) -> Duration {
        if self.media { MEDIA_PATIENCE } else { IDLE_PATIENCE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets time pass; returns what was due, and when after the start in milliseconds.
    fn run(liveness: &mut Liveness, from: Time, until: Time) -> Vec<(u128, Due)> {
        let mut all = Vec::new();
        while let Some(at) = liveness.next().filter(|at| *at <= until) {
            all.push(((at - from).as_millis(), liveness.due(at)));
        }
        all
    }

    #[test]
    fn silence_is_probed_and_only_probes_without_an_answer_are_a_loss_within_a_second() {
        let (mut liveness, start) = (Liveness::default(), Time::from_millis(10_000));
        liveness.set_media(true);
        liveness.start(start);
        let due = run(&mut liveness, start, start + Duration::from_millis(1_600));
        let probes = [600, 700, 800, 900].map(|at| (at, Due::Probe));
        assert_eq!(due[..4], probes);
        assert_eq!(due[4..], [(1_000, Due::Lost), (1_250, Due::Probe), (1_500, Due::Probe)]);
    }

    #[test]
    fn an_answer_starts_the_silence_anew_and_tells_when_the_other_side_is_back() {
        let (mut liveness, start) = (Liveness::default(), Time::ZERO);
        liveness.set_media(true);
        liveness.start(start);
        run(&mut liveness, start, Time::from_millis(950));
        assert!(!liveness.heard(Time::from_millis(950)), "it was not lost yet");
        assert_eq!(liveness.next(), Some(Time::from_millis(1_550)));
        run(&mut liveness, start, Time::from_millis(60_000));
        assert!(liveness.heard(Time::from_millis(60_000)));
        assert!(!liveness.heard(Time::from_millis(60_001)), "back is said once");
    }

    #[test]
    fn a_link_without_media_is_given_its_keepalives_first() {
        let (mut liveness, start) = (Liveness::default(), Time::ZERO);
        liveness.start(start);
        assert_eq!(liveness.next(), Some(Time::from_millis(5_500)));
        liveness.set_media(true);
        assert_eq!(liveness.next(), Some(Time::from_millis(600)));
    }

    #[test]
    fn a_slow_path_gets_the_time_for_an_answer() {
        let mut liveness = Liveness::default();
        liveness.set_media(true);
        liveness.set_round_trip(Duration::from_millis(700));
        liveness.start(Time::ZERO);
        let due = run(&mut liveness, Time::ZERO, Time::from_millis(2_000));
        assert_eq!(due.iter().find(|(_, due)| *due == Due::Lost), Some(&(2_000, Due::Lost)));
    }

    #[test]
    fn a_path_in_doubt_is_probed_at_once_and_has_the_usual_time_to_answer() {
        let (mut liveness, start) = (Liveness::default(), Time::from_millis(10_000));
        liveness.set_media(true);
        liveness.start(start);
        liveness.doubt(start);
        let due = run(&mut liveness, start, start + Duration::from_millis(400));
        assert_eq!(
            due,
            [(0, Due::Probe), (100, Due::Probe), (200, Due::Probe), (300, Due::Probe), (400, Due::Lost)]
        );
        assert!(liveness.heard(start + Duration::from_millis(450)));
    }

    #[test]
    fn a_path_that_is_gone_is_lost_once_and_probed_on() {
        let (mut liveness, start) = (Liveness::default(), Time::from_millis(10_000));
        liveness.start(start);
        assert!(liveness.lose(start) && !liveness.lose(start));
        assert_eq!(run(&mut liveness, start, start + Duration::from_millis(300)), [(250, Due::Probe)]);
        assert!(liveness.heard(start + Duration::from_millis(300)));
    }

    #[test]
    fn without_a_path_nothing_is_due() {
        let mut liveness = Liveness::default();
        liveness.set_media(true);
        assert_eq!((liveness.next(), liveness.due(Time::from_millis(9_999))), (None, Due::Nothing));
        liveness.start(Time::ZERO);
        liveness.stop();
        assert_eq!(liveness.next(), None);
    }
}
