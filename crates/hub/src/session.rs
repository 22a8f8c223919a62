//! What outlives a socket: the session of a client that can resume.
//!
//! A client says that it can resume by a ping with a cursor. From then on its directs are numbered and kept
//! until the client confirms them, so that its next socket gets exactly those that the last one did not
//! bring. A token (made by the server, see [`Claim`]) proves that a new socket is the same client.
//!
//! ```text
//! none ──ping with cursor──▶ connected ──socket breaks──▶ absent ──Config::resume_window──▶ none
//!                             ▲  │  ▲                       │
//!                             │  │  └────claim accepted─────┘
//!                             │  └──goodbye, kick, revoked key, successor without a claim──▶ none
//!    claim of an earlier run ─┘
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use protocol::ServerFrame;
use units::Time;

use crate::bus::Stamp;
use crate::hub::{Hub, Timer};
use crate::io::{AppId, ConnectionId};
use crate::outbox::About;

/// Most directs that are kept for one session.
const MAX_KEPT: usize = 256;

/// Most bytes of directs that are kept for one session.
const MAX_KEPT_BYTES: usize = 256 * 1_024;

/// How long a direct is kept. A client finds out within a minute that its socket is dead.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Most sessions whose sockets are broken; one more is forgotten at once.
const MAX_ABSENT: usize = 10_000;

/// What a resume token says, once the server has checked that it is genuine, not expired, and of the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The run of the server that the token is from.
    pub epoch: String,
    /// The socket that the token was made for.
    pub generation: ConnectionId,
    /// The peer id.
    pub peer: String,
    /// The highest cursor that the client has read. Not part of the token.
    pub cursor: u64,
}

/// What a new connection goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// With its session: memberships, and the directs after this cursor.
    Session {
        /// The highest cursor that the client has read.
        cursor: u64,
    },
    /// With its peer id only.
    PeerId,
}

/// A session. It belongs to a peer id.
#[derive(Debug)]
pub(crate) struct Session {
    /// The newest socket: only its token is good.
    generation: ConnectionId,
    /// When that began, comparable between hubs.
    stamp: Stamp,
    /// When the socket broke, while there is no other.
    broke: Option<Time>,
    directs: Directs,
    /// When the oldest direct is dropped.
    trim: Option<Time>,
}

impl Session {
    fn new(generation: ConnectionId, stamp: Stamp) -> Self {
        Self { generation, stamp, broke: None, directs: Directs::default(), trim: None }
    }
}

/// The directs of a session that its client has not confirmed.
#[derive(Debug, Default)]
struct Directs {
    kept: VecDeque<Kept>,
    bytes: usize,
    /// The cursor of what was sent last.
    last: u64,
    /// The highest cursor of what was sent and is dropped without having been confirmed.
    dropped: u64,
    /// Whether something was dropped that was never sent, since the last gap.
    is_lossy: bool,
    /// The cursor of the last gap that is not confirmed; zero for none.
    gap: u64,
}

#[derive(Debug)]
struct Kept {
    /// The cursor with which it was sent on the present socket.
    sent: Option<u64>,
    at: Time,
    from: Arc<str>,
    /// The channels through which the receiver knew the sender; none for a direct that needs none.
    through: Vec<Arc<str>>,
    /// The frame without its cursor.
    text: Arc<str>,
}

impl Directs {
    fn push(&mut self, kept: Kept) {
        self.bytes += kept.text.len();
        self.kept.push_back(kept);
        while self.kept.len() > MAX_KEPT || self.bytes > MAX_KEPT_BYTES {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.bytes -= oldest.text.len();
            match oldest.sent {
                Some(cursor) => self.dropped = self.dropped.max(cursor),
                None => self.is_lossy = true,
            }
        }
    }

    fn expire(&mut self, now: Time) {
        while self.kept.front().is_some_and(|oldest| oldest.at + KEPT_FOR <= now) {
            self.drop_oldest();
        }
    }

    fn confirm(&mut self, cursor: u64) {
        self.retain(|kept| kept.sent.is_none_or(|sent| sent > cursor));
        if self.gap <= cursor {
            self.gap = 0;
        }
    }

    /// Takes in that a socket is new: what the client has not read is to be sent again.
    fn rewind(&mut self, cursor: u64) {
        self.confirm(cursor);
        self.kept.iter_mut().for_each(|kept| kept.sent = None);
        self.is_lossy |= self.dropped > cursor || self.gap > 0;
        self.dropped = 0;
    }

    /// Drops what is void without a channel. Nothing is lost when the client itself has left.
    fn leave_channel(&mut self, left: &str, by_choice: bool) {
        let mut is_lossy = self.is_lossy;
        self.retain(|kept| {
            let was_bound = !kept.through.is_empty();
            kept.through.retain(|channel| &**channel != left);
            let is_void = was_bound && kept.through.is_empty();
            is_lossy |= is_void && kept.sent.is_none() && !by_choice;
            !is_void
        });
        self.is_lossy = is_lossy;
    }

    fn retain(&mut self, mut keep: impl FnMut(&mut Kept) -> bool) {
        self.kept.retain_mut(|kept| {
            let stays = keep(kept);
            if !stays {
                self.bytes -= kept.text.len();
            }
            stays
        });
    }

    /// Numbers what is sent next.
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// What to do with a direct that was not sent yet.
enum Fate {
    Send(Vec<Arc<str>>),
    Wait,
    Void,
}

impl Hub {
    /// Says what a connection with this claim would go on with; `None` for a claim that is not good (any
    /// more). The answer holds for a connection that comes in at the same `now`.
    pub fn resumption(&self, now: Time, app: AppId, claim: &Claim) -> Option<Resume> {
        let peer = claim.peer.as_str();
        let state = self.apps.get(&app);
        let session = state.and_then(|app| app.sessions.get(peer));
        if claim.epoch == self.epoch {
            let session = session.filter(|session| session.generation == claim.generation)?;
            let in_time = session.broke.is_none_or(|broke| now < broke + self.config.resume_window);
            return in_time.then_some(Resume::Session { cursor: claim.cursor });
        }
        let is_taken = session.is_some() || state.is_some_and(|app| app.owners.contains_key(peer));
        let is_used = self.adopted.contains(&(app, peer.into()));
        let is_early = now < self.started.unwrap_or(now) + self.config.resume_window;
        (is_early && !is_taken && !is_used).then_some(Resume::PeerId)
    }

    /// Begins, continues or ends the session of a peer whose new socket has just been welcomed.
    pub(crate) fn begin_session(
        &mut self,
        app: AppId,
        peer: &Arc<str>,
        connection: ConnectionId,
        resume: Option<Resume>,
    ) {
        let Some(resume) = resume else {
            self.end_session(app, peer);
            return;
        };
        let Some(stamp) = self.connections.get(&connection).map(|state| state.stamp) else { return };
        let known = self.take_session(app, peer);
        let mut session = match (resume, known) {
            (Resume::Session { cursor }, Some(mut session)) => {
                session.directs.rewind(cursor);
                session
            }
            _ => {
                self.adopted.insert((app, Arc::clone(peer)));
                let mut session = Session::new(connection, stamp);
                session.directs.is_lossy = true;
                session
            }
        };
        (session.generation, session.stamp) = (connection, stamp);
        self.apps.entry(app).or_default().sessions.insert(Arc::clone(peer), session);
        self.arm_trim(app, peer);
        self.flush_directs(app, peer);
    }

    /// Sends the directs of a session that wait and need not, and the gap that is in them.
    pub(crate) fn flush_directs(&mut self, app: AppId, peer: &Arc<str>) {
        let Some(connection) = self.connection_of(app, peer) else { return };
        let Some(mut session) = self.apps.get_mut(&app).and_then(|app| app.sessions.remove(peer)) else {
            return;
        };
        let directs = &mut session.directs;
        if std::mem::take(&mut directs.is_lossy) {
            directs.gap = directs.next();
            // In the log, for directs with lower cursors may wait there.
            let gap = ServerFrame::Gap { cursor: directs.gap }.to_json().into();
            self.deliver(connection, &gap, About::Direct { through: Vec::new() });
        }
        // Those of one sender stay in order.
        let mut waiting = BTreeSet::new();
        let mut void = BTreeSet::new();
        for (index, kept) in directs.kept.iter_mut().enumerate().filter(|(_, kept)| kept.sent.is_none()) {
            match self.fate(app, peer, kept) {
                Fate::Send(through) if !waiting.contains(&kept.from) => {
                    directs.last += 1;
                    kept.sent = Some(directs.last);
                    let text = with_cursor(&kept.text, directs.last);
                    self.deliver(connection, &text, About::Direct { through });
                }
                Fate::Send(_) | Fate::Wait => {
                    waiting.insert(Arc::clone(&kept.from));
                }
                Fate::Void => {
                    void.insert(index);
                }
            }
        }
        let mut index = 0..;
        directs.retain(|_| index.next().is_none_or(|index| !void.contains(&index)));
        self.apps.entry(app).or_default().sessions.insert(Arc::clone(peer), session);
        self.arm_trim(app, peer);
    }

    /// A receiver must have read in a channel who the sender is. It waits for channels that its receiver may
    /// still come back to; without any, its sender is gone, or unknown to the receiver for good.
    fn fate(&self, app: AppId, peer: &str, kept: &Kept) -> Fate {
        if kept.through.is_empty() {
            return Fate::Send(Vec::new());
        }
        let Some(app) = self.apps.get(&app) else { return Fate::Void };
        let channel = |name: &&Arc<str>| app.channels.get(*name);
        let is_known = |name: &&Arc<str>| channel(name).is_some_and(|it| it.knows(peer, &kept.from));
        let through: Vec<Arc<str>> = kept.through.iter().filter(is_known).cloned().collect();
        if !through.is_empty() {
            Fate::Send(through)
        } else if kept.through.iter().any(|name| channel(&name).is_some_and(|it| it.is_lingering(peer))) {
            Fate::Wait
        } else {
            Fate::Void
        }
    }

    /// Takes in that a client can resume and what it has read.
    pub(crate) fn confirm(&mut self, connection: ConnectionId, cursor: u64) {
        let Some(state) = self.connections.get(&connection) else { return };
        let (app, peer, stamp) = (state.app, Arc::clone(&state.identity.peer), state.stamp);
        let sessions = &mut self.apps.entry(app).or_default().sessions;
        let session = sessions.entry(Arc::clone(&peer)).or_insert_with(|| Session::new(connection, stamp));
        session.directs.confirm(cursor);
        self.arm_trim(app, &peer);
    }

    /// Returns whether directs to a peer are kept, whether or not it is connected.
    pub(crate) fn keeps_directs(&self, now: Time, app: AppId, peer: &str) -> bool {
        let session = self.apps.get(&app).and_then(|app| app.sessions.get(peer));
        session.is_some_and(|session| session.broke.is_none_or(|broke| now < broke + self.config.linger))
    }

    /// Keeps a direct until its receiver confirms it, and sends it when nothing is in its way.
    pub(crate) fn keep(
        &mut self,
        now: Time,
        app: AppId,
        peer: &str,
        from: &Arc<str>,
        text: Arc<str>,
        through: Vec<Arc<str>>,
    ) {
        let kept = Kept { sent: None, at: now, from: Arc::clone(from), through, text };
        if let Some((peer, session)) = self.session_mut(app, peer) {
            session.directs.push(kept);
            self.arm_trim(app, &peer);
            self.flush_directs(app, &peer);
        }
    }

    /// Takes in that a peer is no member of a channel any more.
    pub(crate) fn drop_kept(&mut self, app: AppId, channel: &str, peer: &Arc<str>, by_choice: bool) {
        if let Some((peer, session)) = self.session_mut(app, peer) {
            session.directs.leave_channel(channel, by_choice);
            self.arm_trim(app, &peer);
            self.flush_directs(app, &peer);
        }
    }

    /// Takes in that a peer's socket broke.
    pub(crate) fn suspend_session(&mut self, now: Time, app: AppId, peer: &str) {
        let Some((peer, session)) = self.session_mut(app, peer) else { return };
        session.broke = Some(now);
        let timer = Timer::Forget { app, peer: Arc::clone(&peer) };
        self.timers.insert((now + self.config.resume_window, timer));
        self.absent += 1;
        if self.absent > MAX_ABSENT {
            self.end_session(app, &peer);
        }
    }

    /// Ends the session of a peer that has a newer connection at another hub: what is sent to it goes there.
    pub(crate) fn yield_session(&mut self, app: AppId, peer: &str, stamp: Stamp) {
        if self.session_mut(app, peer).is_some_and(|(_, session)| session.stamp < stamp) {
            self.end_session(app, peer);
            self.drop_empty_app(app);
        }
    }

    pub(crate) fn end_session(&mut self, app: AppId, peer: &str) {
        if let Some((peer, _)) = self.session_mut(app, peer) {
            self.take_session(app, &peer);
        }
    }

    /// Drops what was kept for too long.
    pub(crate) fn trim(&mut self, now: Time, app: AppId, peer: &Arc<str>) {
        if let Some((_, session)) = self.session_mut(app, peer) {
            session.directs.expire(now);
            self.arm_trim(app, peer);
        }
    }

    /// Takes a session out, with its timers.
    fn take_session(&mut self, app: AppId, peer: &Arc<str>) -> Option<Session> {
        let mut session = self.apps.get_mut(&app)?.sessions.remove(peer)?;
        if let Some(at) = session.trim.take() {
            self.timers.remove(&(at, Timer::Trim { app, peer: Arc::clone(peer) }));
        }
        if let Some(broke) = session.broke.take() {
            let timer = Timer::Forget { app, peer: Arc::clone(peer) };
            self.timers.remove(&(broke + self.config.resume_window, timer));
            self.absent -= 1;
        }
        Some(session)
    }

    /// Sets the timer for the oldest direct of a session.
    fn arm_trim(&mut self, app: AppId, peer: &Arc<str>) {
        let Some((_, session)) = self.session_mut(app, peer) else { return };
        let trim = session.directs.kept.front().map(|oldest| oldest.at + KEPT_FOR);
        let before = std::mem::replace(&mut session.trim, trim);
        if before != trim {
            let timer = Timer::Trim { app, peer: Arc::clone(peer) };
            if let Some(before) = before {
                self.timers.remove(&(before, timer.clone()));
            }
            self.timers.extend(trim.map(|at| (at, timer)));
        }
    }

    fn session_mut(&mut self, app: AppId, peer: &str) -> Option<(Arc<str>, &mut Session)> {
        let sessions = &mut self.apps.get_mut(&app)?.sessions;
        let peer = sessions.get_key_value(peer).map(|(peer, _)| Arc::clone(peer))?;
        sessions.get_mut(&peer).map(|session| (peer, session))
    }
}

/// Writes the cursor into a direct's text, which is a JSON object without one.
fn with_cursor(text: &str, cursor: u64) -> Arc<str> {
    let open = text.strip_suffix('}').unwrap_or(text);
    format!("{open},\"cursor\":{cursor}}}").into()
}
