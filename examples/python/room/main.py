"""Joins a channel and shows who is there: `main.py <url> <key> <channel> [--seconds N]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import threading

from parlor import ParlorError
from room import Room


async def run(options: argparse.Namespace) -> None:
    room = Room(options.url, options.key)
    try:
        await room.join(options.channel)
        await the_end(options.seconds)
        await room.leave()
    finally:
        await room.close()


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
    sys.exit(f"room: {error.reason}")
except KeyboardInterrupt:
    pass
