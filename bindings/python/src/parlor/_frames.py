"""Pictures, sound and encoded frames, without a copy."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Sequence, TypeVar

from . import _engine, _memory
from ._engine import EncodedLayout, ParlorError, PixelFormat, SoundLayout, Status
from ._memory import PictureLayout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_Core = TypeVar("_Core", _engine.VideoFrame, _engine.AudioFrame, _engine.EncodedFrame)
_Self = TypeVar("_Self", bound="_Frame[Any]")


class _Frame(Generic[_Core]):
    """What can be looked at until it is released; a context manager that releases at its end.

    A view that is still held answers with a ValueError once its frame is released; an array of NumPy that is still held
    keeps the memory until it is gone. Nothing ever looks into memory that was given back.
    """

    _core: _Core | None
    _views: tuple[memoryview, ...] | None = None

    def __init__(self, core: _Core) -> None:
        self._core = core

    def release(self) -> None:
        """Gives the memory back; every later call answers `CLOSED`. Twice does nothing."""
        core, self._core = self._core, None
        views, self._views = self._views, None
        if views is None:
            if core is not None:
                core.release()
            return
        for view in views:
            # Arrays and parts of the view that are still in use keep the memory by themselves.
            with contextlib.suppress(BufferError):
                view.release()

    def _held(self) -> _Core:
        if self._core is None:
            raise ParlorError.Failed(Status.CLOSED, "the frame was released")
        return self._core

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class VideoFrame(_Frame[_engine.VideoFrame]):
    """A picture, never changed. Release each as soon as it is done with: it is megabytes large."""

    def __init__(self, core: _engine.VideoFrame, layout: int | None = None) -> None:
        super().__init__(core)
        self._layout = _memory.read_layout(core.layout() if layout is None else layout)

    @classmethod
    def copy(
        cls,
        format: PixelFormat,
        width: int,
        height: int,
        planes: Sequence[Any],
        strides: Sequence[int] | None = None,
        timestamp_us: int = 0,
    ) -> VideoFrame:
        """Copies a picture from the app's memory; as `VideoSource.push_planes`."""
        with _memory.borrow_picture(format, width, height, planes, strides, timestamp_us) as layout:
            return cls(_engine.VideoFrame.copy(layout))

    @classmethod
    def packed(
        cls, format: PixelFormat, width: int, height: int, pixels: Any, timestamp_us: int = 0
    ) -> VideoFrame:
        """Copies a picture from bytes that hold all planes one after the other without padding.

        `timestamp_us` is by `time_us`; 0 means now. Errors: `INVALID_FRAME`.
        """
        return cls(_engine.VideoFrame.packed(format, width, height, bytes(pixels), timestamp_us))

    def layout(self) -> PictureLayout:
        """Returns what the picture is. Errors: `CLOSED` when it was released."""
        self._held()
        return self._layout

    def planes(self) -> tuple[memoryview, ...]:
        """Returns the bytes of each plane, with the strides of `layout`. Errors: `CLOSED` when it was released."""
        core = self._held()
        if self._views is None:
            self._views = tuple(
                _memory.view(core, plane.address, plane.length) for plane in self._layout.planes
            )
        return self._views

    def arrays(self) -> tuple[NDArray[np.uint8], ...]:
        """Returns each plane as an array of NumPy, rows first, that looks into the picture: for `I420` three of rows and
        columns, for `NV12` the second and for `RGBA` the only one with a third axis for what a pixel consists of.

        Errors: `CLOSED` when it was released.
        """
        import numpy as np

        layout = self.layout()
        width, height = layout.width, layout.height
        half = ((height + 1) // 2, (width + 1) // 2)
        shapes: list[tuple[int, ...]] = {
            PixelFormat.I420: [(height, width), half, half],
            PixelFormat.NV12: [(height, width), (*half, 2)],
            PixelFormat.RGBA: [(height, width, 4)],
        }[layout.format]
        return tuple(
            np.ndarray(shape, np.uint8, view, strides=(plane.stride, *(shape[2:] or ()), 1))
            for shape, view, plane in zip(shapes, self.planes(), layout.planes)
        )

    def convert(self, format: PixelFormat) -> VideoFrame:
        """Returns the picture in another pixel format. Errors: `CLOSED`, `CODEC_FAILED`."""
        return VideoFrame(self._held().convert(format))

    def write_png(self, path: str) -> None:
        """Writes the picture to a PNG file, replacing one that is there. Errors: `CLOSED`, `MEDIA_FILE`."""
        self._held().write_png(path)


class AudioFrame(_Frame[_engine.AudioFrame]):
    """20 ms of sound, interleaved signed 16-bit samples, never changed."""

    def layout(self) -> SoundLayout:
        """Returns what the sound is. Errors: `CLOSED` when it was released."""
        return self._held().layout()

    def samples(self) -> memoryview:
        """Returns the interleaved samples, a view of format `h`. Errors: `CLOSED` when it was released."""
        core = self._held()
        if self._views is None:
            layout = core.layout()
            self._views = (_memory.view(core, layout.address, 2 * layout.sample_count, "h"),)
        return self._views[0]

    def array(self) -> NDArray[np.int16]:
        """Returns an array of NumPy that looks into the sound, a row for each moment and a column for each channel.

        Errors: `CLOSED` when it was released.
        """
        import numpy as np

        return np.frombuffer(self.samples(), np.int16).reshape(-1, self.layout().channels)


class EncodedFrame(_Frame[_engine.EncodedFrame]):
    """One encoded picture or packet of sound, never changed."""

    def layout(self) -> EncodedLayout:
        """Returns what the frame is. Errors: `CLOSED` when it was released."""
        return self._held().layout()

    def data(self) -> memoryview:
        """Returns the frame's bytes. Errors: `CLOSED` when it was released."""
        core = self._held()
        if self._views is None:
            layout = core.layout()
            self._views = (_memory.view(core, layout.address, layout.length),)
        return self._views[0]
