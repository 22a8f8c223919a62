"""Ends sessions that nobody refers to any more.

To end a session waits for a callback under way, which needs the interpreter and its locks. The garbage collector may run
anywhere, also while its thread holds one of them, so it leaves that to a thread of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import queue
import threading

from . import _engine
from ._engine import ParlorError
from ._events import Subscribers

_Doomed = tuple[_engine.Session, Subscribers]
_END_SECONDS = 5

# Its `put` may be called by the garbage collector at any moment.
_queue: queue.SimpleQueue[_Doomed | None] = queue.SimpleQueue()
_lock = threading.Lock()
_thread: threading.Thread | None = None


def start() -> None:
    """Makes sure that the thread is there."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_run, name="parlor-reaper", daemon=True)
            _thread.start()


def end_later(core: _engine.Session, subscribers: Subscribers) -> None:
    """Ends a session soon; returns at once."""
    _queue.put((core, subscribers))


def _run() -> None:
    while (doomed := _queue.get()) is not None:
        end(*doomed)
        del doomed


def end(core: _engine.Session, subscribers: Subscribers) -> None:
    """Ends a session and the iterators over its events."""
    # Internal: after a panic nothing can be done.
    with contextlib.suppress(ParlorError):
        core.shutdown()
    subscribers.end()


@atexit.register
def _finish() -> None:
    """Waits for what is to be ended, within a bound: no thread of the engine calls into an interpreter that ends."""
    if _thread is not None:
        _queue.put(None)
        _thread.join(_END_SECONDS)
