"""What tests share."""

from __future__ import annotations

import array
import asyncio
import base64
import functools
import hashlib
import hmac
import json
import math
import time
from pathlib import Path
from typing import Any, Awaitable, Callable, TypeVar

import parlor
from parlor import AudioSource, Event, MediaKind, MediaStream, Session, VideoSource

REPOSITORY = Path(__file__).parents[3]
MEDIA = REPOSITORY / "examples/media"
DEADLINE_SECONDS = 40
LOUD_DBFS = -40

T = TypeVar("T")


def asynchronous(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Runs a coroutine as a test, within a bound."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 2 * DEADLINE_SECONDS))

    return run


async def until(what: str, condition: Callable[[], T]) -> T:
    """Waits until a condition holds and returns its value."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_SECONDS} s"
        await asyncio.sleep(0.01)
    return value


async def event_of(events: parlor.Events, wanted: type[Event], **fields: object) -> Any:
    """Reads events until one of this kind comes with these fields, and returns it."""

    async def read() -> Any:
        async for event in events:
            if isinstance(event, wanted) and all(getattr(event, name) == it for name, it in fields.items()):
                return event
        raise AssertionError(f"the events ended before {wanted.__name__}")

    return await asyncio.wait_for(read(), DEADLINE_SECONDS)


def status_of(action: Callable[[], object]) -> parlor.Status:
    """Returns with which status something fails."""
    try:
        action()
    except parlor.ParlorError.Failed as error:
        return error.status
    return parlor.Status.OK


async def status_of_awaiting(action: Awaitable[object]) -> parlor.Status:
    try:
        await action
    except parlor.ParlorError.Failed as error:
        return error.status
    return parlor.Status.OK


def camera(width: int = 320, height: int = 180, rate: int = 15) -> MediaStream:
    """A stream of a test pattern and a tone."""
    stream = MediaStream()
    stream.add_video(VideoSource.test_pattern(width, height, rate))
    stream.add_audio(AudioSource.tone(440))
    return stream


def level_dbfs(samples: Any) -> float:
    """The level of signed 16-bit sound."""
    mean = sum(sample * sample for sample in samples) / max(len(samples), 1)
    return 10 * math.log10(mean / 32768**2) if mean > 0 else -math.inf


def tone(milliseconds: int) -> array.array[int]:
    """A loud 440 Hz tone, 48 kHz mono."""
    return array.array(
        "h", (int(8000 * math.sin(2 * math.pi * 440 * n / 48000)) for n in range(48 * milliseconds))
    )


class Inbox:
    """Receives every track that a session is sent."""

    def __init__(self, session: Session) -> None:
        self.frames = 0
        self.loud = 0
        self._session = session
        self._task = asyncio.create_task(self._receive(session.events()))

    async def _receive(self, events: parlor.Events) -> None:
        async for event in events:
            if isinstance(event, Event.TRACK_ADDED):
                track = self._session.remote_track(event.track_id)
                if event.kind is MediaKind.VIDEO:
                    track.set_video_sink(self._on_picture)
                else:
                    track.set_audio_sink(self._on_sound)

    def _on_picture(self, frame: parlor.VideoFrame) -> None:
        with frame:
            self.frames += 1

    def _on_sound(self, frame: parlor.AudioFrame) -> None:
        with frame:
            if level_dbfs(frame.samples()[::16]) > LOUD_DBFS:
                self.loud += 1


def sign(key_id: str, secret: str, subject: str) -> str:
    """A JWT (RFC 7519) with HS256."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    header = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": key_id}).encode())
    claims = part(json.dumps({"sub": subject, "exp": int(time.time()) + 3600}).encode())
    signature = hmac.digest(secret.encode(), f"{header}.{claims}".encode(), hashlib.sha256)
    return f"{header}.{claims}.{part(signature)}"
