"""A panic behind every function that the library exports becomes an error of kind internal."""

import asyncio
import ctypes
import inspect
import re
import typing
from typing import Any, Iterator

import pytest
from parlor import _engine
from parlor._engine import ParlorError, Status

from support import asynchronous, camera, event_of, until
import parlor

#: What the app writes for the engine to call; the library exports no code of its own for them.
CALLED_BY_THE_ENGINE = {"sessionlistener", "videosink", "audiosink", "logsink", "encodedsourceobserver"}


def exported() -> set[str]:
    """The entries of the library that have a body, by the names that the generated code calls."""
    source = inspect.getsource(_engine)
    names = set(re.findall(r"uniffi_parlor_uniffi_fn_((?:func|constructor|method)_\w+)", source))
    return {name for name in names if name.split("_")[1] not in CALLED_BY_THE_ENGINE}


class Listener(_engine.SessionListener):
    def on_event(self, event: _engine.Event) -> None:
        pass


class Observer(_engine.EncodedSourceObserver):
    pass


async def objects(config: parlor.SessionConfig) -> dict[type, Any]:
    """One object of each class, the frames from a call."""
    found: dict[type, Any] = {}

    def keep(frame: Any) -> None:
        found.setdefault(type(frame._core), frame._core)

    async with parlor.Session(config) as ann, parlor.Session(config) as bob:
        events = bob.events()
        ann.add_stream(camera())
        await ann.join("panics")
        await bob.join("panics")
        added = await event_of(events, parlor.Event.TRACK_ADDED, kind=parlor.MediaKind.AUDIO)
        bob.remote_track(added.track_id).set_audio_sink(keep, keep)
        await until("sound", lambda: len(found) == 2)
    core = _engine.Session(config, Listener())
    stream = _engine.MediaStream()
    source = _engine.VideoSource()
    more = (
        core,
        stream,
        source,
        stream.add_video(source),
        core.leave(),
        core.remote_peer(1),
        _engine.AudioSource(1),
        _engine.AudioPlayout(),
        _engine.Engine(_engine.EngineConfig(bind_addresses=["127.0.0.1"])),
        _engine.Reference.test_pattern(64, 64),
        _engine.VideoFrame.packed(_engine.PixelFormat.RGBA, 2, 2, bytes(16), 0),
    )
    return found | {type(it): it for it in more}


def argument(kind: Any, have: dict[type, Any], config: parlor.SessionConfig) -> Any:
    """Something to call a function with; it panics before it looks at it."""
    if type(None) in typing.get_args(kind):
        return None
    info = _engine.EncodedInfo(codec=parlor.Codec.VP8, keyframe=True, timestamp_us=0, duration_us=0)
    values: dict[Any, Any] = {
        int: 1,
        float: 440.0,
        str: "1",
        bytes: b"1",
        _engine.SessionConfig: config,
        _engine.EngineConfig: _engine.EngineConfig(),
        _engine.DataChannelOptions: _engine.DataChannelOptions(),
        _engine.EncodedInfo: info,
        _engine.SessionListener: Listener(),
        _engine.EncodedSourceObserver: Observer(),
        _engine.Codec: _engine.Codec.VP8,
        _engine.PixelFormat: _engine.PixelFormat.I420,
        _engine.FileMode: _engine.FileMode.DECODE,
        _engine.LogLevel: _engine.LogLevel.ERROR,
    }
    return values[kind] if kind in values else have[kind]


def entries(have: dict[type, Any]) -> Iterator[Any]:
    """Every function, constructor and method of the generated code."""
    for name in _engine.__all__:
        member = getattr(_engine, name)
        if inspect.isfunction(member):
            yield member
    for kind, instance in have.items():
        for name, member in vars(kind).items():
            if isinstance(member, classmethod) and not name.startswith("_"):
                yield getattr(kind, name)
            elif inspect.isfunction(member) and not name.startswith("_"):
                yield getattr(instance, name)
        if "_uniffi_lowered_args" in inspect.getsource(kind.__init__):
            yield kind


@asynchronous
async def test_a_panic_behind_every_function_is_an_error(
    config: parlor.SessionConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = _engine._UniffiLib
    have = await objects(config)
    called = set()
    call = _engine._uniffi_rust_call_with_error

    def note(converter: Any, function: Any, *arguments: Any) -> Any:
        called.add(function.__name__.removeprefix("uniffi_parlor_uniffi_fn_"))
        return call(converter, function, *arguments)

    monkeypatch.setattr(_engine, "_uniffi_rust_call_with_error", note)
    library.parlor_test_panics(ctypes.c_int32(1))
    try:
        for entry in entries(have):
            hints = typing.get_type_hints(entry.__init__ if inspect.isclass(entry) else entry)
            names = inspect.signature(entry).parameters
            arguments = {name: argument(hints[name], have, config) for name in names}
            with pytest.raises(ParlorError.Failed) as failure:
                result = entry(**arguments)
                if inspect.iscoroutine(result):
                    # The only one that waits; its start does not go through the function that is watched.
                    called.add("method_request_done")
                    await asyncio.wait_for(result, 10)
            assert failure.value.status is Status.INTERNAL, entry
    finally:
        library.parlor_test_panics(ctypes.c_int32(0))
    assert exported() - called == set()
    # Back at work.
    assert parlor.version()
