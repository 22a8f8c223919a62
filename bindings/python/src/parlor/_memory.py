"""Memory that crosses by its address."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any, Iterator, Literal, NamedTuple, Sequence

from ._engine import ParlorError, PixelFormat, Status


class Plane(NamedTuple):
    """One plane of a picture in memory."""

    address: int
    """Where the first byte of the first row lies."""
    length: int
    """How many bytes may be read, at least `stride * (rows - 1)` and one row."""
    stride: int
    """Bytes from the start of one row to the start of the next."""


class PictureLayout(NamedTuple):
    """What a picture is, and where its pixels lie."""

    format: PixelFormat
    """How the pixels lie in memory."""
    width: int
    """Width in pixels, 1 to 16384."""
    height: int
    """Height in pixels, 1 to 16384."""
    timestamp_us: int
    """When the picture was captured or is due, by `time_us`."""
    planes: tuple[Plane, ...]
    """The planes, as many as the format has."""


_MOST_PLANES = 3

# A layout as it crosses: format, width, height and time, then address, length and stride of three planes.
_Numbers = ctypes.c_uint64 * (4 + 3 * _MOST_PLANES)


def read_layout(address: int) -> PictureLayout:
    """Reads the layout of a picture of the engine's."""
    format, width, height, timestamp_us, *planes = _Numbers.from_address(address)
    places = (Plane(*planes[at : at + 3]) for at in range(0, len(planes), 3))
    there = tuple(plane for plane in places if plane.address)
    return PictureLayout(PixelFormat(format), width, height, timestamp_us, there)


class _Buffer(ctypes.Structure):
    """`Py_buffer` of CPython's buffer protocol."""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("suboffsets", ctypes.POINTER(ctypes.c_ssize_t)),
        ("internal", ctypes.c_void_p),
    ]


_SIMPLE, _WRITABLE, _STRIDES = 0, 0x1, 0x18

_get = ctypes.pythonapi.PyObject_GetBuffer
_get.argtypes = [ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int]
_get.restype = ctypes.c_int
_release = ctypes.pythonapi.PyBuffer_Release
_release.argtypes = [ctypes.POINTER(_Buffer)]
_release.restype = None


@contextlib.contextmanager
def _borrow(exporter: Any, flags: int) -> Iterator[_Buffer]:
    buffer = _Buffer()
    _get(exporter, ctypes.byref(buffer), flags)
    try:
        yield buffer
    finally:
        _release(ctypes.byref(buffer))


@contextlib.contextmanager
def borrow_samples(samples: Any, formats: str, writable: bool = False) -> Iterator[tuple[int, int]]:
    """Lends contiguous samples, such as an `array.array` or a NumPy array; gives their address and how many there are.

    `formats` are the letters of the `struct` module that the samples may have.
    """
    view = memoryview(samples)
    if view.format not in formats:
        raise TypeError(f"samples of format {formats[0]!r} are wanted, not of format {view.format!r}")
    with _borrow(samples, _WRITABLE if writable else _SIMPLE) as buffer:
        yield buffer.buf or 0, buffer.len // view.itemsize


@contextlib.contextmanager
def borrow_picture(
    format: PixelFormat,
    width: int,
    height: int,
    planes: Sequence[Any],
    strides: Sequence[int] | None,
    timestamp_us: int,
) -> Iterator[int]:
    """Lends planes and gives the address of their layout.

    A plane of several dimensions has rows and tells their stride, a flat one has that of `strides` or rows one after the
    other.
    """
    if len(planes) > _MOST_PLANES:
        raise ParlorError.Failed(Status.INVALID_FRAME, "a picture has three planes at most")
    with contextlib.ExitStack() as stack:
        lent: list[int] = []
        for index, plane in enumerate(planes):
            buffer = stack.enter_context(_borrow(plane, _STRIDES))
            given = strides[index] if strides is not None else _row_bytes(format, index, width)
            lent.extend(_plane(buffer, given))
        numbers = _Numbers(format.value, width, height, timestamp_us, *lent)
        yield ctypes.addressof(numbers)


def _plane(buffer: _Buffer, flat_stride: int) -> Plane:
    if buffer.itemsize != 1:
        raise TypeError("a plane is made of bytes")
    shape, strides = buffer.shape[: buffer.ndim], buffer.strides[: buffer.ndim]
    row_axes = 1 if buffer.ndim > 1 else 0
    row_bytes = 1
    for axis in reversed(range(row_axes, buffer.ndim)):
        if strides[axis] != row_bytes:
            raise ValueError("the bytes of a plane's row must lie one after the other")
        row_bytes *= shape[axis]
    if row_axes == 0:
        return Plane(address=buffer.buf or 0, length=buffer.len, stride=flat_stride)
    if strides[0] < row_bytes:
        raise ValueError("a plane's rows must lie one after the other, from top to bottom")
    length = strides[0] * (shape[0] - 1) + row_bytes if shape[0] else 0
    return Plane(address=buffer.buf or 0, length=length, stride=strides[0])


def _row_bytes(format: PixelFormat, plane: int, width: int) -> int:
    if format is PixelFormat.RGBA:
        return 4 * width
    half = (width + 1) // 2
    return width if plane == 0 else half if format is PixelFormat.I420 else 2 * half


def view(owner: object, address: int, length: int, format: Literal["B", "h"] = "B") -> memoryview:
    """Returns a view of memory that cannot be written to, and that keeps its owner for as long as anything looks into
    it."""
    if length == 0:
        return memoryview(b"").cast(format)
    memory = (ctypes.c_ubyte * length).from_address(address)
    memory.owner = owner  # type: ignore[attr-defined]
    return memoryview(memory).toreadonly().cast("B").cast(format)
