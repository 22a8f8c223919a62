"""One session of the Python package for the conformance tests, driven by lines of JSON.

Reads commands, `{"id", "call", …}`, and writes lines: `{"id", "value"}` or `{"id", "error", "message"}` for each, and
`{"event": {"name", "at", …}}` for what the session tells, with peers by their ids on the wire; the same as
`tests/conformance/engine`.
"""

from __future__ import annotations

import array
import json
import math
import re
import sys
import threading
from typing import Any, Callable, Iterator

import parlor
from parlor import AudioSource, Credential, Event, MediaKind, MediaStream, ParlorError, Status, VideoSource

#: A picture that a busy machine can carry several times: width, height, rate.
PICTURE = (320, 180, 15)
#: The tone's frequency in hertz.
TONE = 440
#: Sound that is heard, in dBFS.
LOUD_DBFS = -40

_output = threading.Lock()


def write(line: dict[str, Any]) -> None:
    with _output:
        print(json.dumps(line, ensure_ascii=False), flush=True)


def now_ms() -> float:
    return parlor.time_us() / 1000


def unknown(what: str) -> ParlorError:
    return ParlorError.Failed(Status.UNKNOWN_ID, f"there is no {what}")


def kebab(name: str) -> str:
    return name.lower().replace("_", "-")


class Received:
    """Counts what came of all tracks that a peer has sent so far. Each sink has one thread."""

    def __init__(self) -> None:
        self._pictures = 0
        self._packets = 0
        self._loud = 0
        self._first_picture: float | None = None
        self._last_picture: float | None = None
        self._longest_pause = 0.0

    def take(self) -> dict[str, Any]:
        """Returns the counts; the longest pause starts anew."""
        pause, self._longest_pause = self._longest_pause, 0.0
        return {
            "video": self._pictures,
            "audio": self._packets,
            "longestPauseMs": int(pause),
            "firstPictureAt": self._first_picture,
            "loud": self._loud,
        }

    def on_picture(self, frame: parlor.VideoFrame) -> None:
        frame.release()
        now = now_ms()
        if self._first_picture is None:
            self._first_picture = now
        if self._last_picture is not None:
            self._longest_pause = max(self._longest_pause, now - self._last_picture)
        self._last_picture = now
        self._pictures += 1

    def on_sound(self, frame: parlor.AudioFrame) -> None:
        with frame:
            samples = array.array("h", frame.samples())
        energy = sum(sample * sample for sample in samples) / max(len(samples), 1)
        if energy > 0 and 10 * math.log10(energy / 32768**2) > LOUD_DBFS:
            self._loud += 1

    def on_packet(self, packet: parlor.EncodedFrame) -> None:
        packet.release()
        self._packets += 1


class Peer:
    """The session of this process, and what its listener has learnt."""

    def __init__(self) -> None:
        self._session: parlor.Session | None = None
        self._added: dict[str, MediaStream] = {}
        # By the ids of events: also of peers that have left.
        self._peers: dict[int, str] = {}
        self._streams: dict[int, str] = {}
        self._tracks: dict[int, tuple[int, MediaKind]] = {}
        self._channels: dict[int, str] = {}
        self._received: dict[str, Received] = {}

    def answer(self, call: str, options: dict[str, Any]) -> Any:
        """Carries out a command and returns what it answers."""
        name = call.replace("-", "_")
        command: Callable[..., Any] | None = getattr(self, f"call_{name}", None)
        if command is None:
            raise ParlorError.Failed(Status.INVALID_ARGUMENT, f"there is no command {call}")
        names = {re.sub("[A-Z]", lambda it: f"_{it[0].lower()}", name): it for name, it in options.items()}
        return command(**names)

    def end(self) -> None:
        if self._session is not None:
            self._session.shutdown()

    def call_create(
        self,
        url: str,
        key: str | None = None,
        token: str | None = None,
        addresses: list[str] | None = None,
        include_sender_metadata: bool = False,
    ) -> None:
        if key is not None:
            credential = Credential.API_KEY(key)
        elif token is not None:
            credential = Credential.TOKEN(token)
        else:
            credential = Credential.TOKEN_ON_DEMAND()
        engine = parlor.Engine(parlor.EngineConfig(bind_addresses=addresses or []))
        config = parlor.SessionConfig(
            url=url, credential=credential, include_sender_metadata=include_sender_metadata, engine=engine
        )
        self._session = parlor.Session(config, on_event=self._on_event)

    def call_provide_token(self, request: int, token: str | None = None) -> None:
        self._get().provide_token(request, token)

    # The commands that start a request answer with its number and do not wait, which the veneer's coroutines do.

    def call_join(self, channel: str) -> int:
        return self._get()._core.join(channel).id()

    def call_leave(self) -> int:
        return self._get()._core.leave().id()

    def call_send(self, data: Any = None, to: str | None = None) -> int:
        text = json.dumps(data)
        if to is None:
            return self._get()._core.send(text).id()
        return self._get()._core.send_to(self._peer(to), text).id()

    def call_close(self) -> None:
        self._get().shutdown()

    def call_add_stream(self, stream: str, tracks: list[str], metadata: dict[str, Any] | None = None) -> None:
        made = MediaStream()
        for kind in tracks:
            if kind == "audio":
                made.add_audio(AudioSource.tone(TONE))
            else:
                made.add_video(VideoSource.test_pattern(*PICTURE))
        self._get().add_stream(made, None if metadata is None else json.dumps(metadata))
        self._added[stream] = made

    def call_remove_stream(self, stream: str) -> None:
        if stream not in self._added:
            raise unknown("such stream")
        self._get().remove_stream(self._added[stream])
        del self._added[stream]

    def call_open_channel(
        self, to: str, label: str, ordered: bool | None = None, max_retransmits: int | None = None
    ) -> int:
        options = parlor.DataChannelOptions(
            ordered=True if ordered is None else ordered, max_retransmits=max_retransmits
        )
        channel = self._get().open_channel(self._peer(to), label, options)
        self._channels[channel] = label
        return channel

    def call_send_on_channel(self, channel: int, text: str | None = None, bytes: str | None = None) -> None:
        if text is not None:
            self._get().send_text(channel, text)
        else:
            self._get().send_bytes(channel, bytearray.fromhex(bytes or ""))

    def call_fill_channel(self, channel: int, messages: int, bytes: int) -> int:
        text = "x" * bytes
        for taken in range(messages):
            try:
                self._get().send_text(channel, text)
            except ParlorError.Failed as error:
                if error.status is Status.BUSY:
                    return taken
                raise
        return messages

    def call_close_channel(self, channel: int) -> None:
        self._get().close_channel(channel)

    def call_state(self) -> dict[str, Any]:
        session = self._get()
        remotes = [
            {"id": peer.wire_id(), "state": kebab(peer.state().name), "object": peer.id()}
            for peer in session.remote_peers()
        ]
        return {"state": kebab(session.state().name), "id": session.peer_id(), "remotes": remotes}

    def call_received(self, peer: str) -> dict[str, Any]:
        return self._received.setdefault(peer, Received()).take()

    def call_peer_stats(self, peer: str) -> dict[str, Any]:
        stats = self._get().remote_peer(self._peer(peer)).stats()
        return {
            "roundTripMs": None if stats.round_trip_us is None else stats.round_trip_us / 1000,
            "bytesSent": stats.bytes_sent,
            "bytesReceived": stats.bytes_received,
            "packetsReceived": stats.packets_received,
            "packetsLost": stats.packets_lost,
        }

    def call_track_stats(self) -> list[dict[str, Any]]:
        return list(self._track_stats())

    def _track_stats(self) -> Iterator[dict[str, Any]]:
        for track, (peer, _) in sorted(self._tracks.items()):
            stats = self._get().remote_track(track).stats()
            yield {
                "peer": self._peers[peer],
                "track": track,
                "kind": None if stats.kind is None else kebab(stats.kind.name),
                "codec": None if stats.codec is None else stats.codec.name.replace("OPUS", "opus"),
                "framesDecoded": stats.frames_decoded,
                "freezes": stats.freezes,
                "packetsReceived": stats.packets_received,
                "packetsLost": stats.packets_lost,
                "levelDbfs": stats.level_dbfs,
            }

    def _get(self) -> parlor.Session:
        if self._session is None:
            raise unknown("session yet")
        return self._session

    def _peer(self, wire_id: str) -> int:
        for peer in self._get().remote_peers():
            if peer.wire_id() == wire_id:
                return peer.id()
        raise unknown("such peer")

    def _on_event(self, event: Event) -> None:
        variant = type(event).__name__.removeprefix("Event.")
        name = "channel-message" if variant in ("CHANNEL_TEXT", "CHANNEL_BYTES") else kebab(variant)
        told = {"name": name, "at": now_ms()} | self._details(event)
        kept = {field: value for field, value in told.items() if value is not None}
        write({"event": kept})
        if isinstance(event, Event.TRACK_ADDED):
            self._receive(event.peer_id, event.track_id, event.kind)

    def _receive(self, peer: int, track: int, kind: MediaKind) -> None:
        received = self._received.setdefault(self._peers[peer], Received())
        if kind is MediaKind.VIDEO:
            self._get().remote_track(track).set_video_sink(received.on_picture)
        else:
            self._get().remote_track(track).set_audio_sink(received.on_sound, received.on_packet)

    def _details(self, event: Event) -> dict[str, Any]:
        """What to tell of an event beside its name."""
        details: dict[str, Any] = {}
        fields = vars(event)
        if "peer_id" in fields:
            if isinstance(event, Event.PEER_JOINED):
                self._peers[event.peer_id] = event.wire_id
            details |= {"peer": self._peers.get(event.peer_id), "object": event.peer_id}
        if "channel_id" in fields:
            if isinstance(event, Event.CHANNEL_OPEN):
                self._channels[event.channel_id] = event.label
            details |= {"channel": event.channel_id, "label": self._channels.get(event.channel_id)}
        if "stream_id" in fields:
            if isinstance(event, Event.STREAM_ADDED):
                self._streams[event.stream_id] = event.wire_id
            details["stream"] = self._streams.get(event.stream_id)
        if "track_id" in fields:
            if isinstance(event, Event.TRACK_ADDED):
                self._tracks[event.track_id] = (event.peer_id, event.kind)
            kind = self._tracks.get(event.track_id)
            details |= {"track": event.track_id, "kind": kind and kebab(kind[1].name)}
        if "status" in fields and event.status is not Status.OK:
            details |= {"error": event.status.name.lower(), "message": event.reason}
        match event:
            case Event.JOINED():
                details |= {"peer": event.wire_id, "channel": event.channel}
            case Event.LEFT():
                details["reason"] = event.reason
            case Event.STATE_CHANGE() | Event.PEER_STATE_CHANGE():
                details |= {"from": kebab(event._from.name), "to": kebab(event.to.name)}
            case Event.PEER_JOINED() | Event.STREAM_ADDED():
                details["metadata"] = parse(event.metadata)
            case Event.TRACK_REMOVED():
                self._tracks.pop(event.track_id, None)
            case Event.DATA():
                details |= {"data": parse(event.data), "kind": kebab(event.kind.name)}
                details["senderMetadata"] = parse(event.metadata)
            case Event.CHANNEL_OPEN():
                details["incoming"] = event.incoming
            case Event.CHANNEL_TEXT():
                details["text"] = event.text
            case Event.CHANNEL_BYTES():
                details["bytes"] = event.bytes.hex()
            case Event.REQUEST_DONE() | Event.TOKEN_NEEDED():
                details["request"] = event.request_id
            case Event.NEGOTIATION_ERROR():
                details["message"] = event.reason
            case Event.GOING_AWAY():
                details["retryAfterMs"] = event.retry_after_ms
        return details


def parse(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def main() -> None:
    peer = Peer()
    for line in sys.stdin:
        command = json.loads(line)
        number, call = command.pop("id"), command.pop("call")
        try:
            write({"id": number, "value": peer.answer(call, command)})
        except ParlorError.Failed as error:
            write({"id": number, "error": error.status.name.lower(), "message": error.reason})
    peer.end()


main()
