"""Events on their way to the app."""

import asyncio
import threading

from parlor import Event, LogLevel, Session, SessionConfig, SessionState, set_log_sink

from support import asynchronous, event_of, until


@asynchronous
async def test_each_iterator_gets_every_event_and_ends_with_the_session(config: SessionConfig) -> None:
    session = Session(config)
    first, second = session.events(), session.events()
    await session.join("iterators")
    await session.leave()
    session.shutdown()
    seen = [[str(event) async for event in iterator] for iterator in (first, second)]
    assert seen[0] == seen[1]
    assert any("JOINED" in event for event in seen[0]) and any("LEFT" in event for event in seen[0])
    # It stays at its end, and one that is made afterwards is there at once.
    assert [event async for event in first] == []
    assert [event async for event in session.events()] == []


@asynchronous
async def test_events_wait_for_a_reader_who_comes_late(config: SessionConfig) -> None:
    async with Session(config) as session:
        events = session.events()
        await session.join("late")
        joined = await event_of(events, Event.JOINED)
        assert (joined.channel, joined.wire_id) == ("late", session.peer_id())


@asynchronous
async def test_a_listener_that_raises_changes_nothing_and_is_logged(config: SessionConfig) -> None:
    lines: list[tuple[LogLevel, str]] = []
    set_log_sink(LogLevel.ERROR, lambda level, target, text: lines.append((level, text)))
    heard = []

    def on_event(event: Event) -> None:
        heard.append(event)
        raise LookupError("for the test")

    try:
        async with Session(config, on_event=on_event) as session:
            events = session.events()
            await session.join("raises")
            await event_of(events, Event.JOINED)
            assert session.state() is SessionState.JOINED
            assert len(heard) >= 3
            assert any("threw" in text for _, text in lines)
            # What it says may be private.
            assert not any("for the test" in text for _, text in lines)
    finally:
        set_log_sink(LogLevel.ERROR, None)


@asynchronous
async def test_a_session_may_be_shut_down_in_its_own_callback(config: SessionConfig) -> None:
    heard: list[Event] = []

    def on_event(event: Event) -> None:
        heard.append(event)
        session.shutdown()

    session = Session(config, on_event=on_event)
    events = session.events()
    joining = asyncio.create_task(session.join("inside"))
    async for _ in events:
        pass
    await asyncio.wait([joining], timeout=30)
    assert joining.exception() is not None
    assert session.state() is SessionState.CLOSED and len(heard) == 1


@asynchronous
async def test_the_last_reference_may_go_in_the_sessions_own_callback(config: SessionConfig) -> None:
    held: list[Session] = []
    ended = threading.Event()

    def on_event(event: Event) -> None:
        held.clear()
        ended.set()

    held.append(Session(config, on_event=on_event))
    events = held[0].events()
    request = held[0]._core.join("last")
    await until("an event", ended.is_set)
    # The iterator ends, so the session has been shut down.
    async for _ in events:
        pass
    del request
