"""Joins a channel without media of its own and prints what it hears and sees.

`main.py <url> <key> <channel> [--seconds N]`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import sys
import threading

from parlor import AudioFrame, Credential, Event, MediaKind, ParlorError, Session, SessionConfig, VideoFrame


async def run(options: argparse.Namespace) -> None:
    config = SessionConfig(url=options.url, credential=Credential.API_KEY(options.key))
    async with Session(config) as session:
        receiving = asyncio.create_task(receive(session))
        await session.join(options.channel)
        print(f"listening in {options.channel}")
        await the_end(options.seconds)
    # The session has left, and with it the events have ended.
    await receiving


async def receive(session: Session) -> None:
    async for event in session.events():
        if isinstance(event, Event.TRACK_ADDED):
            track = session.remote_track(event.track_id)
            if event.kind is MediaKind.AUDIO:
                track.set_audio_sink(Hearer(event.track_id).hear)
            else:
                track.set_video_sink(Viewer(event.track_id).look)


class Hearer:
    """Prints how loud a track is, once a second."""

    def __init__(self, track: int) -> None:
        self._track = track
        self._frames = 0

    def hear(self, frame: AudioFrame) -> None:
        """Called on the playout thread, every 20 ms. The frame is ours to release, which `with` does."""
        with frame:
            if self._frames % 50 == 0:
                print(f"track {self._track}: {level(frame):.0f} dBFS")
            self._frames += 1


def level(frame: AudioFrame) -> float:
    samples = frame.samples()
    mean = sum(sample * sample for sample in samples) / len(samples)
    return 20 * math.log10(max(math.sqrt(mean), 1) / 32767)


class Viewer:
    """Prints what pictures come, once a second or so."""

    def __init__(self, track: int) -> None:
        self._track = track
        self._pictures = 0

    def look(self, frame: VideoFrame) -> None:
        """Called on a media thread."""
        with frame:
            self._pictures += 1
            if self._pictures % 30 == 1:
                layout, brightness = frame.layout(), frame.planes()[0][0]
                size = f"{layout.width}x{layout.height}"
                print(f"track {self._track}: picture {self._pictures}, {size}, top left {brightness}")


async def the_end(seconds: float | None) -> None:
    """Waits for so many seconds, or for the end of the input."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        sys.stdin.read()
        with contextlib.suppress(RuntimeError):  # Ctrl-C has ended the loop already.
            loop.call_soon_threadsafe(ended.set)

    if seconds is None:
        threading.Thread(target=read, daemon=True).start()
    else:
        loop.call_later(seconds, ended.set)
    await ended.wait()


parser = argparse.ArgumentParser()
for name in ("url", "key", "channel"):
    parser.add_argument(name)
parser.add_argument("--seconds", type=float)
try:
    asyncio.run(run(parser.parse_args()))
except ParlorError.Failed as error:
    sys.exit(f"listen: {error.reason}")
except KeyboardInterrupt:
    pass
