"""Joins, leaves and messages: how they end, and what it means to stop waiting for them."""

import asyncio
from pathlib import Path

from parlor import Credential, Engine, Event, ParlorError, Session, SessionConfig, SessionState, Status

from support import asynchronous, event_of, status_of, status_of_awaiting, until


class SilentServer:
    """Takes connections and says nothing."""

    async def __aenter__(self) -> str:
        self._connections: list[asyncio.StreamWriter] = []
        keep = lambda _, writer: self._connections.append(writer)  # noqa: E731
        self._server = await asyncio.start_server(keep, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()
        self._server.close()


@asynchronous
async def test_a_cancelled_join_becomes_a_leave(engine: Engine) -> None:
    async with SilentServer() as url:
        config = SessionConfig(url=url, credential=Credential.API_KEY("pk"), engine=engine)
        async with Session(config) as session:
            events = session.events()
            joining = asyncio.create_task(session.join("lobby"))
            await event_of(events, Event.STATE_CHANGE, to=SessionState.JOINING)
            joining.cancel()
            await asyncio.wait([joining])
            assert joining.cancelled()
            await event_of(events, Event.STATE_CHANGE, to=SessionState.IDLE)
            assert session.state() is SessionState.IDLE


@asynchronous
async def test_a_join_that_takes_too_long_for_the_app_becomes_a_leave(engine: Engine) -> None:
    async with SilentServer() as url:
        config = SessionConfig(url=url, credential=Credential.API_KEY("pk"), engine=engine)
        async with Session(config) as session:
            try:
                await asyncio.wait_for(session.join("lobby"), 0.05)
                raise AssertionError("it cannot have joined")
            except asyncio.TimeoutError:
                await until("the leave", lambda: session.state() is SessionState.IDLE)


@asynchronous
async def test_a_cancelled_leave_and_a_cancelled_send_go_on(config: SessionConfig) -> None:
    async with Session(config) as ann, Session(config) as bob:
        events = bob.events()
        await bob.join("cancelled")
        await ann.join("cancelled")
        await event_of(events, Event.PEER_JOINED)
        sending = asyncio.create_task(ann.send('"all the same"'))
        await asyncio.sleep(0)  # It starts.
        sending.cancel()
        assert (await event_of(events, Event.DATA)).data == '"all the same"'
        leaving = asyncio.create_task(ann.leave())
        await asyncio.sleep(0)
        leaving.cancel()
        await event_of(events, Event.PEER_LEFT)
        await until("the leave", lambda: ann.state() is SessionState.IDLE)


@asynchronous
async def test_a_request_fails_with_the_status_of_every_surface(config: SessionConfig) -> None:
    async with Session(config) as session:
        assert await status_of_awaiting(session.join("")) is Status.INVALID_ARGUMENT
        assert await status_of_awaiting(session.send("not json")) is Status.INVALID_ARGUMENT
        await session.join("refused")
        assert await status_of_awaiting(session.join("refused")) is Status.INVALID_STATE
        assert await status_of_awaiting(session.send_to(99, "1")) is Status.UNKNOWN_ID
    config = SessionConfig(url=config.url, credential=Credential.API_KEY("pk_nobody"), engine=config.engine)
    async with Session(config) as session:
        assert await status_of_awaiting(session.join("lobby")) is Status.INVALID_CREDENTIAL


@asynchronous
async def test_everything_answers_closed_after_shutdown(config: SessionConfig, tmp_path: Path) -> None:
    session = Session(config)
    await session.join("closed")
    leaving = asyncio.create_task(session.leave())
    session.shutdown()
    session.shutdown()
    assert await status_of_awaiting(leaving) is Status.CLOSED
    for request in (session.join("x"), session.leave(), session.send("1")):
        assert await status_of_awaiting(request) is Status.CLOSED
    for call in (
        lambda: session.open_channel(1, "x"),
        lambda: session.send_text(1, "x"),
        lambda: session.send_bytes(1, b"x"),
        lambda: session.remote_track(1),
        lambda: session.record(1, f"{tmp_path}/x.ivf"),
        session.network_changed,
    ):
        assert status_of(call) is Status.CLOSED
    assert session.state() is SessionState.CLOSED


@asynchronous
async def test_a_request_under_way_ends_with_the_session(engine: Engine) -> None:
    async with SilentServer() as url:
        config = SessionConfig(url=url, credential=Credential.API_KEY("pk"), engine=engine)
        session = Session(config)
        joining = asyncio.create_task(session.join("lobby"))
        await until("the join", lambda: session.state() is SessionState.JOINING)
        session.shutdown()
        try:
            await joining
        except ParlorError.Failed as error:
            assert error.status in (Status.CLOSED, Status.CANCELLED)
            assert error.reason
