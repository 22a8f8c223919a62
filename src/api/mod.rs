//! The facade that every binding translates: engine, session, streams, sources, sinks, events and errors.
//!
//! The types here are shaped for C: no generics, no lifetimes, no closures. Every function may be called from
//! any thread, also from inside an event callback; none waits for the network. Handles are cheap to clone and
//! share what they name.

mod config;
mod engine;
mod error;
mod event;
mod picture;
mod record;
mod session;
mod sink;
mod source;
mod stream;

pub use config::{Credential, EngineConfig, IceServer, SessionConfig};
pub use engine::{Engine, time_us};
pub use error::{Error, Result, Status};
pub use event::{Event, Listener, MessageKind, PeerState, RequestOutcome, SessionState};
pub use picture::{Reference, convert, write_png};
pub use session::{PeerInfo, PeerStats, Session, TrackStats};
pub use sink::{AudioSink, VideoSink};
pub use source::{AudioSource, EncodedSourceObserver, FileMode, VideoSource};
pub use stream::MediaStream;

pub use media::frame::{AudioFrame, EncodedFrame, FrameError, PixelFormat, Plane, VideoFrame};
pub use units::{BitRate, Codec, MediaKind, PeerId, RequestId, Secret, StreamId, Time, TrackId};
