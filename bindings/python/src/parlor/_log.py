"""What the engine logs."""

from __future__ import annotations

import atexit
from typing import Callable

from . import _engine
from ._engine import LogLevel


class _LogSink(_engine.LogSink):
    def __init__(self, on_line: Callable[[LogLevel, str, str], object]) -> None:
        self._on_line = on_line

    def on_line(self, level: LogLevel, target: str, message: str) -> None:
        self._on_line(level, target, message)


def set_log_sink(level: LogLevel, on_line: Callable[[LogLevel, str, str], object] | None) -> None:
    """Sets what is called with each line of the engine's log: its level, its part of the engine and the text.

    For the whole process: lines of `level` and graver ones. None makes it silent again. It is called on any thread and
    on several at once; it must not block, and it must not call the engine.
    """
    _engine.set_log_sink(level, None if on_line is None else _LogSink(on_line))


# No thread of the engine calls into an interpreter that ends.
atexit.register(set_log_sink, LogLevel.ERROR, None)
