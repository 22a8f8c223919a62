"""A session's events on their way to the app."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import weakref
from typing import Awaitable, Callable, Optional

from . import _engine
from ._engine import Event, ParlorError, SessionState

_log = logging.getLogger("parlor")

#: Called for each event, on the session's own thread.
EventCallback = Callable[[Event], object]
#: Answers each `TOKEN_NEEDED`; None means that there is no token.
TokenProvider = Callable[[], Awaitable[Optional[str]]]


class Events:
    """An iterator over a session's events, independent of every other one: `async for event in session.events()`.

    It begins with the first event after it was made and ends when the session ends. Events wait in it, without a
    limit, until they are read: drop an iterator that is not read any more. It belongs to the event loop in which it was
    made.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # None comes last.
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._is_at_end = False

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Event:
        event = None if self._is_at_end else await self._queue.get()
        if event is None:
            self._is_at_end = True
            raise StopAsyncIteration
        return event

    def _put(self, event: Event | None) -> None:
        # A loop that is closed has nobody left to read.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)


class Subscribers:
    """The iterators over a session's events; holds them weakly, and the session not at all."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._iterators: weakref.WeakSet[Events] = weakref.WeakSet()
        self._is_at_end = False

    def add(self) -> Events:
        events = Events()
        with self._lock:
            self._iterators.add(events)
            if self._is_at_end:
                events._put(None)
        return events

    def tell(self, event: Event) -> None:
        with self._lock:
            iterators = list(self._iterators)
        for iterator in iterators:
            iterator._put(event)

    def end(self) -> None:
        with self._lock:
            self._is_at_end, was_at_end = True, self._is_at_end
            iterators = [] if was_at_end else list(self._iterators)
        for iterator in iterators:
            iterator._put(None)


class Receiver:
    """Hands events to everyone who wants them. The session holds it, the engine only weakly."""

    def __init__(
        self,
        subscribers: Subscribers,
        on_event: EventCallback | None,
        token: TokenProvider | None,
        sinks: dict[int, object],
    ) -> None:
        #: Where the token provider runs: the event loop of the last join.
        self.loop: asyncio.AbstractEventLoop | None = None
        self.core: weakref.ref[_engine.Session] | None = None
        self._subscribers = subscribers
        self._on_event = on_event
        self._token = token
        self._sinks = sinks

    def receive(self, event: Event) -> None:
        self._subscribers.tell(event)
        if isinstance(event, Event.TRACK_REMOVED):
            self._sinks.pop(event.track_id, None)
        elif isinstance(event, Event.TOKEN_NEEDED):
            self._ask_for_token(event.request_id)
        elif isinstance(event, Event.STATE_CHANGE) and event.to is SessionState.CLOSED:
            self._subscribers.end()
        # Last: what it throws goes to the engine's log.
        if self._on_event is not None:
            self._on_event(event)

    def _ask_for_token(self, request_id: int) -> None:
        if self._token is None or self.loop is None or self.core is None:
            return
        answer = _answer(self.core, request_id, self._token)
        try:
            asyncio.run_coroutine_threadsafe(answer, self.loop)
        except RuntimeError:  # The loop is closed, and with it goes whoever wanted to join.
            answer.close()


class Listener(_engine.SessionListener):
    """What the engine calls. It must not keep the session: the engine keeps it as long as there is a session."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = weakref.ref(receiver)

    def on_event(self, event: Event) -> None:
        receiver = self._receiver()
        if receiver is not None:
            receiver.receive(event)


async def _answer(core: weakref.ref[_engine.Session], request_id: int, provider: TokenProvider) -> None:
    token = None
    try:
        token = await provider()
    except Exception:
        _log.exception("the token provider failed")
    finally:
        session = core()
        if session is not None:
            # A session that has ended wants no token.
            with contextlib.suppress(ParlorError):
                session.provide_token(request_id, token)
