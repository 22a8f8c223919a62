//! Scaling of one plane of 8-bit samples.

use super::PlaneMut;

/// A plane to read from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) data: &'a [u8],
    pub(super) stride: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl<'a> Source<'a> {
    fn row(&self, row: usize) -> &'a [u8] {
        &self.data[row * self.stride..][..self.width]
    }
}

/// Averages squares of four samples. The output may have half the samples rounded down or up: what lies past the
/// edge repeats the edge.
pub(super) fn halve(source: Source<'_>, out: &mut PlaneMut<'_>) {
    for index in 0..out.height {
        let above = source.row((2 * index).min(source.height - 1));
        let below = source.row((2 * index + 1).min(source.height - 1));
        let whole = source.width / 2;
        let inner = whole.min(out.width);
        let (inner, edge) = out.row(index).split_at_mut(inner);
        for ((out, a), b) in inner.iter_mut().zip(above.chunks_exact(2)).zip(below.chunks_exact(2)) {
            let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
            *out = ((sum + 2) / 4) as u8;
        }
        let last = source.width - 1;
        edge.fill((u16::from(above[last]) + u16::from(below[last])).div_ceil(2) as u8);
    }
}

/// Fraction bits of a position between two samples.
const FRACTION: u32 = 8;

/// Where an output sample lies between two input samples.
struct Position {
    first: usize,
    second: usize,
    /// Weight of the second, in 1/256.
    weight: u32,
}

/// Interpolates linearly in both directions; sample centres of both pictures are aligned.
pub(super) fn bilinear(source: Source<'_>, out: &mut PlaneMut<'_>) {
    let columns = positions(source.width, out.width);
    let rows = positions(source.height, out.height);
    let mut blended = vec![0u32; source.width];
    for (index, row) in rows.iter().enumerate() {
        let (above, below) = (source.row(row.first), source.row(row.second));
        for ((out, a), b) in blended.iter_mut().zip(above).zip(below) {
            *out = u32::from(*a) * (256 - row.weight) + u32::from(*b) * row.weight;
        }
        for (out, column) in out.row(index).iter_mut().zip(&columns) {
            let sum = blended[column.first] * (256 - column.weight) + blended[column.second] * column.weight;
            *out = ((sum + (1 << (2 * FRACTION - 1))) >> (2 * FRACTION)) as u8;
        }
    }
}

fn positions(from: usize, to: usize) -> Vec<Position> {
    let last = from - 1;
    (0..to)
        .map(|index| {
            // The centre of the output sample in units of 1/256 input samples, relative to the first centre.
            let centre = (((2 * index + 1) * from) << FRACTION) / (2 * to);
            let centre = centre.saturating_sub(1 << (FRACTION - 1));
            let first = (centre >> FRACTION).min(last);
            Position { first, second: (first + 1).min(last), weight: (centre & 0xff) as u32 }
        })
        .collect()
}
