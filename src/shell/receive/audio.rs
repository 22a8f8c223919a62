//! A remote audio track: a jitter buffer that the network thread fills and the playout thread empties.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use media::audio_receiver::{AudioReceiver, AudioReceiverConfig};
use media::codec::AudioDecoder;
use media::frame::{AudioFrame, EncodedFrame};
use media::opus::OpusPacket;
use media::rtp::RtpPacket;
use units::{Codec, Time};

use crate::codec::audio_decoder;
use crate::shell::slot::Slot;
use crate::shell::{AudioSink, Error, Result, Status, TrackStats};

/// Sound is played in stereo at Opus's own rate.
const CHANNELS: u16 = 2;
const SAMPLE_RATE: u32 = 48_000;
/// How many packets may wait for the playout thread to show them to the sink; the oldest is dropped then.
const PACKET_QUEUE: usize = 128;

/// A remote audio track.
pub(crate) struct RemoteAudio {
    sink: Slot<dyn AudioSink>,
    receiver: Mutex<AudioReceiver>,
    /// Used by the playout thread alone.
    decoder: Mutex<Box<dyn AudioDecoder>>,
    /// Packets on their way to the sink.
    packets: Mutex<VecDeque<EncodedFrame>>,
}

impl RemoteAudio {
    /// Makes the track.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let decoder = audio_decoder(CHANNELS)
            .map_err(|error| Error::new(Status::UnsupportedCodec, error.to_string()))?;
        Ok(Arc::new(Self {
            sink: Slot::default(),
            receiver: Mutex::new(AudioReceiver::new(AudioReceiverConfig::default())),
            decoder: Mutex::new(decoder),
            packets: Mutex::default(),
        }))
    }

    /// Replaces the sink.
    pub(crate) fn set_sink(&self, sink: Option<Arc<dyn AudioSink>>) {
        self.sink.set(sink);
    }

    /// Takes a packet from the network thread.
    pub(crate) fn push(&self, packet: RtpPacket) {
        {
            let mut packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
            if packets.len() >= PACKET_QUEUE {
                packets.pop_front();
            }
            packets.push_back(EncodedFrame {
                codec: Codec::Opus,
                timestamp: packet.received,
                duration: OpusPacket::parse(&packet.payload)
                    .map_or(Duration::ZERO, |outline| samples_to_time(outline.samples.into())),
                keyframe: true,
                data: packet.payload.clone(),
            });
        }
        self.receiver().handle(packet);
    }

    /// Plays the sound that is due at `due`; called by the playout thread.
    pub(super) fn play(&self, due: Time, duration: Duration) {
        let packets = std::mem::take(&mut *self.packets.lock().unwrap_or_else(PoisonError::into_inner));
        for packet in packets {
            self.sink.call(|sink| sink.on_encoded(&packet));
        }
        let samples = (u64::from(SAMPLE_RATE) * duration.as_micros() as u64 / 1_000_000) as usize;
        let mut sound = Vec::with_capacity(samples * usize::from(CHANNELS));
        {
            let mut decoder = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
            self.receiver().pull(due, &mut **decoder, samples, &mut sound);
        }
        let frame =
            AudioFrame { timestamp: due, sample_rate: SAMPLE_RATE, channels: CHANNELS, samples: sound };
        self.sink.call(|sink| sink.on_frame(&frame));
    }

    /// Returns the track's figures.
    pub(crate) fn stats(&self) -> TrackStats {
        let received = self.receiver().stats();
        TrackStats {
            codec: (received.packets > 0).then_some(Codec::Opus),
            audio_played: samples_to_time(received.total_samples),
            audio_concealed: samples_to_time(received.concealed_samples),
            level_dbfs: received.level.rms,
            packets_received: received.packets,
            packets_lost: received.lost,
            ..TrackStats::default()
        }
    }

    fn receiver(&self) -> MutexGuard<'_, AudioReceiver> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn samples_to_time(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(SAMPLE_RATE))
}
