//! Writing frames into files.

mod png;

pub use png::write_png;
