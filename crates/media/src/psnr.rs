//! How like two pictures are.

use crate::frame::{PixelFormat, VideoFrame};

/// Why two pictures cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only two I420 pictures of the same size can be compared")]
pub struct NotComparable;

/// Peak signal-to-noise ratios in dB; infinite where there is no difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Psnr {
    /// Of the Y, U and V planes by themselves.
    pub planes: [f64; 3],
    /// Of all samples together.
    pub all: f64,
}

/// Compares two I420 pictures.
///
/// # Errors
///
/// [`NotComparable`] when one has another format or size.
pub fn psnr(a: &VideoFrame, b: &VideoFrame) -> Result<Psnr, NotComparable> {
    let outline = |frame: &VideoFrame| (frame.format(), frame.width(), frame.height());
    if outline(a) != outline(b) || a.format() != PixelFormat::I420 {
        return Err(NotComparable);
    }
    let mut planes = [0.0; 3];
    let (mut all_error, mut all_samples) = (0, 0);
    for (index, (plane_a, plane_b)) in a.planes().iter().zip(b.planes()).enumerate() {
        let (width, rows) = a.format().plane_size(index, a.width(), a.height());
        let error = (0..rows)
            .map(|row| {
                let (from_a, from_b) = (row * plane_a.stride, row * plane_b.stride);
                row_error(&plane_a.data[from_a..from_a + width], &plane_b.data[from_b..from_b + width])
            })
            .sum();
        planes[index] = ratio(error, width * rows);
        all_error += error;
        all_samples += width * rows;
    }
    Ok(Psnr { planes, all: ratio(all_error, all_samples) })
}

/// Returns the sum of squared differences.
fn row_error(a: &[u8], b: &[u8]) -> u64 {
    a.iter().zip(b).map(|(&a, &b)| u64::from(u32::from(a.abs_diff(b)).pow(2))).sum()
}

fn ratio(error: u64, samples: usize) -> f64 {
    const PEAK: f64 = 255.0;
    10.0 * (PEAK * PEAK * samples as f64 / error as f64).log10()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use units::Time;

    use super::*;
    use crate::frame::Plane;

    fn picture(luma: u8, chroma: u8, padding: usize) -> VideoFrame {
        let plane = |value, width: usize, rows: usize| {
            let row = [vec![value; width], vec![0xee; padding]].concat();
            Plane { data: Bytes::from(row.repeat(rows)), stride: width + padding }
        };
        let planes = [plane(luma, 5, 3), plane(chroma, 3, 2), plane(chroma, 3, 2)];
        VideoFrame::new(PixelFormat::I420, 5, 3, &planes, Time::ZERO).unwrap()
    }

    #[test]
    fn equal_pictures_are_infinitely_alike_whatever_their_padding() {
        let psnr = psnr(&picture(10, 20, 0), &picture(10, 20, 3)).unwrap();
        assert_eq!(psnr, Psnr { planes: [f64::INFINITY; 3], all: f64::INFINITY });
    }

    #[test]
    fn a_difference_of_one_step_everywhere_is_48_decibels() {
        let psnr = psnr(&picture(10, 20, 0), &picture(11, 20, 0)).unwrap();
        assert!((psnr.planes[0] - 48.13).abs() < 0.01);
        assert_eq!(psnr.planes[1..], [f64::INFINITY; 2]);
        // 15 of 27 samples differ.
        assert!((psnr.all - 48.13 - 10.0 * (27.0_f64 / 15.0).log10()).abs() < 0.01);
    }

    #[test]
    fn pictures_of_other_formats_or_sizes_are_not_compared() {
        let other =
            VideoFrame::packed(PixelFormat::Nv12, 5, 3, Bytes::from(vec![0; 100]), Time::ZERO).unwrap();
        assert_eq!(psnr(&picture(1, 2, 0), &other), Err(NotComparable));
        assert_eq!(psnr(&other, &other), Err(NotComparable));
    }
}
