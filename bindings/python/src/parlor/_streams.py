"""Streams, tracks, and where received media goes."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Callable, Generic, Protocol, TypeVar

from . import _engine
from ._engine import MediaKind, ParlorError, SinkWants, Status, TrackStats
from ._frames import AudioFrame, EncodedFrame, VideoFrame
from ._sources import AudioPlayout, AudioSource, VideoSource

if TYPE_CHECKING:
    from ._session import Session

_Frame = TypeVar("_Frame", VideoFrame, AudioFrame)


class _Sink(Generic[_Frame]):
    """The app's functions for a track. The session holds them, the engine only weakly, so that an app object which has
    both a session and a sink of it can be collected."""

    def __init__(
        self,
        on_frame: Callable[[_Frame], object] | None,
        on_encoded: Callable[[EncodedFrame], object] | None,
    ) -> None:
        self.on_frame = on_frame
        self.on_encoded = on_encoded

    def wants(self) -> SinkWants:
        if self.on_frame is None:
            return SinkWants.ENCODED
        return SinkWants.DECODED if self.on_encoded is None else SinkWants.BOTH


class _VideoBridge(_engine.VideoSink):
    def __init__(self, sink: _Sink[VideoFrame]) -> None:
        self._wants = sink.wants()
        self._sink = weakref.ref(sink)

    def wants(self) -> SinkWants:
        return self._wants

    def on_frame(self, frame: _engine.VideoFrame, layout: int) -> None:
        sink = self._sink()
        if sink is not None and sink.on_frame is not None:
            sink.on_frame(VideoFrame(frame, layout))

    def on_encoded(self, frame: _engine.EncodedFrame) -> None:
        sink = self._sink()
        if sink is not None and sink.on_encoded is not None:
            sink.on_encoded(EncodedFrame(frame))


class _AudioBridge(_engine.AudioSink):
    def __init__(self, sink: _Sink[AudioFrame]) -> None:
        self._wants = sink.wants()
        self._sink = weakref.ref(sink)

    def wants(self) -> SinkWants:
        return self._wants

    def on_frame(self, frame: _engine.AudioFrame) -> None:
        sink = self._sink()
        if sink is not None and sink.on_frame is not None:
            sink.on_frame(AudioFrame(frame))

    def on_encoded(self, frame: _engine.EncodedFrame) -> None:
        sink = self._sink()
        if sink is not None and sink.on_encoded is not None:
            sink.on_encoded(EncodedFrame(frame))


class _Owner(Protocol):
    """What of a session a track needs."""

    _sinks: dict[int, object]


class MediaTrack:
    """A track: one of this process's, or one that a remote peer sends. A remote one keeps its session.

    What can only be asked of a remote track answers `INVALID_STATE` for a local one, and `UNKNOWN_ID` once it has ended.
    """

    def __init__(self, core: _engine.MediaTrack, session: Session | None) -> None:
        self._core = core
        self._session: _Owner | None = session

    def id(self) -> int:
        """Returns the track's id."""
        return self._core.id()

    def kind(self) -> MediaKind:
        """Returns sound or pictures."""
        return self._core.kind()

    def set_video_sink(
        self,
        on_frame: Callable[[VideoFrame], object] | None,
        on_encoded: Callable[[EncodedFrame], object] | None = None,
    ) -> None:
        """Sets what is called with each picture of a remote video track, with each encoded frame as it came, or both.

        They are called on a media thread, one call at a time, and must not block: a slow sink loses frames, counted as
        dropped. Whoever receives a frame releases it. With both None the track stops, and a call under way on another
        thread has returned then.
        """
        if on_frame is None and on_encoded is None:
            self._core.set_video_sink(None)
            self._keep(None)
        else:
            sink = _Sink(on_frame, on_encoded)
            self._core.set_video_sink(_VideoBridge(sink))
            self._keep(sink)

    def set_audio_sink(
        self,
        on_frame: Callable[[AudioFrame], object] | None,
        on_encoded: Callable[[EncodedFrame], object] | None = None,
    ) -> None:
        """Sets what is called with each 20 ms of a remote audio track, 48 kHz stereo, with each Opus packet as it came,
        or both; otherwise as `set_video_sink`, on the playout thread."""
        if on_frame is None and on_encoded is None:
            self._core.set_audio_sink(None)
            self._keep(None)
        else:
            sink = _Sink(on_frame, on_encoded)
            self._core.set_audio_sink(_AudioBridge(sink))
            self._keep(sink)

    def play(self, playout: AudioPlayout) -> None:
        """Mixes a remote audio track into what a playout plays, in place of its sink."""
        self._core.play(playout._core)
        self._keep(None)

    def record(self, path: str) -> None:
        """Records a remote track into a file, in place of its sink; as `Session.record`."""
        self._core.record(path)
        self._keep(None)

    def stats(self) -> TrackStats:
        """Returns the figures of a remote track."""
        return self._core.stats()

    def _keep(self, sink: object | None) -> None:
        if self._session is None:
            raise ParlorError.Failed(Status.INVALID_STATE, "this is a local track")
        if sink is None:
            self._session._sinks.pop(self.id(), None)
        else:
            self._session._sinks[self.id()] = sink


class MediaStream:
    """A set of tracks that belong together, such as a camera and its microphone. Tracks are added before the stream is
    added to a session, which then keeps it."""

    def __init__(self) -> None:
        self._core = _engine.MediaStream()

    def id(self) -> int:
        """Returns the stream's id, unique in the process."""
        return self._core.id()

    def add_video(self, source: VideoSource) -> MediaTrack:
        """Adds a video track. Errors: `INVALID_STATE` when the stream has 8 tracks."""
        return MediaTrack(self._core.add_video(source._core), None)

    def add_audio(self, source: AudioSource) -> MediaTrack:
        """Adds an audio track. Errors: `INVALID_STATE` when the stream has 8 tracks."""
        return MediaTrack(self._core.add_audio(source._core), None)

    def tracks(self) -> list[MediaTrack]:
        """Returns the tracks, in the order in which they were added."""
        return [MediaTrack(core, None) for core in self._core.tracks()]
