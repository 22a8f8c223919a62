//! Writing one picture as a PNG file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use media::frame::{PixelFormat, Plane, VideoFrame};
use png::{BitDepth, ColorType, Encoder};
use yuv::{
    YuvBiPlanarImage, YuvConversionMode, YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv_nv12_to_rgb,
    yuv420_to_rgb,
};

/// Writes a picture of any pixel format as a PNG file.
///
/// # Errors
///
/// The system's error when the file cannot be written; [`io::ErrorKind::InvalidInput`] for a picture whose rows are
/// more than 4 GiB apart.
pub fn write_png(frame: &VideoFrame, path: &Path) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    encode(frame, &mut out)?;
    out.flush()
}

fn encode(frame: &VideoFrame, out: impl Write) -> io::Result<()> {
    let (colour, pixels) = match frame.format() {
        PixelFormat::Rgba => (ColorType::Rgba, rgba(frame)),
        PixelFormat::I420 | PixelFormat::Nv12 => (ColorType::Rgb, rgb(frame)?),
    };
    let mut encoder = Encoder::new(out, frame.width(), frame.height());
    encoder.set_color(colour);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    Ok(writer.finish()?)
}

/// Returns the rows of an RGBA picture without padding.
fn rgba(frame: &VideoFrame) -> Vec<u8> {
    let (row, rows) = PixelFormat::Rgba.plane_size(0, frame.width(), frame.height());
    let plane = &frame.planes()[0];
    (0..rows).flat_map(|index| &plane.data[index * plane.stride..][..row]).copied().collect()
}

/// Returns a picture of luma and chroma in RGB.
fn rgb(frame: &VideoFrame) -> io::Result<Vec<u8>> {
    let (width, height) = (frame.width(), frame.height());
    let mut rgb = vec![0; width as usize * 3 * height as usize];
    let (range, matrix) = (YuvRange::Limited, YuvStandardMatrix::Bt601);
    let converted = match frame.planes() {
        [y, u, v] => yuv420_to_rgb(
            &YuvPlanarImage {
                y_plane: &y.data,
                y_stride: stride(y)?,
                u_plane: &u.data,
                u_stride: stride(u)?,
                v_plane: &v.data,
                v_stride: stride(v)?,
                width,
                height,
            },
            &mut rgb,
            width * 3,
            range,
            matrix,
        ),
        planes => yuv_nv12_to_rgb(
            &YuvBiPlanarImage {
                y_plane: &planes[0].data,
                y_stride: stride(&planes[0])?,
                uv_plane: &planes[1].data,
                uv_stride: stride(&planes[1])?,
                width,
                height,
            },
            &mut rgb,
            width * 3,
            range,
            matrix,
            YuvConversionMode::Balanced,
        ),
    };
    converted.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
    Ok(rgb)
}

fn stride(plane: &Plane) -> io::Result<u32> {
    u32::try_from(plane.stride)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the rows of the picture are too far apart"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use bytes::Bytes;
    use units::Time;

    use super::*;

    fn picture(format: PixelFormat, (width, height): (u32, u32), values: &[&[u8]]) -> VideoFrame {
        let planes: Vec<Plane> = values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                let (row, rows) = format.plane_size(index, width, height);
                // Padding in another colour, which must not show.
                let mut line = value.repeat(row / value.len());
                line.extend([255; 5]);
                Plane { data: Bytes::from(line.repeat(rows)), stride: row + 5 }
            })
            .collect();
        VideoFrame::new(format, width, height, &planes, Time::ZERO).unwrap()
    }

    fn decoded(frame: &VideoFrame) -> (u32, u32, Vec<u8>) {
        let mut bytes = Vec::new();
        encode(frame, &mut bytes).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    }

    #[test]
    fn luma_and_chroma_become_the_colour_that_they_stand_for() {
        // Red in BT.601, limited range.
        for frame in [
            picture(PixelFormat::I420, (33, 17), &[&[81], &[90], &[240]]),
            picture(PixelFormat::Nv12, (33, 17), &[&[81], &[90, 240]]),
        ] {
            let (width, height, pixels) = decoded(&frame);
            assert_eq!((width, height, pixels.len()), (33, 17, 33 * 17 * 3));
            for pixel in pixels.chunks_exact(3) {
                assert!(pixel[0] > 250 && pixel[1] < 5 && pixel[2] < 5, "{pixel:?} of {:?}", frame.format());
            }
        }
    }

    #[test]
    fn rgba_is_written_as_it_is() {
        let (width, height, pixels) = decoded(&picture(PixelFormat::Rgba, (3, 2), &[&[1, 2, 3, 4]]));
        assert_eq!((width, height, pixels), (3, 2, [1, 2, 3, 4].repeat(6)));
    }

    #[test]
    fn a_file_that_cannot_be_made_is_an_error() {
        let frame = picture(PixelFormat::Rgba, (1, 1), &[&[1, 2, 3, 4]]);
        assert!(write_png(&frame, Path::new("/nonexistent/picture.png")).is_err());
    }
}
