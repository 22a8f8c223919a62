"""Drives one peer of the Python SDK for the tests.

Reads commands as JSON lines, `{"id", "call", "args"}`, and writes JSON lines: `{"id", "value" | "error"}` for each
command and `{"event": {...}}` for what the SDK tells.
"""

import asyncio
import collections
import json
import sys
import time
from fractions import Fraction

import av
import metered_realtime as sdk
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack

FRAMES_PER_SECOND = 15
VIDEO_CLOCK = 90_000


def write(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def tell(name, **details):
    shown = {key: value for key, value in details.items() if value is not None}
    write({"event": {"name": name, "at": time.monotonic() * 1000, **shown}})


class Picture(MediaStreamTrack):
    """A small picture whose grey changes with each frame."""

    kind = "video"

    def __init__(self):
        super().__init__()
        self._count = 0
        self._start = None

    async def recv(self):
        self._start = self._start or time.monotonic()
        await asyncio.sleep(max(0, self._start + self._count / FRAMES_PER_SECOND - time.monotonic()))
        frame = av.VideoFrame(320, 180, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([self._count * 7 % 256]) * plane.buffer_size)
        frame.pts = self._count * VIDEO_CLOCK // FRAMES_PER_SECOND
        frame.time_base = Fraction(1, VIDEO_CLOCK)
        self._count += 1
        return frame


class Driver:
    def __init__(self):
        self.peer = None
        self.objects = {}
        self.received = collections.defaultdict(lambda: {"video": 0, "audio": 0})
        self.streams = {}
        self.tasks = set()

    def create(self, options):
        if "tokens" in options:
            tokens = iter(options.pop("tokens"))

            async def token_provider():
                return next(tokens)

            options["token_provider"] = token_provider
        self.peer = peer = sdk.MeteredPeer(**options)
        peer.on(sdk.Joined, lambda it: tell("joined", peer=it.peer_id, channel=it.channel))
        peer.on(sdk.Left, lambda it: tell("left", reason=it.reason))
        peer.on(sdk.StateChange, lambda it: tell("state-change", **{"from": it.from_, "to": it.to}))
        peer.on(sdk.PeerJoined, lambda it: self.watch(it.peer))
        peer.on(sdk.PeerLeft, lambda it: tell("peer-left", peer=it.peer.id, object=self.objects.get(it.peer)))
        peer.on(sdk.FatalError, lambda it: tell("error", error=type(it.err).__name__, message=str(it.err)))
        peer.on(
            sdk.Data,
            lambda it: tell(
                "data", peer=it.sender_peer_id, data=it.data, kind=it.kind, senderMetadata=it.sender_metadata
            ),
        )

    def watch(self, remote):
        self.objects[remote] = number = len(self.objects) + 1
        tell("peer-joined", peer=remote.id, object=number, metadata=remote.metadata)

        def report(name, **details):
            tell(f"remote {name}", peer=remote.id, object=number, **details)

        def on_track(event):
            report("track", kind=event.track.kind, metadata=event.metadata)
            task = asyncio.create_task(self.count(remote.id, event.track))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

        remote.on(sdk.StateChange, lambda it: report("state-change", **{"from": it.from_, "to": it.to}))
        remote.on(sdk.Track, on_track)
        remote.on(sdk.StreamAdded, lambda it: report("stream-added", stream=it.stream.id, metadata=it.metadata))
        remote.on(sdk.StreamRemoved, lambda it: report("stream-removed", stream=it.stream.id))
        remote.on(
            sdk.NegotiationError,
            lambda it: report("negotiation-error", error=type(it.err).__name__, message=str(it.err)),
        )

    async def count(self, peer_id, track):
        async for _frame in sdk.iter_frames(track):
            self.received[peer_id][track.kind] += 1

    def publish(self, name, kinds, metadata):
        tracks = [Picture() if kind == "video" else AudioStreamTrack() for kind in kinds]
        self.streams[name] = sdk.MediaStream(tracks)
        self.peer.add_stream(self.streams[name], metadata)

    def unpublish(self, name):
        self.peer.remove_stream(self.streams.pop(name))

    def state(self):
        return {
            "state": self.peer.state,
            "id": self.peer.peer_id,
            "remotes": [
                {"id": it.id, "state": it.state, "object": self.objects.get(it)} for it in self.peer.remote_peers
            ],
        }

    async def run(self, call, args):
        own = getattr(self, call, None) if call in {"create", "publish", "unpublish", "state"} else None
        if call == "frames":
            return self.received[args[0]]
        result = (own or getattr(self.peer, call))(*args)
        return await result if asyncio.iscoroutine(result) else result


async def answer(driver, command):
    try:
        write({"id": command["id"], "value": await driver.run(command["call"], command["args"])})
    except Exception as error:  # Whatever the SDK raises is what the test wants to see.
        code = getattr(error, "close_code", getattr(error, "code", None))
        write({"id": command["id"], "error": type(error).__name__, "code": code, "message": str(error)})


async def main():
    driver = Driver()
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    running = set()
    while line := await lines.readline():
        task = asyncio.create_task(answer(driver, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    if driver.peer:
        await driver.peer.close()


asyncio.run(main())
