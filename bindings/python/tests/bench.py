"""What an event and a 720p picture cost in Python: the program that `parlor bench ffi` starts.

    bench.py URL KEY SECONDS

Events and received pictures are timed by the library itself, from its own event or picture to the callback's return; for
that it is built with the cargo feature `test-hooks`.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import sys
import time

import parlor
from parlor import _engine

WIDTH, HEIGHT, RATE = 1280, 720, 60
EVENTS, PUSHES, KEPT, PAGE = 5_000, 300, 100_000, 4096
TOLD_EVENT, TOLD_FRAME = 0, 1


def durations(told: int) -> list[int]:
    """Drains how long callbacks took, in nanoseconds."""
    kept = (ctypes.c_uint64 * KEPT)()
    call = _engine._UniffiLib.parlor_test_durations
    call.restype = ctypes.c_size_t
    count = call(ctypes.c_int32(told), kept, ctypes.c_size_t(KEPT))
    return list(kept[:count])


def print_row(what: str, nanoseconds: list[int]) -> None:
    values = sorted(nanoseconds)
    p50, p99 = values[len(values) // 2] / 1000, values[len(values) * 99 // 100] / 1000
    print(json.dumps({"what": what, "p50_us": p50, "p99_us": p99, "runs": len(values)}), flush=True)


async def measure_events(config: parlor.SessionConfig) -> None:
    """Requests that fail at once, since the session is in no channel: each is one event."""
    async with parlor.Session(config) as session:
        events = session.events()
        durations(TOLD_EVENT)
        for _ in range(EVENTS):
            session._core.send("{}")
        done = 0
        async for event in events:
            done += isinstance(event, parlor.Event.REQUEST_DONE)
            if done == EVENTS:
                break
        print_row("event", durations(TOLD_EVENT))


def measure_frames_in() -> None:
    source = parlor.VideoSource()
    chroma = bytes(WIDTH * HEIGHT // 4)
    planes = (bytes(WIDTH * HEIGHT), chroma, chroma)
    took = []
    for _ in range(PUSHES):
        began = time.perf_counter_ns()
        source.push_planes(parlor.PixelFormat.I420, WIDTH, HEIGHT, planes)
        took.append(time.perf_counter_ns() - began)
    print_row("frame_in", took)


def look(frame: parlor.VideoFrame) -> None:
    """Looks at one byte of each page, as a program does that hands the picture on."""
    with frame:
        for plane in frame.planes():
            sum(plane[::PAGE])


async def measure_frames_out(config: parlor.SessionConfig, seconds: int) -> None:
    async with parlor.Session(config) as sender, parlor.Session(config) as receiver:
        stream = parlor.MediaStream()
        stream.add_video(parlor.VideoSource.test_pattern(WIDTH, HEIGHT, RATE))
        sender.add_stream(stream)
        events = receiver.events()
        await sender.join("bench python")
        await receiver.join("bench python")
        async for event in events:
            if isinstance(event, parlor.Event.TRACK_ADDED):
                break
        durations(TOLD_FRAME)
        receiver.remote_track(event.track_id).set_video_sink(look)
        await asyncio.sleep(seconds)
        print_row("frame_out", durations(TOLD_FRAME))


async def main() -> None:
    url, key, seconds = sys.argv[1:]
    config = parlor.SessionConfig(url=url, credential=parlor.Credential.API_KEY(key))
    await measure_events(config)
    measure_frames_in()
    await measure_frames_out(config, int(seconds))


asyncio.run(main())
