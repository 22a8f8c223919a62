"""Where sent media comes from, and where received sound is mixed."""

from __future__ import annotations

import weakref
from typing import Any, Callable, Sequence

from . import _engine, _memory
from ._engine import Codec, EncodedInfo, FileMode, PixelFormat
from ._frames import VideoFrame


class _Observer(_engine.EncodedSourceObserver):
    """Tells a source what receivers need, for as long as the app has the source: the engine keeps only this."""

    def __init__(self, source: VideoSource) -> None:
        self._source = weakref.ref(source)

    def on_keyframe_request(self) -> None:
        source = self._source()
        if source is not None and source._on_keyframe_request is not None:
            source._on_keyframe_request()

    def on_target_bitrate(self, bits_per_second: int) -> None:
        source = self._source()
        if source is not None and source._on_target_bitrate is not None:
            source._on_target_bitrate(bits_per_second)


class VideoSource:
    """A source of pictures. Each is encoded once per codec, however many peers receive it."""

    _core: _engine.VideoSource
    _on_keyframe_request: Callable[[], object] | None = None
    _on_target_bitrate: Callable[[int], object] | None = None

    def __init__(self) -> None:
        """Makes a source that the app feeds with `push` or `push_planes`."""
        self._core = _engine.VideoSource()

    @classmethod
    def encoded(
        cls,
        codec: Codec,
        on_keyframe_request: Callable[[], object] | None = None,
        on_target_bitrate: Callable[[int], object] | None = None,
    ) -> VideoSource:
        """Makes a source that the app feeds with `push_encoded` frames of one codec.

        `on_keyframe_request` is called when the next frame should be a keyframe, `on_target_bitrate` with the rate to
        aim at, in bits per second, when it changes; both on threads of the engine, and they must not block.

        Errors: `UNSUPPORTED_CODEC` when the codec is not one for pictures.
        """
        source = cls.__new__(cls)
        source._on_keyframe_request, source._on_target_bitrate = on_keyframe_request, on_target_bitrate
        source._core = _engine.VideoSource.encoded(codec, _Observer(source))
        return source

    @classmethod
    def test_pattern(cls, width: int, height: int, frames_per_second: int) -> VideoSource:
        """Makes a moving test pattern, stamped with frame number and send time. Errors: `INVALID_ARGUMENT`."""
        return cls._of(_engine.VideoSource.test_pattern(width, height, frames_per_second))

    @classmethod
    def from_file(cls, path: str, mode: FileMode = FileMode.DECODE) -> VideoSource:
        """Plays a VP8 file in IVF, over and over. Errors: `MEDIA_FILE`."""
        return cls._of(_engine.VideoSource.from_file(path, mode))

    @classmethod
    def _of(cls, core: _engine.VideoSource) -> VideoSource:
        source = cls.__new__(cls)
        source._core = core
        return source

    def push(self, frame: VideoFrame) -> None:
        """Gives a picture to the encoders; returns at once. One that was not encoded yet gives way to the next.

        The picture stays its owner's to release. Errors: `INVALID_STATE` when this source is fed otherwise, `CLOSED`.
        """
        self._core.push(frame._held())

    def push_planes(
        self,
        format: PixelFormat,
        width: int,
        height: int,
        planes: Sequence[Any],
        strides: Sequence[int] | None = None,
        timestamp_us: int = 0,
    ) -> None:
        """Copies a picture from the app's memory and gives it to the encoders; otherwise as `push`.

        A plane is anything with the buffer protocol: an array of NumPy with rows first tells its stride by itself;
        flat bytes have those of `strides`, or rows one after the other. `timestamp_us` is by `time_us`; 0 means now.

        Errors: `INVALID_FRAME` when size, format or planes do not fit; as `push`.
        """
        with _memory.borrow_picture(format, width, height, planes, strides, timestamp_us) as layout:
            self._core.push_planes(layout)

    def push_encoded(self, info: EncodedInfo, data: Any) -> None:
        """Sends an encoded frame, whose bytes are copied; returns at once.

        Errors: `INVALID_STATE` when this source is fed otherwise, `INVALID_FRAME` when the frame is empty or of another
        codec.
        """
        self._core.push_encoded(info, bytes(data))

    def frames(self) -> int:
        """Returns how many pictures this source was given so far."""
        return self._core.frames()


class AudioSource:
    """A source of sound."""

    _core: _engine.AudioSource

    def __init__(self, channels: int = 1) -> None:
        """Makes a source that the app feeds with `push_i16` or `push_f32`, encoded with 1 or 2 channels.

        Errors: `INVALID_ARGUMENT` for another number of channels.
        """
        self._core = _engine.AudioSource(channels)

    @classmethod
    def encoded(cls) -> AudioSource:
        """Makes a source that the app feeds with Opus packets by `push_encoded`."""
        return cls._of(_engine.AudioSource.encoded())

    @classmethod
    def tone(cls, frequency: float) -> AudioSource:
        """Makes a sine tone at -12 dBFS; `frequency` is in hertz, 20 to 20000. Errors: `INVALID_ARGUMENT`."""
        return cls._of(_engine.AudioSource.tone(frequency))

    @classmethod
    def from_file(cls, path: str, mode: FileMode = FileMode.DECODE) -> AudioSource:
        """Plays an Ogg Opus or WAV (48 kHz) file, over and over. Errors: `MEDIA_FILE`."""
        return cls._of(_engine.AudioSource.from_file(path, mode))

    @classmethod
    def _of(cls, core: _engine.AudioSource) -> AudioSource:
        source = cls.__new__(cls)
        source._core = core
        return source

    def push_i16(self, samples: Any, channels: int = 1, sample_rate: int = 48000, captured_us: int = 0) -> None:
        """Gives interleaved signed 16-bit sound to the encoder, 48 kHz, any length; it is copied.

        `samples` is anything contiguous of that type with the buffer protocol, such as an `array.array("h")` or an
        array of NumPy. `captured_us` is when the first one was captured, by `time_us`; 0 means now.

        Errors: `INVALID_FRAME` when the sound is not 48 kHz, 1 or 2 channels, in whole samples; `INVALID_STATE` when
        this source is fed otherwise; `BUSY` when more than a second waits for the encoder.
        """
        with _memory.borrow_samples(samples, "h") as (address, count):
            self._core.push_i16(address, count, sample_rate, channels, captured_us)

    def push_f32(self, samples: Any, channels: int = 1, sample_rate: int = 48000, captured_us: int = 0) -> None:
        """Gives interleaved sound of ±1.0 to the encoder, 32-bit floats; otherwise as `push_i16`."""
        with _memory.borrow_samples(samples, "f") as (address, count):
            self._core.push_f32(address, count, sample_rate, channels, captured_us)

    def push_encoded(self, info: EncodedInfo, data: Any) -> None:
        """Sends an Opus packet, whose bytes are copied; returns at once.

        Errors: `INVALID_STATE` when this source is fed otherwise, `INVALID_FRAME` when the packet is empty or not Opus.
        """
        self._core.push_encoded(info, bytes(data))


class AudioPlayout:
    """A mixer that an app pulls its sound from when its device asks, 48 kHz stereo. `MediaTrack.play` adds a track."""

    def __init__(self) -> None:
        self._core = _engine.AudioPlayout()

    def pull(self, samples: Any) -> int:
        """Fills a writable buffer of signed 16-bit samples with interleaved stereo, silence where no track has sound.

        Returns how many samples some track had. It never waits.
        """
        with _memory.borrow_samples(samples, "h", writable=True) as (address, count):
            return self._core.pull(address, count)


class Reference:
    """The pictures that were sent, to compare with those that came."""

    _core: _engine.Reference

    @classmethod
    def from_file(cls, path: str) -> Reference:
        """Opens a VP8 file in IVF that somebody in the call plays with `FileMode.DECODE`. Errors: `MEDIA_FILE`."""
        return cls._of(_engine.Reference.from_file(path))

    @classmethod
    def test_pattern(cls, width: int, height: int) -> Reference:
        """Makes the reference of the test pattern, for pictures of one size. Errors: `INVALID_ARGUMENT`."""
        return cls._of(_engine.Reference.test_pattern(width, height))

    @classmethod
    def _of(cls, core: _engine.Reference) -> Reference:
        reference = cls.__new__(cls)
        reference._core = core
        return reference

    def psnr(self, frame: VideoFrame) -> float:
        """Returns the peak signal-to-noise ratio of a received picture in dB, against the one that its stamp names.

        Errors: `INVALID_FRAME` when the picture has no readable stamp or another size; `CLOSED`.
        """
        return self._core.psnr(frame._held())
