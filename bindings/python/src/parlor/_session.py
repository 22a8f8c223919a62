"""The session: join a channel by name and meet everyone in it."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from types import TracebackType

from . import _engine, _reaper
from ._engine import (
    Credential,
    DataChannelOptions,
    ParlorError,
    PeerState,
    PeerStats,
    SessionConfig,
    SessionState,
)
from ._events import EventCallback, Events, Listener, Receiver, Subscribers, TokenProvider
from ._streams import MediaStream, MediaTrack

_NOT_IN_A_CHANNEL = (SessionState.IDLE, SessionState.CLOSED)


class Session:
    """A call: one connection to the server, one channel, one link to each remote peer.

    An asynchronous context manager: at its end the session leaves and is shut down. One that nobody refers to any more
    leaves in the background. Every function may be called from any thread, also from inside a callback; the coroutines
    belong to an event loop.
    """

    def __init__(
        self,
        config: SessionConfig,
        *,
        on_event: EventCallback | None = None,
        token: TokenProvider | None = None,
    ) -> None:
        """Makes a session; it does not connect yet.

        `on_event` is called for each event on a thread of the session's own, one at a time; what it raises is logged.
        `token` goes with `Credential.TOKEN_ON_DEMAND`: a coroutine function that is awaited, in the event loop of
        `join`, each time that the session connects; when it raises or returns None, that attempt fails.

        Errors: `INVALID_ARGUMENT` when the URL, the credential or an ICE server is not well-formed; `UNSUPPORTED_CODEC`
        when a codec is not compiled in; `CONNECTION_FAILED` when the default engine can open no socket.
        """
        if token is not None and not isinstance(config.credential, Credential.TOKEN_ON_DEMAND):
            raise ValueError("a token provider goes with Credential.TOKEN_ON_DEMAND")
        self._sinks: dict[int, object] = {}
        self._subscribers = Subscribers()
        self._receiver = Receiver(self._subscribers, on_event, token, self._sinks)
        self._core = _engine.Session(config, Listener(self._receiver))
        self._receiver.core = weakref.ref(self._core)
        _reaper.start()
        self._finalizer = weakref.finalize(self, _reaper.end_later, self._core, self._subscribers)

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.state() not in _NOT_IN_A_CHANNEL:
                # A session that was closed meanwhile has left already.
                with contextlib.suppress(ParlorError):
                    await self.leave()
        finally:
            self.shutdown()

    def events(self) -> Events:
        """Returns a new iterator over the events from now on; see `Events` for what it keeps."""
        return self._subscribers.add()

    async def join(self, channel: str) -> None:
        """Joins a channel. Cancelled, it becomes a leave.

        Errors: how it failed; `INVALID_ARGUMENT` for a name that no server accepts, `INVALID_STATE` when the session is
        in a channel, `CLOSED`.
        """
        self._receiver.loop = asyncio.get_running_loop()
        await self._core.join(channel).done()

    async def leave(self) -> None:
        """Leaves; it ends within a bound, whatever the network does, also when it is cancelled.

        Streams stay added, and the session may join again. Errors: `CLOSED`.
        """
        await self._core.leave().done()

    async def send(self, data: str) -> None:
        """Sends a JSON text to everyone in the channel. Cancelled, it is sent all the same.

        Errors: how it failed; `INVALID_ARGUMENT` when it is no JSON; `CLOSED`.
        """
        await self._core.send(data).done()

    async def send_to(self, peer_id: int, data: str) -> None:
        """Sends a JSON text to one peer; otherwise as `send`. Errors: also `UNKNOWN_ID` when there is no such peer."""
        await self._core.send_to(peer_id, data).done()

    def add_stream(self, stream: MediaStream, metadata: str | None = None) -> None:
        """Adds a stream; everyone in the channel gets it, now or when the session joins.

        `metadata` is the text of a JSON object that receivers get with it, such as `{"role":"camera"}`.
        Errors: `INVALID_ARGUMENT` when the metadata is no JSON object, or the stream has no track or was added before;
        `CLOSED`.
        """
        self._core.add_stream(stream._core, metadata)

    def remove_stream(self, stream: MediaStream) -> None:
        """Takes a stream back. Errors: `UNKNOWN_ID` when the session does not have it; `CLOSED`."""
        self._core.remove_stream(stream._core)

    def open_channel(self, peer_id: int, label: str, options: DataChannelOptions | None = None) -> int:
        """Opens a data channel straight to a peer and returns its id; it is open at `CHANNEL_OPEN`, and what is sent
        before waits. It is opened anew by itself when the link to the peer is replaced.

        Errors: `UNKNOWN_ID` when there is no such peer; `INVALID_ARGUMENT` for a label of more than 65,535 bytes or both
        kinds of limits; `CLOSED`.
        """
        return self._core.open_channel(peer_id, label, options or DataChannelOptions())

    def send_text(self, channel_id: int, text: str) -> None:
        """Sends a text on a data channel, whoever opened it.

        Errors: `BUSY` when more than 1 MiB or 256 messages wait in it, and `CHANNEL_WRITABLE` says when to go on;
        `PAYLOAD_TOO_LARGE` for more than the peer takes; `UNKNOWN_ID` when there is no such channel; `CLOSED`.
        """
        self._core.send_text(channel_id, text)

    def send_bytes(self, channel_id: int, data: bytes) -> None:
        """Sends bytes on a data channel; otherwise as `send_text`."""
        self._core.send_bytes(channel_id, bytes(data))

    def close_channel(self, channel_id: int) -> None:
        """Closes a data channel, whoever opened it; what waits in it is lost. Errors: `UNKNOWN_ID`, `CLOSED`."""
        self._core.close_channel(channel_id)

    def channel_buffered_amount(self, channel_id: int) -> int:
        """Returns how many bytes wait in a data channel beside the 1 MiB that its link has in flight.

        Errors: `UNKNOWN_ID` when there is no such channel; `CLOSED`.
        """
        return self._core.channel_buffered_amount(channel_id)

    def network_changed(self) -> None:
        """Says that the device is on another network; Linux needs no call. Errors: `CLOSED`."""
        self._core.network_changed()

    def provide_token(self, request_id: int, token: str | None) -> None:
        """Answers `TOKEN_NEEDED` where no token provider does; None means that there is no token. Errors: `CLOSED`."""
        self._core.provide_token(request_id, token)

    def record(self, track_id: int, path: str) -> None:
        """Records a remote track into a file, in place of its sink. The name's end says what is written: `.ivf` a video
        track's frames as they came, `.ogg` an audio track's packets as they came, `.wav` its sound as it is played.

        Errors: `INVALID_ARGUMENT` for another end of the name, `MEDIA_FILE` when the file cannot be made, `UNKNOWN_ID`
        when there is no such remote track, `CLOSED`.
        """
        self._core.record(track_id, path)
        self._sinks.pop(track_id, None)

    def state(self) -> SessionState:
        """Returns the session's state."""
        return self._core.state()

    def peer_id(self) -> str | None:
        """Returns this session's own peer id on the wire, once the server has given it."""
        return self._core.peer_id()

    def remote_peers(self) -> list[RemotePeer]:
        """Returns the remote peers, in the order in which they came."""
        return [RemotePeer(core, self) for core in self._core.remote_peers()]

    def remote_peer(self, peer_id: int) -> RemotePeer:
        """Returns the remote peer that an event names. One that has left by now answers `UNKNOWN_ID`."""
        return RemotePeer(self._core.remote_peer(peer_id), self)

    def remote_track(self, track_id: int) -> MediaTrack:
        """Returns the remote track that `TRACK_ADDED` names, to receive it. Errors: `UNKNOWN_ID`, `CLOSED`."""
        return MediaTrack(self._core.remote_track(track_id), self)

    def shutdown(self) -> None:
        """Ends the session: it leaves in the background, and no callback is called after this returns, except the one
        that it is called from. Iterators over its events end. Every later call answers `CLOSED`, and so does every
        request under way. Twice does nothing."""
        self._core.shutdown()
        self._subscribers.end()
        self._sinks.clear()
        self._finalizer.detach()


class RemotePeer:
    """Somebody else in the channel. It keeps its session; what is asked after the peer has left answers `UNKNOWN_ID`."""

    def __init__(self, core: _engine.RemotePeer, session: Session) -> None:
        self._core = core
        self._session = session

    def id(self) -> int:
        """Returns the id that events carry."""
        return self._core.id()

    def wire_id(self) -> str:
        """Returns the peer's id on the wire."""
        return self._core.wire_id()

    def metadata(self) -> str | None:
        """Returns what the server says of the peer, the text of a JSON object."""
        return self._core.metadata()

    def state(self) -> PeerState:
        """Returns the state of the connection to the peer."""
        return self._core.state()

    def stats(self) -> PeerStats:
        """Returns the figures of the connection to the peer, renewed about twice a second."""
        return self._core.stats()

    async def send(self, data: str) -> None:
        """Sends a JSON text to the peer; as `Session.send_to`."""
        await self._core.send(data).done()

    def open_channel(self, label: str, options: DataChannelOptions | None = None) -> int:
        """Opens a data channel to the peer and returns its id; as `Session.open_channel`."""
        return self._core.open_channel(label, options or DataChannelOptions())
