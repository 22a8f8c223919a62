"""Sends to all, to one, and on a data channel, and prints what comes.

`main.py <url> <key> <channel> [--seconds N]`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import threading

from parlor import Credential, Event, MessageKind, ParlorError, Session, SessionConfig


async def run(options: argparse.Namespace) -> None:
    config = SessionConfig(url=options.url, credential=Credential.API_KEY(options.key))
    async with Session(config) as session:
        receiving = asyncio.create_task(receive(session))
        await session.join(options.channel)
        print(f"joined {options.channel}")
        await session.send('{"text":"hello, all"}')
        await the_end(options.seconds)
    # The session has left, and with it the events have ended.
    await receiving


async def receive(session: Session) -> None:
    async for event in session.events():
        match event:
            case Event.PEER_JOINED(peer_id=peer, wire_id=name):
                print(f"peer {peer} is {name}")
                await greet(session, peer)
            case Event.DATA(peer_id=peer, data=data, kind=kind):
                print(f"peer {peer} to {'me' if kind is MessageKind.DIRECT else 'all'}: {data}")
            case Event.CHANNEL_OPEN(channel_id=channel, incoming=False):
                session.send_text(channel, "hello, straight")
            case Event.CHANNEL_TEXT(peer_id=peer, text=text):
                print(f"peer {peer} on its channel: {text}")


async def greet(session: Session, peer: int) -> None:
    """Greets who comes through the server, and straight: a data channel carries what the server does not see."""
    try:
        session.open_channel(peer, "greeting")
        await session.send_to(peer, '{"text":"hello, you"}')
    except ParlorError.Failed as error:
        print(f"peer {peer} could not be greeted: {error.reason}")


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
    sys.exit(f"message: {error.reason}")
except KeyboardInterrupt:
    pass
