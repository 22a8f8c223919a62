//! Encoding once and sending to all: whether to encode the next frame, whether as a keyframe, and who gets it.
//!
//! One [`EncoderControl`] belongs to one encoder of one source, or to one source of frames that the app
//! encoded. For each frame its owner asks [`EncoderControl::next_frame`], encodes, tells
//! [`EncoderControl::encoded`], and sends the payloads to the [`EncoderControl::receivers`].

use std::collections::BTreeMap;
use std::time::Duration;

use units::{BitRate, Time};

/// The least time between a keyframe and one that a receiver asks for after it. New receivers do not wait.
const MIN_KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);
/// A request this soon after a keyframe was made before that keyframe could have arrived, and is answered by
/// it. A receiver to which it did not arrive asks again.
const KEYFRAME_IN_FLIGHT: Duration = Duration::from_millis(100);
/// How long an app has to answer a request for a keyframe before it is asked again.
const APP_PATIENCE: Duration = Duration::from_secs(1);

/// What to do with the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameDecision {
    /// Whether to encode it; not while nobody receives it.
    pub encode: bool,
    /// Whether it must be a keyframe.
    pub keyframe: bool,
}

/// The receivers of one encoder's frames, and the keyframes that they need.
///
/// Receivers are named by a number of the owner's, one for each link that carries the track.
#[derive(Debug, Default)]
pub struct EncoderControl {
    /// Whether each receiver has had a keyframe since it came.
    receivers: BTreeMap<u64, bool>,
    /// A receiver asked for a keyframe that it has not got.
    requested: bool,
    last_keyframe: Option<Time>,
    asked_app: Option<Time>,
}

impl EncoderControl {
    /// Makes a control without receivers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a receiver. The next frame becomes a keyframe; until there is one the receiver gets nothing. For a
    /// receiver that is already there this starts it anew: its decoder was replaced.
    pub fn subscribe(&mut self, id: u64) {
        self.receivers.insert(id, false);
    }

    /// Removes a receiver.
    pub fn unsubscribe(&mut self, id: u64) {
        self.receivers.remove(&id);
    }

    /// Notes that a receiver asked for a keyframe. Requests of several receivers are answered by one keyframe.
    pub fn request_keyframe(&mut self, now: Time, id: u64) {
        let in_flight = self.last_keyframe.is_some_and(|last| now - last < KEYFRAME_IN_FLIGHT);
        if self.receivers.contains_key(&id) && !in_flight {
            self.requested = true;
        }
    }

    /// Decides about the next frame of the source.
    ///
    /// The answer stays the same until [`Self::encoded`] reports a keyframe: an encoder may skip a frame.
    pub fn next_frame(&self, now: Time) -> FrameDecision {
        let encode = !self.receivers.is_empty();
        FrameDecision { encode, keyframe: encode && self.keyframe_due(now) }
    }

    /// Returns whether to ask an app that encodes by itself for a keyframe; true once for each request to make.
    ///
    /// To be called after every [`Self::subscribe`] and [`Self::request_keyframe`] and with every frame of the
    /// app.
    pub fn ask_app(&mut self, now: Time) -> bool {
        let is_patient = self.asked_app.is_some_and(|asked| now - asked < APP_PATIENCE);
        if is_patient || !self.keyframe_due(now) {
            return false;
        }
        self.asked_app = Some(now);
        true
    }

    /// Reports a frame that is about to be sent: from a keyframe on, all receivers get frames.
    pub fn encoded(&mut self, now: Time, keyframe: bool) {
        if keyframe {
            self.last_keyframe = Some(now);
            self.requested = false;
            self.asked_app = None;
            self.receivers.values_mut().for_each(|has_keyframe| *has_keyframe = true);
        }
    }

    /// Returns whether the frame that was last reported goes to this receiver.
    pub fn receives(&self, id: u64) -> bool {
        self.receivers.get(&id).is_some_and(|&has_keyframe| has_keyframe)
    }

    /// Returns to whom the frame that was last reported goes, in ascending order.
    pub fn receivers(&self) -> impl Iterator<Item = u64> {
        self.receivers.iter().filter(|&(_, &has_keyframe)| has_keyframe).map(|(&id, _)| id)
    }

    /// Returns whether there is no receiver.
    pub fn is_idle(&self) -> bool {
        self.receivers.is_empty()
    }

    fn keyframe_due(&self, now: Time) -> bool {
        let is_new = self.receivers.values().any(|&has_keyframe| !has_keyframe);
        let rested = self.last_keyframe.is_none_or(|last| now - last >= MIN_KEYFRAME_INTERVAL);
        is_new || self.requested && rested
    }
}

/// Returns the bit rate to encode a picture size at: 1.5 Mbit/s for 1280x720 at 30 frames per second, in
/// proportion to the area. Half of it follows the frame rate, since frames that are closer in time cost less.
/// At least 80 kbit/s, at most 6 Mbit/s.
pub fn target_rate(width: u32, height: u32, frames_per_second: u32) -> BitRate {
    const REFERENCE_BPS: u128 = 1_500_000;
    const REFERENCE_AREA: u128 = 1280 * 720;
    const REFERENCE_RATE: u128 = 30;
    let area = u128::from(width) * u128::from(height);
    let rate = u128::from(frames_per_second) + REFERENCE_RATE;
    let bps = REFERENCE_BPS * area * rate / (REFERENCE_AREA * 2 * REFERENCE_RATE);
    BitRate::from_bps(bps.clamp(80_000, 6_000_000) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Time = Time::from_millis;
    const KEY: FrameDecision = FrameDecision { encode: true, keyframe: true };
    const DELTA: FrameDecision = FrameDecision { encode: true, keyframe: false };

    fn with_receivers(ids: &[u64]) -> EncoderControl {
        let mut control = EncoderControl::new();
        ids.iter().for_each(|&id| control.subscribe(id));
        control
    }

    /// Encodes one frame the way an owner does.
    fn frame(control: &mut EncoderControl, ms: u64) -> (FrameDecision, Vec<u64>) {
        let decision = control.next_frame(MS(ms));
        if decision.encode {
            control.encoded(MS(ms), decision.keyframe);
        }
        (decision, control.receivers().collect())
    }

    #[test]
    fn nothing_is_encoded_while_nobody_receives() {
        let mut control = EncoderControl::new();
        assert!(!control.next_frame(MS(0)).encode && control.is_idle());
        control.subscribe(1);
        assert!(control.next_frame(MS(0)).encode);
        control.unsubscribe(1);
        assert_eq!(control.next_frame(MS(0)), FrameDecision { encode: false, keyframe: false });
    }

    #[test]
    fn the_first_frame_is_a_keyframe_for_all_who_wait_and_the_next_is_not() {
        let mut control = with_receivers(&[1, 2]);
        assert_eq!(frame(&mut control, 0), (KEY, vec![1, 2]));
        assert_eq!(frame(&mut control, 33), (DELTA, vec![1, 2]));
    }

    #[test]
    fn a_skipped_keyframe_is_asked_for_again() {
        let control = with_receivers(&[1]);
        assert_eq!(control.next_frame(MS(0)), KEY);
        assert_eq!(control.next_frame(MS(33)), KEY);
    }

    #[test]
    fn who_comes_later_gets_nothing_before_its_keyframe_which_comes_at_once() {
        let mut control = with_receivers(&[1]);
        frame(&mut control, 0);
        let decision = control.next_frame(MS(10));
        control.subscribe(2);
        control.encoded(MS(10), decision.keyframe);
        assert!(control.receives(1) && !control.receives(2) && !control.receives(3));
        assert_eq!(frame(&mut control, 43), (KEY, vec![1, 2]));
    }

    #[test]
    fn requests_of_many_receivers_make_one_keyframe() {
        let mut control = with_receivers(&[1, 2, 3]);
        frame(&mut control, 0);
        for id in 1..=3 {
            control.request_keyframe(MS(1000 + id), id);
        }
        assert_eq!(frame(&mut control, 1010).0, KEY);
        control.request_keyframe(MS(1050), 2);
        let later: Vec<_> = (1..30).map(|n| frame(&mut control, 1010 + n * 33).0).collect();
        assert!(later.iter().all(|&decision| decision == DELTA), "asked before the keyframe could arrive");
    }

    #[test]
    fn a_request_soon_after_a_keyframe_waits_for_its_turn() {
        let mut control = with_receivers(&[1]);
        frame(&mut control, 0);
        control.request_keyframe(MS(150), 1);
        assert_eq!(frame(&mut control, 160).0, DELTA);
        assert_eq!(frame(&mut control, 299).0, DELTA);
        assert_eq!(frame(&mut control, 300).0, KEY);
        assert_eq!(frame(&mut control, 333).0, DELTA);
    }

    #[test]
    fn a_stranger_cannot_request_keyframes() {
        let mut control = with_receivers(&[1]);
        frame(&mut control, 0);
        control.request_keyframe(MS(1000), 9);
        assert_eq!(control.next_frame(MS(1000)), DELTA);
    }

    #[test]
    fn an_app_that_encodes_is_asked_once_and_again_after_a_second() {
        let mut control = with_receivers(&[1, 2]);
        let asked: Vec<_> = (0..250).map(|n| n * 10).filter(|&ms| control.ask_app(MS(ms))).collect();
        assert_eq!(asked, [0, 1000, 2000]);
        control.encoded(MS(2500), true);
        assert!(!control.ask_app(MS(2510)));
        control.request_keyframe(MS(2900), 1);
        assert!(control.ask_app(MS(2900)));
    }

    #[test]
    fn the_target_follows_area_and_frame_rate_within_limits() {
        let kbps = |width, height, fps| target_rate(width, height, fps).kbps();
        assert_eq!(kbps(1280, 720, 30), 1500);
        assert_eq!(kbps(640, 360, 30), 375);
        assert_eq!(kbps(1280, 720, 15), 1125);
        assert_eq!(kbps(1920, 1080, 60), 5062);
        assert_eq!(kbps(160, 90, 30), 80);
        assert_eq!(kbps(u32::MAX, u32::MAX, u32::MAX), 6000);
    }
}
