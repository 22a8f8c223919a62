//! A moving picture to send where there is no camera.

use bytes::Bytes;
use media::frame::{PixelFormat, VideoFrame};
use units::Time;

use super::stamp::{Stamp, StampSource, grey};

/// The longest and the shortest side of a pattern in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 16..=4096;
/// The colours of the moving bars: Y, U, V.
const BARS: [[u8; 3]; 8] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
    [60, 128, 128],
];
/// The colour of the disc.
const DISC: [u8; 3] = [205, 90, 160];
/// How many pictures the bars take to come around, and the disc to cross the picture each way. The two ways differ
/// so that the disc visits the whole picture.
const BARS_PERIOD: u32 = 250;
const DISC_PERIODS: (u32, u32) = (150, 110);

/// Why there is no pattern of a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a test pattern of {width}x{height} pixels cannot be made: both sides must be 16 to 4096")]
pub struct PatternError {
    /// The width that was asked for.
    pub width: u32,
    /// The height that was asked for.
    pub height: u32,
}

/// A test pattern: a still gradient, colour bars that wander sideways, a disc that bounces, and a [`Stamp`].
///
/// The same size, number and time always give the same picture, on every machine. It is easy to compress, as a
/// talking head is.
#[derive(Debug)]
pub struct TestPattern {
    width: u32,
    height: u32,
    /// The still part, plane by plane.
    still: Vec<u8>,
    /// One row of bars for each plane, twice as long as the picture is wide, to be cut at any place.
    bars: [Vec<u8>; 3],
}

impl TestPattern {
    /// Makes a pattern; both sides must be 16 to 4096 pixels and may be odd.
    ///
    /// # Errors
    ///
    /// [`PatternError`] when the size is out of range.
    pub fn new(width: u32, height: u32) -> Result<Self, PatternError> {
        if !SIDES.contains(&width) || !SIDES.contains(&height) {
            return Err(PatternError { width, height });
        }
        let planes = [0, 1, 2].map(|plane| PixelFormat::I420.plane_size(plane, width, height));
        let mut still = Vec::with_capacity(planes.iter().map(|(row, rows)| row * rows).sum());
        for (plane, (row, rows)) in planes.into_iter().enumerate() {
            for y in 0..rows {
                still.extend((0..row).map(|x| gradient(plane, (x, row), (y, rows))));
            }
        }
        let bars = [0, 1, 2].map(|plane| {
            let row = planes[plane].0;
            (0..row * 2).map(|x| BARS[x % row * BARS.len() / row][plane]).collect()
        });
        Ok(Self { width, height, still, bars })
    }

    /// Returns the picture with a number, stamped with it and its time.
    pub fn frame(&self, number: u32, timestamp: Time) -> VideoFrame {
        let mut data = self.still.clone();
        let mut rest = &mut data[..];
        for plane in 0..3 {
            let (row, rows) = PixelFormat::I420.plane_size(plane, self.width, self.height);
            let pixels;
            (pixels, rest) = rest.split_at_mut(row * rows);
            self.draw_bars(pixels, plane, number);
            self.draw_disc(pixels, plane, number);
            if plane == 0 {
                let stamp = Stamp { frame: number, sent: timestamp, source: StampSource::Pattern };
                stamp.write(pixels, row, self.width, self.height);
            } else {
                grey(pixels, row, self.width, self.height);
            }
        }
        VideoFrame::packed(PixelFormat::I420, self.width, self.height, Bytes::from(data), timestamp)
            .expect("the still part has the size of a picture")
    }

    /// Draws the bars into the lowest fifth of the picture.
    fn draw_bars(&self, pixels: &mut [u8], plane: usize, number: u32) {
        let (row, rows) = PixelFormat::I420.plane_size(plane, self.width, self.height);
        // Chroma pixels are the unit, so that the colours stay under the brightness that they belong to.
        let chroma_row = (self.width as usize).div_ceil(2);
        let shift = chroma_row * (number % BARS_PERIOD) as usize / BARS_PERIOD as usize;
        let shift = if plane == 0 { (shift * 2).min(row) } else { shift };
        for pixels in pixels[rows * 4 / 5 * row..].chunks_exact_mut(row) {
            pixels.copy_from_slice(&self.bars[plane][shift..][..row]);
        }
    }

    /// Draws the disc, which moves between the strip and the bars.
    fn draw_disc(&self, pixels: &mut [u8], plane: usize, number: u32) {
        let (row, rows) = PixelFormat::I420.plane_size(plane, self.width, self.height);
        let radius = (row.min(rows) / 10) as u32;
        let bounce = |period: u32, low: u32, high: u32| {
            let at = number % (period * 2);
            low + (high - low) * at.min(period * 2 - at) / period
        };
        let (row, rows) = (row as u32, rows as u32);
        let x = bounce(DISC_PERIODS.0, radius, row - 1 - radius);
        let y = bounce(DISC_PERIODS.1, rows / 5 + radius, rows * 4 / 5 - radius);
        for line in y.saturating_sub(radius)..=(y + radius).min(rows - 1) {
            let half = (radius * radius - line.abs_diff(y).pow(2)).isqrt();
            pixels[(line * row + x - half) as usize..=(line * row + x + half) as usize].fill(DISC[plane]);
        }
    }
}

/// Returns a pixel of the still part; `x` and `y` come with how many of them there are.
fn gradient(plane: usize, (x, columns): (usize, usize), (y, rows): (usize, usize)) -> u8 {
    let value = match plane {
        0 => 60 + 100 * x / columns + 30 * y / rows + texture(x, y),
        1 => 108 + 40 * y / rows,
        _ => 148 - 40 * x / columns,
    };
    value as u8
}

/// Returns a soft texture of 0..=16.
fn texture(x: usize, y: usize) -> usize {
    let wave = |at: usize, period: usize| {
        let at = at % period;
        at.min(period - at) * 8 / period
    };
    wave(x + y / 2, 32) * wave(y + x / 4, 24)
}

#[cfg(test)]
mod tests {
    use media::psnr::psnr;

    use super::*;

    #[test]
    fn only_sizes_between_16_and_4096_have_a_pattern() {
        for (width, height) in [(0, 16), (15, 16), (16, 15), (4097, 16), (16, u32::MAX)] {
            assert_eq!(TestPattern::new(width, height).err(), Some(PatternError { width, height }));
        }
        for (width, height) in [(16, 16), (17, 4096), (4096, 17), (333, 187)] {
            let pattern = TestPattern::new(width, height).unwrap();
            for number in [0, 1, 149, 150, 151, 249, u32::MAX] {
                let frame = pattern.frame(number, Time::ZERO);
                assert_eq!((frame.width(), frame.height()), (width, height));
            }
        }
    }

    #[test]
    fn a_picture_tells_its_number_and_time() {
        let frame = TestPattern::new(320, 180).unwrap().frame(77, Time::from_millis(5));
        let expected = Stamp { frame: 77, sent: Time::from_millis(5), source: StampSource::Pattern };
        assert_eq!(Stamp::read(&frame), Some(expected));
        assert_eq!(frame.timestamp(), Time::from_millis(5));
    }

    #[test]
    fn the_same_number_and_time_give_the_same_picture() {
        let (a, b) = (TestPattern::new(321, 181).unwrap(), TestPattern::new(321, 181).unwrap());
        let same = psnr(&a.frame(9, Time::ZERO), &b.frame(9, Time::ZERO)).unwrap();
        assert_eq!(same.all, f64::INFINITY);
    }

    #[test]
    fn pictures_below_the_strip_differ_from_one_to_the_next() {
        let pattern = TestPattern::new(320, 180).unwrap();
        let below = |number| pattern.frame(number, Time::ZERO).planes()[0].data.slice(320 * 24..);
        for number in 0..1000 {
            assert_ne!(below(number), below(number + 1), "picture {number}");
        }
    }
}
