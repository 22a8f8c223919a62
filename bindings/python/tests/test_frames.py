"""Views into pictures and sound."""

import gc

import numpy as np
import pytest
from parlor import PixelFormat, Status, VideoFrame, live_objects

from support import status_of, until, asynchronous


def picture(width: int = 5, height: int = 3) -> VideoFrame:
    sizes = [(height, width), ((height + 1) // 2, (width + 1) // 2), ((height + 1) // 2, (width + 1) // 2)]
    planes = [np.arange(rows * columns, dtype=np.uint8).reshape(rows, columns) for rows, columns in sizes]
    return VideoFrame.copy(PixelFormat.I420, width, height, planes, timestamp_us=7)


def test_planes_are_what_was_copied_in_and_cannot_be_written() -> None:
    with picture() as frame:
        layout = frame.layout()
        assert (layout.format, layout.width, layout.height, layout.timestamp_us) == (PixelFormat.I420, 5, 3, 7)
        assert bytes(frame.planes()[0]) == bytes(range(15))
        y, u, v = frame.arrays()
        assert y.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
        assert u.shape == v.shape == (2, 3)
        with pytest.raises(TypeError):
            frame.planes()[0][0] = 1
        with pytest.raises(ValueError):
            y[0, 0] = 1


def test_arrays_look_into_the_frame_without_a_copy() -> None:
    with picture() as frame:
        address = frame.layout().planes[0].address
        assert frame.arrays()[0].__array_interface__["data"][0] == address


def test_rows_with_padding_come_in_by_their_strides() -> None:
    wide = np.arange(4 * 8 * 4, dtype=np.uint8).reshape(4, 8, 4)
    with VideoFrame.copy(PixelFormat.RGBA, 3, 4, [wide[:, 2:5]]) as frame:
        assert (frame.arrays()[0] == wide[:, 2:5]).all()
    with VideoFrame.copy(PixelFormat.RGBA, 3, 4, [bytes(wide)], strides=[32]) as frame:
        assert (frame.arrays()[0] == wide[:, :3]).all()


def test_formats_convert() -> None:
    white = VideoFrame.packed(PixelFormat.RGBA, 4, 4, b"\xff" * 64)
    with white.convert(PixelFormat.NV12) as frame:
        y, uv = frame.arrays()
        assert y.shape == (4, 4) and uv.shape == (2, 2, 2)
        assert y.min() >= 230 and abs(int(uv[0, 0, 0]) - 128) < 3


def test_a_released_frame_answers_closed(tmp_path: object) -> None:
    frame = picture()
    view = frame.planes()[0]
    frame.release()
    frame.release()
    for call in (
        frame.layout,
        frame.planes,
        frame.arrays,
        lambda: frame.convert(PixelFormat.RGBA),
        lambda: frame.write_png(f"{tmp_path}/x.png"),
    ):
        assert status_of(call) is Status.CLOSED
    with pytest.raises(ValueError, match="released"):
        view[0]


def test_what_still_looks_into_a_released_frame_keeps_its_memory() -> None:
    before = live_objects().frames
    frame = picture()
    part, array = frame.planes()[0][3:6], frame.arrays()[0]
    frame.release()
    assert bytes(part) == b"\x03\x04\x05" and array[2, 4] == 14
    assert live_objects().frames == before + 1
    del part, array
    gc.collect()
    assert live_objects().frames == before


@asynchronous
async def test_frames_that_are_dropped_are_given_back() -> None:
    before = live_objects().frames
    frames = [picture() for _ in range(100)]
    assert live_objects().frames == before + 100
    del frames
    await until("no frame is left", lambda: live_objects().frames == before)
