"""Parlor: an embeddable call engine. Name a channel, add your streams, join.

    async with Session(SessionConfig(url=url, credential=Credential.API_KEY(key))) as session:
        events = session.events()
        await session.join("lobby")
        async for event in events:
            match event:
                case Event.PEER_JOINED(wire_id=wire_id):
                    print(wire_id, "is here")

Every function may be called from any thread. What the app hands over to be called, such as a sink, runs on a thread of
the engine and must not block; a coroutine that wants the outcome on its event loop uses `loop.call_soon_threadsafe`.
Failures are `ParlorError.Failed`, with a `status` that has the same number in every language.
"""

from ._engine import (
    Codec,
    Credential,
    DataChannelOptions,
    EncodedInfo,
    EncodedLayout,
    Engine,
    EngineConfig,
    Event,
    FileMode,
    IceServer,
    InternalError,
    LiveObjects,
    LogLevel,
    MediaKind,
    MessageKind,
    ParlorError,
    PeerState,
    PeerStats,
    PixelFormat,
    SessionConfig,
    SessionState,
    SinkWants,
    SoundLayout,
    Status,
    TrackStats,
    live_objects,
    time_us,
    version,
)
from ._events import Events
from ._frames import AudioFrame, EncodedFrame, VideoFrame
from ._log import set_log_sink
from ._memory import PictureLayout, Plane
from ._session import RemotePeer, Session
from ._sources import AudioPlayout, AudioSource, Reference, VideoSource
from ._streams import MediaStream, MediaTrack

__all__ = [
    "AudioFrame",
    "AudioPlayout",
    "AudioSource",
    "Codec",
    "Credential",
    "DataChannelOptions",
    "EncodedFrame",
    "EncodedInfo",
    "EncodedLayout",
    "Engine",
    "EngineConfig",
    "Event",
    "Events",
    "FileMode",
    "IceServer",
    "InternalError",
    "LiveObjects",
    "LogLevel",
    "MediaKind",
    "MediaStream",
    "MediaTrack",
    "MessageKind",
    "ParlorError",
    "PeerState",
    "PeerStats",
    "PictureLayout",
    "PixelFormat",
    "Plane",
    "Reference",
    "RemotePeer",
    "Session",
    "SessionConfig",
    "SessionState",
    "SinkWants",
    "SoundLayout",
    "Status",
    "TrackStats",
    "VideoFrame",
    "VideoSource",
    "live_objects",
    "set_log_sink",
    "time_us",
    "version",
]
