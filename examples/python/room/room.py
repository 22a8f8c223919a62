"""A camera and a microphone in a channel, and who else is there."""

from __future__ import annotations

import asyncio

from parlor import AudioSource, Credential, Event, MediaStream, Session, SessionConfig, VideoSource


class Room:
    def __init__(self, url: str, key: str) -> None:
        self._session = Session(SessionConfig(url=url, credential=Credential.API_KEY(key)))
        # What the others call themselves on the wire, by the number that events carry.
        self._names: dict[int, str] = {}
        self._watching: asyncio.Task[None] | None = None

        # A test pattern and a tone stand for the devices. The others get the metadata with the stream.
        camera = MediaStream()
        camera.add_video(VideoSource.test_pattern(640, 360, 30))
        camera.add_audio(AudioSource.tone(440))
        self._session.add_stream(camera, '{"role":"camera"}')

    async def join(self, channel: str) -> None:
        self._watching = asyncio.create_task(self._watch())
        await self._session.join(channel)

    async def leave(self) -> None:
        await self._session.leave()

    async def close(self) -> None:
        """Gives everything back; a session that has not left leaves now."""
        self._session.shutdown()
        if self._watching is not None:
            await self._watching

    async def _watch(self) -> None:
        # It ends when the session does.
        async for event in self._session.events():
            self._on_event(event)

    def _on_event(self, event: Event) -> None:
        names = self._names
        match event:
            case Event.JOINED(wire_id=name, channel=channel):
                print(f"joined {channel} as {name}")
            case Event.LEFT(reason=reason):
                print("left" if reason is None else f"left: {reason}")
            case Event.PEER_JOINED(peer_id=peer, wire_id=name):
                names[peer] = name
                print(f"{name} joined")
            case Event.PEER_STATE_CHANGE(peer_id=peer, to=state):
                print(f"{names[peer]} is {state.name.lower()}")
            case Event.STREAM_ADDED(peer_id=peer, metadata=metadata):
                print(f"{names[peer]} sends {metadata}")
            case Event.STREAM_REMOVED(peer_id=peer):
                print(f"{names[peer]} sends a stream no more")
            case Event.PEER_LEFT(peer_id=peer):
                print(f"{names.pop(peer)} left")
            case Event.ERROR(reason=reason):
                print(f"error: {reason}")
