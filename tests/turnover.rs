//! What sessions that come and go leave behind: nothing.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};

use parlor::api::{
    Event, Listener, MediaKind, MediaStream, Session, SessionConfig, TrackId, VideoFrame, VideoSink,
};
use support::{DEADLINE, TestServer, small_stream};

const VISITS: usize = 6;

#[derive(Debug, PartialEq, Eq)]
enum News {
    /// The first picture of a remote track.
    Picture,
    SinkGone,
    ListenerGone,
    /// A peer left one that stays; so much of it is still known.
    PeerGone {
        kept: usize,
    },
}

/// A sink of one remote track.
struct Sink {
    news: Sender<News>,
    told: OnceLock<()>,
}

impl VideoSink for Sink {
    fn on_frame(&self, _: &VideoFrame) {
        if self.told.set(()).is_ok() {
            self.news.send(News::Picture).unwrap();
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Once the test has failed nobody listens.
        let _ = self.news.send(News::SinkGone);
    }
}

/// Gives each remote video track a sink of its own.
struct Guest {
    news: Sender<News>,
    session: OnceLock<Session>,
    stays: bool,
    tracks: Mutex<Vec<TrackId>>,
}

impl Listener for Guest {
    fn on_event(&self, event: &Event) {
        let session = self.session.get().unwrap();
        let mut tracks = self.tracks.lock().unwrap();
        match event {
            Event::TrackAdded { track, kind, .. } => {
                tracks.push(*track);
                if *kind == MediaKind::Video {
                    let sink = Sink { news: self.news.clone(), told: OnceLock::new() };
                    session.set_video_sink(*track, Some(Arc::new(sink))).unwrap();
                }
            }
            Event::PeerLeft { .. } if self.stays => {
                let tracks = tracks.iter().filter(|track| session.track_stats(**track).is_ok());
                let kept = tracks.count() + session.peers().len();
                self.news.send(News::PeerGone { kept }).unwrap();
            }
            _ => {}
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // After the test nobody listens.
        let _ = self.news.send(News::ListenerGone);
    }
}

fn sit_down(config: SessionConfig, stream: &MediaStream, stays: bool) -> (Session, Receiver<News>) {
    let (news, told) = channel();
    let guest = Arc::new(Guest { news, session: OnceLock::new(), stays, tracks: Mutex::default() });
    let session = Session::create(config, Arc::clone(&guest) as Arc<dyn Listener>).unwrap();
    guest.session.set(session.clone()).unwrap();
    session.add_stream(stream, None).unwrap();
    session.join("test/turnover").unwrap();
    (session, told)
}

#[test]
fn sessions_that_come_and_go_leave_nothing_behind_in_those_that_stay_nor_in_their_engine() {
    let server = TestServer::start();
    let (host, host_told) = sit_down(server.config(), &small_stream(), true);
    let (config, stream) = (server.config(), small_stream());
    for _ in 0..VISITS {
        let (visitor, visitor_told) = sit_down(config.clone(), &stream, false);
        assert_eq!(visitor_told.recv_timeout(DEADLINE), Ok(News::Picture));
        assert_eq!(host_told.recv_timeout(DEADLINE), Ok(News::Picture));
        visitor.close();
        drop(visitor);
        for (told, last) in [(&visitor_told, News::ListenerGone), (&host_told, News::PeerGone { kept: 0 })] {
            let mut ends = [(); 2].map(|()| told.recv_timeout(DEADLINE).unwrap());
            ends.sort_by_key(|news| *news != News::SinkGone);
            assert_eq!(ends, [News::SinkGone, last]);
        }
    }
    host.close();
}
