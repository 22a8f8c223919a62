"""Two sessions of one process in a call."""

import asyncio
import json

from parlor import Event, MessageKind, PeerState, Session, SessionConfig, SessionState, live_objects

from support import Inbox, asynchronous, camera, event_of, until

METADATA = '{"role":"camera"}'


@asynchronous
async def test_two_sessions_see_hear_and_write_to_each_other(config: SessionConfig) -> None:
    before = live_objects()
    await call(config)
    await until("nothing is left", lambda: live_objects() == before)


async def call(config: SessionConfig) -> None:
    async with Session(config) as ann, Session(config) as bob:
        ann_events, bob_events = ann.events(), bob.events()
        ann_inbox, bob_inbox = Inbox(ann), Inbox(bob)
        ann.add_stream(camera(), METADATA)
        bob.add_stream(camera(), METADATA)
        await ann.join("call")
        await bob.join("call")

        arrived = await event_of(ann_events, Event.PEER_JOINED)
        assert arrived.wire_id == bob.peer_id()
        shown = await event_of(ann_events, Event.STREAM_ADDED, peer_id=arrived.peer_id)
        assert json.loads(shown.metadata) == {"role": "camera"}
        await until("60 pictures each", lambda: min(ann_inbox.frames, bob_inbox.frames) >= 60)
        await until("sound that is heard", lambda: min(ann_inbox.loud, bob_inbox.loud) >= 10)

        peer = ann.remote_peer(arrived.peer_id)
        assert peer.state() is PeerState.CONNECTED
        await until("figures", lambda: peer.stats().bytes_received > 0)

        await ann.send('{"to":"all"}')
        said = await event_of(bob_events, Event.DATA)
        assert (json.loads(said.data), said.kind) == ({"to": "all"}, MessageKind.BROADCAST)
        await ann.send_to(arrived.peer_id, '{"to":"one"}')
        said = await event_of(bob_events, Event.DATA)
        assert (json.loads(said.data), said.kind) == ({"to": "one"}, MessageKind.DIRECT)
        await peer.send("1")
        assert (await event_of(bob_events, Event.DATA)).data == "1"

        channel = ann.open_channel(arrived.peer_id, "chat")
        ann.send_text(channel, "grüezi")
        ann.send_bytes(channel, b"\x00\xff")
        assert (await event_of(bob_events, Event.CHANNEL_OPEN)).label == "chat"
        assert (await event_of(bob_events, Event.CHANNEL_TEXT)).text == "grüezi"
        assert (await event_of(bob_events, Event.CHANNEL_BYTES)).bytes == b"\x00\xff"
        assert ann.channel_buffered_amount(channel) == 0
        ann.close_channel(channel)
        await event_of(bob_events, Event.CHANNEL_CLOSE)

        await bob.leave()
        assert bob.state() is SessionState.IDLE
        await event_of(ann_events, Event.PEER_LEFT, peer_id=arrived.peer_id)
        assert ann.remote_peers() == []


@asynchronous
async def test_the_context_manager_leaves_also_when_its_body_fails(config: SessionConfig) -> None:
    async with Session(config) as watcher:
        events = watcher.events()
        await watcher.join("body-fails")
        try:
            async with Session(config) as session:
                await session.join("body-fails")
                raise LookupError
        except LookupError:
            assert session.state() is SessionState.CLOSED
        arrived = await event_of(events, Event.PEER_JOINED)
        await event_of(events, Event.PEER_LEFT, peer_id=arrived.peer_id)


@asynchronous
async def test_a_session_joins_again_after_it_left(config: SessionConfig) -> None:
    async with Session(config) as session:
        for _ in range(2):
            await session.join("again")
            assert session.state() is SessionState.JOINED
            await asyncio.wait_for(session.leave(), 30)
