"""Media that the app makes, plays, and takes as it came."""

import array
import asyncio
import struct

import numpy as np
from parlor import (
    AudioPlayout,
    AudioSource,
    Codec,
    EncodedFrame,
    EncodedInfo,
    Event,
    MediaKind,
    MediaStream,
    PixelFormat,
    Session,
    SessionConfig,
    VideoFrame,
    VideoSource,
)

from support import LOUD_DBFS, MEDIA, Inbox, asynchronous, event_of, level_dbfs, tone, until

WIDTH, HEIGHT = 64, 48


def ivf_frames() -> list[bytes]:
    """The frames of a VP8 file: a header of 32 bytes, and one of 12 before each."""
    data = (MEDIA / "bunny.ivf").read_bytes()
    frames, at = [], 32
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        frames.append(data[at + 12 : at + 12 + length])
        at += 12 + length
    return frames


async def receive(session: Session, events: object, kind: MediaKind) -> object:
    added = await event_of(events, Event.TRACK_ADDED, kind=kind)  # type: ignore[arg-type]
    return session.remote_track(added.track_id)


@asynchronous
async def test_pictures_from_numpy_are_seen_at_the_other_end(config: SessionConfig) -> None:
    async with Session(config) as ann, Session(config) as bob:
        source, stream, events = VideoSource(), MediaStream(), bob.events()
        stream.add_video(source)
        ann.add_stream(stream)
        await ann.join("numpy")
        await bob.join("numpy")
        track = await receive(bob, events, MediaKind.VIDEO)
        means: list[tuple[float, float]] = []

        def on_frame(frame: VideoFrame) -> None:
            with frame, frame.convert(PixelFormat.I420) as picture:
                y = picture.arrays()[0]
                means.append((y[:, : WIDTH // 2 - 8].mean(), y[:, WIDTH // 2 + 8 :].mean()))

        track.set_video_sink(on_frame)
        y = np.full((HEIGHT, WIDTH), 200, np.uint8)
        y[:, : WIDTH // 2] = 50
        grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
        while len(means) < 5:
            source.push_planes(PixelFormat.I420, WIDTH, HEIGHT, [y, grey, grey])
            with VideoFrame.copy(PixelFormat.I420, WIDTH, HEIGHT, [y, grey, grey]) as frame:
                source.push(frame)
            await asyncio.sleep(1 / 30)  # The rate of a camera.
        assert abs(means[-1][0] - 50) < 10 and abs(means[-1][1] - 200) < 10
        assert source.frames() >= 5
        assert track.stats().width == WIDTH
        track.set_video_sink(None)


@asynchronous
async def test_sound_is_pushed_at_one_end_and_pulled_at_the_other(config: SessionConfig) -> None:
    async with Session(config) as ann, Session(config) as bob:
        source, stream, events, playout = AudioSource(1), MediaStream(), bob.events(), AudioPlayout()
        stream.add_audio(source)
        ann.add_stream(stream)
        await ann.join("sound")
        await bob.join("sound")
        track = await receive(bob, events, MediaKind.AUDIO)
        track.play(playout)
        sound = tone(100)
        floats = np.frombuffer(sound, np.int16).astype(np.float32) / 32768
        pulled = array.array("h", bytes(2 * 2 * 4800))
        for _ in range(200):
            source.push_i16(sound)
            await asyncio.sleep(0.1)  # Sound has a rate; faster, the source is busy.
            source.push_f32(floats)
            await asyncio.sleep(0.1)
            if playout.pull(pulled) and level_dbfs(pulled[::16]) > LOUD_DBFS:
                break
        else:
            raise AssertionError("nothing was heard")


@asynchronous
async def test_encoded_frames_go_in_and_come_out_as_they_are(config: SessionConfig) -> None:
    frames = ivf_frames()
    asked: list[str] = []
    async with Session(config) as ann, Session(config) as bob:
        source = VideoSource.encoded(
            Codec.VP8, lambda: asked.append("keyframe"), lambda rate: asked.append(f"rate {rate > 0}")
        )
        stream, events = MediaStream(), bob.events()
        stream.add_video(source)
        ann.add_stream(stream)
        await ann.join("encoded")
        await bob.join("encoded")
        track = await receive(bob, events, MediaKind.VIDEO)
        came: list[bytes] = []
        decoded: list[tuple[int, int]] = []

        def on_encoded(frame: EncodedFrame) -> None:
            with frame:
                assert frame.layout().info.codec is Codec.VP8
                came.append(bytes(frame.data()))

        def on_frame(frame: VideoFrame) -> None:
            with frame:
                decoded.append((frame.layout().width, frame.layout().height))

        track.set_video_sink(on_frame, on_encoded)
        for number in range(30 * 20):
            frame = frames[number % len(frames)]
            keyframe = frame[0] & 1 == 0  # RFC 6386, section 9.1
            info = EncodedInfo(codec=Codec.VP8, keyframe=keyframe, timestamp_us=0, duration_us=0)
            source.push_encoded(info, frame)
            if len(came) >= 10 and len(decoded) >= 10 and "rate True" in asked:
                break
            await asyncio.sleep(1 / 30)
        assert len(decoded) >= 10
        assert set(came) <= set(frames)
        assert "keyframe" in asked and "rate True" in asked


@asynchronous
async def test_packets_of_sound_are_sent_on_as_they_came(config: SessionConfig) -> None:
    async with Session(config) as ann, Session(config) as bob:
        ann_inbox, events = Inbox(ann), bob.events()
        there, back, source = MediaStream(), MediaStream(), AudioSource.encoded()
        there.add_audio(AudioSource.tone(440))
        back.add_audio(source)
        ann.add_stream(there)
        bob.add_stream(back)
        await ann.join("packets")
        await bob.join("packets")

        def on_encoded(frame: EncodedFrame) -> None:
            with frame:
                assert frame.layout().info.codec is Codec.OPUS
                info = EncodedInfo(codec=Codec.OPUS, keyframe=True, timestamp_us=0, duration_us=20_000)
                source.push_encoded(info, frame.data())

        (await receive(bob, events, MediaKind.AUDIO)).set_audio_sink(None, on_encoded)
        await until("the tone comes back", lambda: ann_inbox.loud >= 10)


@asynchronous
async def test_tracks_are_recorded(config: SessionConfig, tmp_path: object) -> None:
    async with Session(config) as ann, Session(config) as bob:
        stream, events = MediaStream(), bob.events()
        stream.add_audio(AudioSource.tone(440))
        ann.add_stream(stream)
        await ann.join("recorded")
        await bob.join("recorded")
        track = await receive(bob, events, MediaKind.AUDIO)
        track.record(f"{tmp_path}/sound.wav")
        await until("a second of sound", lambda: track.stats().audio_played_us > 1_000_000)
        bob.shutdown()
        with open(f"{tmp_path}/sound.wav", "rb") as file:
            assert len(file.read()) > 100_000
