"""Sessions that nobody released."""

import gc
import weakref

from parlor import Engine, Event, MediaKind, Session, SessionConfig, VideoFrame, live_objects

from support import asynchronous, camera, event_of, until


class App:
    """An object that owns its session and is its listener and a sink: a cycle, as apps have them."""

    def __init__(self, config: SessionConfig) -> None:
        self.frames = 0
        self.session = Session(config, on_event=self.on_event)

    def on_event(self, event: Event) -> None:
        if isinstance(event, Event.TRACK_ADDED) and event.kind is MediaKind.VIDEO:
            self.session.remote_track(event.track_id).set_video_sink(self.on_frame)

    def on_frame(self, frame: VideoFrame) -> None:
        frame.release()
        self.frames += 1


@asynchronous
async def test_a_session_that_is_collected_in_a_call_leaves(config: SessionConfig) -> None:
    before = live_objects()
    await leave_by_collection(config)
    await until("nothing is left", lambda: live_objects() == before)


async def leave_by_collection(config: SessionConfig) -> None:
    async with Session(config) as watcher:
        events = watcher.events()
        watcher.add_stream(camera())
        await watcher.join("collected")
        app = App(config)
        app.session.add_stream(camera())
        left_over = app.session.events()
        await app.session.join("collected")
        arrived = await event_of(events, Event.PEER_JOINED)
        await until("pictures", lambda: app.frames > 0)
        gone = weakref.ref(app)
        del app
        gc.collect()
        assert gone() is None
        await event_of(events, Event.PEER_LEFT, peer_id=arrived.peer_id)
        # Who still reads learns of it.
        async for _ in left_over:
            pass


def resident_bytes() -> int:
    with open("/proc/self/statm") as figures:
        return int(figures.read().split()[1]) * 4096


@asynchronous
async def test_a_thousand_sessions_leave_nothing_behind(engine: Engine, config: SessionConfig) -> None:
    before = live_objects()

    async def make(count: int) -> None:
        for number in range(count):
            session = Session(config, on_event=lambda _: None)
            session.add_stream(camera())
            if number % 2:
                session.shutdown()
        del session
        await until("nothing is left", lambda: live_objects() == before)

    await make(200)
    warm = resident_bytes()
    await make(1000)
    assert resident_bytes() - warm < 32 << 20
