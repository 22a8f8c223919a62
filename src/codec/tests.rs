//! What holds for every codec that is compiled in.

use std::time::Duration;

use media::codec::{VideoDecoder, VideoEncoder};
use media::frame::{AudioFrame, EncodedFrame, VideoFrame};
use media::psnr::psnr;
use units::{BitRate, Codec, MediaKind, Time};

use super::*;

const FRAMES_PER_SECOND: u32 = 30;

/// A gradient with a square that moves across it.
fn picture(width: u32, height: u32, number: u32) -> VideoFrame {
    let mut buffer = I420Buffer::new(width, height).unwrap();
    let [mut y, u, v] = buffer.planes_mut();
    for row in 0..y.height {
        let width = y.width;
        for (column, sample) in y.row(row).iter_mut().enumerate() {
            *sample = (32 + 160 * column / width + 32 * row / height as usize) as u8;
        }
    }
    let left = (number as usize * 4) % y.width;
    y.fill(left..left + 32, 8..40, 235);
    u.data.fill(110);
    v.data.fill(140);
    buffer.freeze(Time::from_micros(u64::from(number) * 1_000_000 / u64::from(FRAMES_PER_SECOND)))
}

fn pair(
    codec: Codec,
    width: u32,
    height: u32,
    rate: BitRate,
) -> (Box<dyn VideoEncoder>, Box<dyn VideoDecoder>) {
    let settings = EncoderSettings { width, height, rate, frames_per_second: FRAMES_PER_SECOND };
    (video_encoder(codec, settings).unwrap(), video_decoder(codec).unwrap())
}

#[test]
fn pictures_survive_encoding_at_the_rate_of_a_call() {
    for codec in video_codecs() {
        let rate = BitRate::from_kbps(400);
        let (mut encoder, mut decoder) = pair(codec, 320, 180, rate);
        let (mut bytes, mut decoded) = (0, 0);
        for number in 0..90 {
            let source = picture(320, 180, number);
            let Some(encoded) = encoder.encode(&source, false).unwrap() else { continue };
            assert_eq!(encoded.keyframe, number == 0, "{codec:?} frame {number}");
            assert_eq!(encoded.timestamp, source.timestamp());
            bytes += encoded.data.len() as u64;
            let picture = decoder.decode(&encoded).unwrap().unwrap();
            decoded += 1;
            assert_eq!(picture.timestamp(), source.timestamp());
            let quality = psnr(&source, &picture).unwrap().all;
            assert!(quality > 32.0, "{codec:?} frame {number}: {quality} dB");
        }
        assert!(decoded >= 85, "{codec:?} skipped {} of 90 pictures", 90 - decoded);
        let measured = bytes * 8 / 3;
        assert!(measured < rate.bps() * 5 / 4, "{codec:?} took {measured} bit/s of {rate}");
    }
}

#[test]
fn a_keyframe_comes_when_it_is_asked_for_and_a_decoder_can_start_there() {
    for codec in video_codecs() {
        let (mut encoder, _) = pair(codec, 320, 180, BitRate::from_kbps(400));
        let mut keyframes = Vec::new();
        let mut late: Option<Box<dyn VideoDecoder>> = None;
        for number in 0..30 {
            let source = picture(320, 180, number);
            let Some(encoded) = encoder.encode(&source, number == 20).unwrap() else { continue };
            if encoded.keyframe {
                keyframes.push(number);
            }
            if number == 20 {
                late = Some(video_decoder(codec).unwrap());
            }
            if let Some(decoder) = &mut late {
                let picture = decoder.decode(&encoded).unwrap().unwrap();
                assert!(psnr(&source, &picture).unwrap().all > 30.0);
            }
        }
        assert_eq!(keyframes, [0, 20], "{codec:?}");
    }
}

#[test]
fn another_size_starts_the_stream_anew() {
    for codec in video_codecs() {
        let (mut encoder, mut decoder) = pair(codec, 320, 180, BitRate::from_kbps(400));
        for (number, (width, height)) in [(320, 180), (640, 360), (160, 90)].into_iter().enumerate() {
            let encoded = encoder.encode(&picture(width, height, number as u32), false).unwrap().unwrap();
            assert!(encoded.keyframe, "{codec:?} {width}x{height}");
            let decoded = decoder.decode(&encoded).unwrap().unwrap();
            assert_eq!((decoded.width(), decoded.height()), (width, height));
        }
    }
}

/// The gradient under noise that cannot be predicted, so that the target decides the size.
fn noisy_picture(number: u32) -> VideoFrame {
    let source = picture(640, 360, number);
    let mut buffer = I420Buffer::copy_of(&source).unwrap();
    let mut seed = number.wrapping_mul(2_654_435_761) | 1;
    let [y, ..] = buffer.planes_mut();
    for sample in y.data {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = sample.wrapping_add((seed >> 27) as u8);
    }
    buffer.freeze(source.timestamp())
}

#[test]
fn a_higher_target_is_followed() {
    for codec in video_codecs() {
        let (mut encoder, _) = pair(codec, 640, 360, BitRate::from_kbps(300));
        let mut sizes = [0; 2];
        for number in 0..180 {
            if number == 90 {
                encoder.set_target(BitRate::from_kbps(1500), FRAMES_PER_SECOND).unwrap();
            }
            let encoded = encoder.encode(&noisy_picture(number), false).unwrap();
            // The first second after each target is left to the rate control.
            if number % 90 >= 30 {
                sizes[number as usize / 90] += encoded.map_or(0, |frame| frame.data.len());
            }
        }
        assert!(sizes[1] > sizes[0] * 2, "{codec:?}: {sizes:?} bytes in two seconds each");
    }
}

#[test]
fn garbage_is_an_error_and_the_next_keyframe_decodes_again() {
    for codec in video_codecs() {
        let (mut encoder, mut decoder) = pair(codec, 320, 180, BitRate::from_kbps(400));
        let good = encoder.encode(&picture(320, 180, 0), true).unwrap().unwrap();
        decoder.decode(&good).unwrap().unwrap();
        let mut seed = 1_u32;
        for round in 0..200 {
            let mut data = good.data.to_vec();
            for _ in 0..=round % 20 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let position = seed as usize % data.len();
                data[position] = (seed >> 24) as u8;
            }
            data.truncate(data.len() - (round * 7) % data.len());
            // Damage may go unnoticed; it must not crash.
            let _ = decoder.decode(&EncodedFrame { data: data.into(), ..good.clone() });
        }
        let mut fresh = video_decoder(codec).unwrap();
        let picture = fresh.decode(&good).unwrap().unwrap();
        assert_eq!((picture.width(), picture.height()), (320, 180));
    }
}

#[test]
fn a_vp8_keyframe_that_claims_an_absurd_size_is_refused() {
    if !is_available(Codec::Vp8) {
        return;
    }
    let data = vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0];
    let frame = EncodedFrame {
        codec: Codec::Vp8,
        timestamp: Time::ZERO,
        duration: Duration::ZERO,
        keyframe: true,
        data: data.into(),
    };
    assert!(video_decoder(Codec::Vp8).unwrap().decode(&frame).is_err());
}

fn tone(number: u64, channels: u16) -> AudioFrame {
    let samples = (0..960).flat_map(|index| {
        let phase = (number * 960 + index) as f64 * 440.0 * std::f64::consts::TAU / 48_000.0;
        std::iter::repeat_n((phase.sin() * 8000.0) as i16, usize::from(channels))
    });
    AudioFrame {
        timestamp: Time::from_millis(number * 20),
        sample_rate: 48_000,
        channels,
        samples: samples.collect(),
    }
}

fn level(samples: &[i16]) -> f64 {
    (samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

#[test]
fn sound_survives_encoding_with_one_and_two_channels() {
    if !is_available(Codec::Opus) {
        return;
    }
    assert_eq!(Codec::Opus.kind(), MediaKind::Audio);
    for channels in [1, 2] {
        let mut encoder = audio_encoder(channels).unwrap();
        let mut decoder = audio_decoder(2).unwrap();
        let mut out = Vec::new();
        for number in 0..50 {
            let packet = encoder.encode(&tone(number, channels)).unwrap();
            assert_eq!(packet.duration, Duration::from_millis(20));
            decoder.decode(&packet.data, &mut out).unwrap();
        }
        assert_eq!(out.len(), 50 * 960 * 2);
        let heard = level(&out[out.len() / 2..]);
        assert!((4500.0..7000.0).contains(&heard), "a sine of 8000 has a level of 5657, not {heard}");
    }
}

#[test]
fn a_lost_packet_is_recovered_from_the_next_or_concealed() {
    if !is_available(Codec::Opus) {
        return;
    }
    let mut encoder = audio_encoder(1).unwrap();
    encoder.set_expected_loss(20).unwrap();
    let packets: Vec<_> = (0..20).map(|number| encoder.encode(&tone(number, 1)).unwrap().data).collect();
    let mut decoder = audio_decoder(1).unwrap();
    let mut out = Vec::new();
    for packet in &packets[..10] {
        decoder.decode(packet, &mut out).unwrap();
    }
    let before = out.len();
    decoder.recover(&packets[11], 960, &mut out).unwrap();
    assert_eq!(out.len(), before + 960);
    assert!(level(&out[before..]) > 2000.0, "the lost tone goes on");
    decoder.conceal(480, &mut out).unwrap();
    assert_eq!(out.len(), before + 1440);
    assert!(encoder.set_expected_loss(101).is_err());
}

#[test]
fn frames_of_the_wrong_shape_and_broken_packets_are_refused() {
    if !is_available(Codec::Opus) {
        return;
    }
    let mut encoder = audio_encoder(1).unwrap();
    assert!(encoder.encode(&tone(0, 2)).is_err());
    let short = AudioFrame { samples: vec![0; 100], ..tone(0, 1) };
    assert!(encoder.encode(&short).is_err());
    let mut decoder = audio_decoder(1).unwrap();
    let mut out = vec![7];
    assert!(decoder.decode(&[], &mut out).is_err());
    assert!(decoder.decode(&[0xff, 0xff, 0xff], &mut out).is_err());
    assert_eq!(out, [7], "nothing was appended");
}

#[test]
fn a_codec_of_the_wrong_kind_is_refused() {
    let settings =
        EncoderSettings { width: 64, height: 64, rate: BitRate::from_kbps(100), frames_per_second: 30 };
    let refused = video_encoder(Codec::Opus, settings).err().unwrap();
    assert_eq!(refused.codec, Codec::Opus);
    assert!(video_decoder(Codec::Opus).is_err());
}

#[test]
fn only_one_or_two_channels_of_sound_are_accepted() {
    for channels in [0, 3, u16::MAX] {
        assert!(audio_encoder(channels).is_err());
        assert!(audio_decoder(channels).is_err());
    }
}
