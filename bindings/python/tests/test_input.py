"""Bad input gives clear errors."""

import array

import numpy as np
import pytest
from parlor import (
    AudioPlayout,
    AudioSource,
    Codec,
    Credential,
    DataChannelOptions,
    EncodedInfo,
    Engine,
    EngineConfig,
    MediaStream,
    ParlorError,
    PixelFormat,
    Reference,
    Session,
    SessionConfig,
    Status,
    VideoFrame,
    VideoSource,
)

from support import camera, status_of


def test_a_session_says_what_is_wrong_with_its_options(config: SessionConfig) -> None:
    for url in ("", "nonsense", "http://example.org", "ws://example.org"):
        with pytest.raises(ParlorError.Failed) as failure:
            Session(SessionConfig(url=url, credential=Credential.API_KEY("pk"), engine=config.engine))
        assert failure.value.status is Status.INVALID_ARGUMENT and failure.value.reason
    with pytest.raises(AttributeError):
        Session("ws://127.0.0.1")  # type: ignore[arg-type]
    assert status_of(lambda: Engine(EngineConfig(bind_addresses=["nowhere"]))) is Status.INVALID_ARGUMENT


def test_streams_and_channels_say_what_is_wrong(config: SessionConfig) -> None:
    session = Session(config)
    assert status_of(lambda: session.add_stream(camera(), "[]")) is Status.INVALID_ARGUMENT
    assert status_of(lambda: session.add_stream(MediaStream(), None)) is Status.INVALID_ARGUMENT
    assert status_of(lambda: session.remove_stream(MediaStream())) is Status.UNKNOWN_ID
    assert status_of(lambda: session.remote_track(7)) is Status.UNKNOWN_ID
    assert status_of(session.remote_peer(7).metadata) is Status.UNKNOWN_ID
    options = DataChannelOptions(max_retransmits=1, max_lifetime_ms=1)
    assert status_of(lambda: session.open_channel(7, "x", options)) in (Status.UNKNOWN_ID, Status.INVALID_ARGUMENT)
    with pytest.raises(TypeError):
        session.open_channel("seven", "x")  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        session.open_channel(-1, "x")
    local = camera().tracks()[0]
    assert status_of(lambda: local.set_video_sink(lambda _: None)) is Status.INVALID_STATE
    assert status_of(lambda: local.set_video_sink(None)) is Status.INVALID_STATE
    assert status_of(local.stats) is Status.INVALID_STATE
    session.shutdown()


def test_sources_say_what_is_wrong(tmp_path: object) -> None:
    assert status_of(lambda: VideoSource.test_pattern(0, 0, 0)) is Status.INVALID_ARGUMENT
    assert status_of(lambda: VideoSource.encoded(Codec.OPUS)) is Status.UNSUPPORTED_CODEC
    assert status_of(lambda: VideoSource.from_file(f"{tmp_path}/none.ivf")) is Status.MEDIA_FILE
    assert status_of(lambda: AudioSource.from_file(f"{tmp_path}/none.ogg")) is Status.MEDIA_FILE
    assert status_of(lambda: Reference.from_file(f"{tmp_path}/none.ivf")) is Status.MEDIA_FILE
    assert status_of(lambda: AudioSource(3)) is Status.INVALID_ARGUMENT
    assert status_of(lambda: AudioSource.tone(1)) is Status.INVALID_ARGUMENT
    info = EncodedInfo(codec=Codec.VP8, keyframe=True, timestamp_us=0, duration_us=0)
    assert status_of(lambda: VideoSource().push_encoded(info, b"x")) is Status.INVALID_STATE
    assert status_of(lambda: VideoSource.encoded(Codec.VP8).push_encoded(info, b"")) is Status.INVALID_FRAME


def test_pictures_that_do_not_fit_are_refused() -> None:
    source = VideoSource()
    for size, planes in ((4, [bytes(16)]), (4, [bytes(16), bytes(4), bytes(3)]), (0, [b"", b"", b""])):
        refused = status_of(lambda: source.push_planes(PixelFormat.I420, size, size, planes))
        assert refused in (Status.INVALID_FRAME, Status.NULL_POINTER)
    for count in (2, 4):
        planes = [bytes(64)] * count
        assert status_of(lambda: source.push_planes(PixelFormat.RGBA, 4, 4, planes)) is Status.INVALID_FRAME
    assert status_of(lambda: VideoFrame.packed(PixelFormat.RGBA, 4, 4, bytes(63))) is Status.INVALID_FRAME
    with pytest.raises(TypeError):
        source.push_planes(PixelFormat.RGBA, 4, 4, [np.zeros((4, 4, 4), np.float32)])
    with pytest.raises(ValueError, match="row"):
        source.push_planes(PixelFormat.RGBA, 4, 4, [np.zeros((4, 8, 4), np.uint8)[:, ::2]])
    with pytest.raises(ValueError, match="top to bottom"):
        source.push_planes(PixelFormat.RGBA, 4, 4, [np.zeros((4, 4, 4), np.uint8)[::-1]])
    with pytest.raises(TypeError):
        source.push_planes(PixelFormat.RGBA, 4, 4, ["pixels"])
    assert source.frames() == 0


def test_sound_that_does_not_fit_is_refused() -> None:
    source = AudioSource(1)
    samples = array.array("h", [0] * 960)
    assert status_of(lambda: source.push_i16(samples, sample_rate=44100)) is Status.INVALID_FRAME
    assert status_of(lambda: source.push_i16(array.array("h", [0] * 3), channels=2)) is Status.INVALID_FRAME
    with pytest.raises(TypeError, match="format 'h'"):
        source.push_i16(array.array("f", [0]))
    with pytest.raises(TypeError, match="format 'f'"):
        source.push_f32(samples)
    with pytest.raises(ValueError, match="contiguous"):
        source.push_i16(np.zeros(1920, np.int16)[::2])
    with pytest.raises(BufferError):
        AudioPlayout().pull(memoryview(samples).toreadonly())
    source.push_i16(samples)
    assert AudioPlayout().pull(samples) == 0
