"""Tokens on demand."""

import asyncio

import pytest
from parlor import Credential, Engine, Event, Session, SessionConfig, Status

from conftest import TokenServer
from support import asynchronous, event_of, status_of_awaiting


def on_demand(server: TokenServer, engine: Engine) -> SessionConfig:
    return SessionConfig(url=server.url, credential=Credential.TOKEN_ON_DEMAND(), engine=engine)


@asynchronous
async def test_a_token_provider_is_awaited_when_the_session_connects(
    token_server: TokenServer, engine: Engine
) -> None:
    asked = 0

    async def provider() -> str:
        nonlocal asked
        await asyncio.sleep(0)
        asked += 1
        return token_server.token("ann")

    async with Session(on_demand(token_server, engine), token=provider) as session:
        await session.join("room")
        assert (session.peer_id(), asked) == ("ann", 1)


@asynchronous
async def test_an_app_may_answer_by_itself(token_server: TokenServer, engine: Engine) -> None:
    async with Session(on_demand(token_server, engine)) as session:
        events = session.events()
        joining = asyncio.create_task(session.join("room"))
        asked = await event_of(events, Event.TOKEN_NEEDED)
        session.provide_token(asked.request_id, token_server.token("bob"))
        await joining
        assert session.peer_id() == "bob"


@asynchronous
async def test_a_provider_that_fails_or_has_none_ends_the_join(
    token_server: TokenServer, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> str:
        raise LookupError("no backend")

    async def has_none() -> None:
        return None

    for provider in (fails, has_none):
        async with Session(on_demand(token_server, engine), token=provider) as session:
            assert await status_of_awaiting(session.join("room")) is Status.SERVER_REFUSED
    assert "the token provider failed" in caplog.text


def test_a_provider_without_its_credential_is_refused(config: SessionConfig) -> None:
    async def provider() -> str:
        return ""

    with pytest.raises(ValueError, match="TOKEN_ON_DEMAND"):
        Session(config, token=provider)
