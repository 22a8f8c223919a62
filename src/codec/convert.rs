//! From any pixel format to any other, and from any size to any other.
//!
//! Colours are BT.601 limited range, as everywhere in the engine.

use bytes::Bytes;
use media::frame::{FrameError, PixelFormat, Plane, VideoFrame};
use yuv::{
    BufferStoreMut, YuvBiPlanarImage, YuvBiPlanarImageMut, YuvConversionMode, YuvPlanarImage,
    YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
};

use super::picture::{I420Buffer, append_rows};
use super::scale;

const RANGE: YuvRange = YuvRange::Limited;
const MATRIX: YuvStandardMatrix = YuvStandardMatrix::Bt601;
const MODE: YuvConversionMode = YuvConversionMode::Balanced;

/// Why a picture could not be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The picture's rows are more than 4 GiB apart.
    #[error("plane {0} has a stride above 4 GiB")]
    Stride(usize),
    /// The conversion library refused the picture.
    #[error("pixel conversion failed: {0}")]
    Refused(String),
    /// The wanted size is out of range.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl From<yuv::YuvError> for ConvertError {
    fn from(error: yuv::YuvError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Returns the picture in `format`; the pixels are shared when it is in that format already.
///
/// # Errors
///
/// [`ConvertError`] when a stride is absurd.
pub fn to(frame: &VideoFrame, format: PixelFormat) -> Result<VideoFrame, ConvertError> {
    match (frame.format(), format) {
        (from, to) if from == to => Ok(frame.clone()),
        (PixelFormat::I420, PixelFormat::Nv12) => i420_to_nv12(frame),
        (PixelFormat::Nv12, PixelFormat::I420) => nv12_to_i420(frame),
        (_, PixelFormat::Rgba) => to_rgba(frame),
        (_, PixelFormat::I420) => rgba_to_i420(frame),
        (_, PixelFormat::Nv12) => rgba_to_nv12(frame),
    }
}

/// Returns the picture in I420 at another size; the pixels are shared when nothing changes.
///
/// Halving averages four pixels, everything else is bilinear after as many halvings as fit.
///
/// # Errors
///
/// [`ConvertError`] when the size is out of range or the picture cannot be converted.
pub fn scale(frame: &VideoFrame, width: u32, height: u32) -> Result<VideoFrame, ConvertError> {
    let mut frame = to(frame, PixelFormat::I420)?;
    while frame.width() / 2 >= width
        && frame.height() / 2 >= height
        && frame.width() > 1
        && frame.height() > 1
    {
        let half = (frame.width() / 2, frame.height() / 2);
        frame = scale_planes(&frame, half, scale::halve)?;
    }
    if (frame.width(), frame.height()) == (width, height) {
        return Ok(frame);
    }
    scale_planes(&frame, (width, height), scale::bilinear)
}

fn scale_planes(
    frame: &VideoFrame,
    (width, height): (u32, u32),
    scaler: fn(scale::Source<'_>, &mut super::PlaneMut<'_>),
) -> Result<VideoFrame, ConvertError> {
    let mut out = I420Buffer::new(width, height)?;
    for (index, (plane, out)) in frame.planes().iter().zip(&mut out.planes_mut()).enumerate() {
        let (width, height) = PixelFormat::I420.plane_size(index, frame.width(), frame.height());
        scaler(scale::Source { data: &plane.data, stride: plane.stride, width, height }, out);
    }
    Ok(out.freeze(frame.timestamp()))
}

/// Returns the stride for a library that counts in 32 bits. A single row's stride means nothing, and may be
/// anything.
fn stride(frame: &VideoFrame, plane: usize) -> Result<u32, ConvertError> {
    let (row, rows) = frame.format().plane_size(plane, frame.width(), frame.height());
    let stride = if rows == 1 { row } else { frame.planes()[plane].stride };
    u32::try_from(stride).map_err(|_| ConvertError::Stride(plane))
}

fn packed(frame: &VideoFrame, format: PixelFormat, planes: Vec<Vec<u8>>) -> Result<VideoFrame, ConvertError> {
    let planes: Vec<Plane> = planes
        .into_iter()
        .enumerate()
        .map(|(index, data)| Plane {
            data: Bytes::from(data),
            stride: format.plane_size(index, frame.width(), frame.height()).0,
        })
        .collect();
    Ok(VideoFrame::new(format, frame.width(), frame.height(), &planes, frame.timestamp())?)
}

/// Makes one zeroed buffer for each plane of `format`.
fn planes_for(frame: &VideoFrame, format: PixelFormat) -> Vec<Vec<u8>> {
    (0..format.planes())
        .map(|plane| format.plane_size(plane, frame.width(), frame.height()))
        .map(|(row, rows)| vec![0; row * rows])
        .collect()
}

fn i420_to_nv12(frame: &VideoFrame) -> Result<VideoFrame, ConvertError> {
    let [y, u, v] = frame.planes() else { unreachable!("I420 has three planes") };
    let (row, rows) = PixelFormat::Nv12.plane_size(1, frame.width(), frame.height());
    let mut uv = vec![0; row * rows];
    for (index, out) in uv.chunks_exact_mut(row).enumerate() {
        let (u, v) = (&u.data[index * u.stride..][..row / 2], &v.data[index * v.stride..][..row / 2]);
        for ((pair, u), v) in out.chunks_exact_mut(2).zip(u).zip(v) {
            pair[0] = *u;
            pair[1] = *v;
        }
    }
    let planes = [y.clone(), Plane { data: Bytes::from(uv), stride: row }];
    Ok(VideoFrame::new(PixelFormat::Nv12, frame.width(), frame.height(), &planes, frame.timestamp())?)
}

fn nv12_to_i420(frame: &VideoFrame) -> Result<VideoFrame, ConvertError> {
    let [y, uv] = frame.planes() else { unreachable!("NV12 has two planes") };
    let (row, rows) = PixelFormat::I420.plane_size(1, frame.width(), frame.height());
    let (mut u, mut v) = (vec![0; row * rows], vec![0; row * rows]);
    for (index, (u, v)) in u.chunks_exact_mut(row).zip(v.chunks_exact_mut(row)).enumerate() {
        let pairs = uv.data[index * uv.stride..][..row * 2].chunks_exact(2);
        for ((pair, u), v) in pairs.zip(u).zip(v) {
            *u = pair[0];
            *v = pair[1];
        }
    }
    let chroma = |data| Plane { data: Bytes::from(data), stride: row };
    let planes = [y.clone(), chroma(u), chroma(v)];
    Ok(VideoFrame::new(PixelFormat::I420, frame.width(), frame.height(), &planes, frame.timestamp())?)
}

fn to_rgba(frame: &VideoFrame) -> Result<VideoFrame, ConvertError> {
    let (width, height) = (frame.width(), frame.height());
    let mut rgba = vec![0; width as usize * 4 * height as usize];
    match frame.planes() {
        [y, u, v] => {
            let image = YuvPlanarImage {
                y_plane: &y.data,
                y_stride: stride(frame, 0)?,
                u_plane: &u.data,
                u_stride: stride(frame, 1)?,
                v_plane: &v.data,
                v_stride: stride(frame, 2)?,
                width,
                height,
            };
            yuv::yuv420_to_rgba(&image, &mut rgba, width * 4, RANGE, MATRIX)?;
        }
        [y, uv] => {
            let image = YuvBiPlanarImage {
                y_plane: &y.data,
                y_stride: stride(frame, 0)?,
                uv_plane: &uv.data,
                uv_stride: stride(frame, 1)?,
                width,
                height,
            };
            yuv::yuv_nv12_to_rgba(&image, &mut rgba, width * 4, RANGE, MATRIX, MODE)?;
        }
        _ => unreachable!("RGBA is never converted to itself"),
    }
    packed(frame, PixelFormat::Rgba, vec![rgba])
}

fn rgba_to_i420(frame: &VideoFrame) -> Result<VideoFrame, ConvertError> {
    let mut planes = planes_for(frame, PixelFormat::I420);
    let [y, u, v] = &mut planes[..] else { unreachable!("I420 has three planes") };
    let chroma = frame.width().div_ceil(2);
    let mut image = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: frame.width(),
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: chroma,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: chroma,
        width: frame.width(),
        height: frame.height(),
    };
    yuv::rgba_to_yuv420(&mut image, &frame.planes()[0].data, stride(frame, 0)?, RANGE, MATRIX, MODE)?;
    packed(frame, PixelFormat::I420, planes)
}

fn rgba_to_nv12(frame: &VideoFrame) -> Result<VideoFrame, ConvertError> {
    let mut planes = planes_for(frame, PixelFormat::Nv12);
    let [y, uv] = &mut planes[..] else { unreachable!("NV12 has two planes") };
    let mut image = YuvBiPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: frame.width(),
        uv_plane: BufferStoreMut::Borrowed(uv),
        uv_stride: frame.width().div_ceil(2) * 2,
        width: frame.width(),
        height: frame.height(),
    };
    yuv::rgba_to_yuv_nv12(&mut image, &frame.planes()[0].data, stride(frame, 0)?, RANGE, MATRIX, MODE)?;
    packed(frame, PixelFormat::Nv12, planes)
}

/// Returns the picture as one tightly packed buffer, plane after plane.
pub fn pack(frame: &VideoFrame) -> Bytes {
    let sizes = (0..frame.planes().len()).map(|plane| {
        let (row, rows) = frame.format().plane_size(plane, frame.width(), frame.height());
        (plane, row, rows)
    });
    let mut out = Vec::with_capacity(sizes.clone().map(|(_, row, rows)| row * rows).sum());
    for (plane, row, rows) in sizes {
        append_rows(&mut out, &frame.planes()[plane].data, frame.planes()[plane].stride, row, rows);
    }
    Bytes::from(out)
}
