//! What happens in a simulated call, and when.

use std::fmt;
use std::time::Duration;

use units::{BitRate, MediaKind};

use crate::random::Random;
use crate::{Bottleneck, Bursts, Identity, Path};

/// Who takes part; the order of the names is not that of joining, so that both orders of politeness happen.
pub const PEERS: [&str; 5] = ["mia", "bo", "zoe", "ada", "kim"];

/// How long things happen and go wrong.
const UNREST: Duration = Duration::from_secs(24);

/// How many things happen beside the first joins.
const ACTIONS: usize = 26;

/// How many of them happen at the same moment as the one before.
const AT_ONCE: f64 = 0.25;

/// The longest cut of a path. The stack's SCTP stops sending again what was lost after six tries, which is a minute; what
/// was to be said on data channels then waits until something more is said.
const LONGEST_CUT: Duration = Duration::from_secs(20);

/// One thing that happens. Participants are named by their place in [`PEERS`].
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Joins the channel, or tries to.
    Join(usize),
    /// Leaves the channel, or is out of it already.
    Leave(usize),
    /// Its process crashes, and starts again outside of the channel.
    Crash(usize),
    /// Adds a stream of this name.
    AddStream(usize, &'static str, Vec<MediaKind>),
    /// Takes the stream of this name back.
    RemoveStream(usize, &'static str),
    /// Sends nothing on its tracks, or again.
    Mute(usize, bool),
    /// Sends data to everybody, or to one of the others.
    Send(usize, Option<usize>),
    /// Opens a data channel to another.
    OpenChannel(usize, usize),
    /// Says something on all its data channels.
    Talk(usize),
    /// Closes one of its data channels.
    CloseChannel(usize),
    /// Its connection to the server breaks, and both ends notice.
    BreakSignalling(usize),
    /// It is cut off from the server, and nobody notices; or not any more.
    CutSignalling(usize, bool),
    /// Nothing passes between these two any more, or again.
    CutPath(usize, usize, bool),
    /// The path between these two changes.
    SetPath(usize, usize, Path),
    /// Its interface gets another address.
    ChangeAddress(usize),
    /// The address translator in front of it forgets its mappings.
    RebindNat(usize),
    /// The server is killed.
    StopServer,
    /// The server starts again.
    StartServer,
}

/// What happens in a simulated call.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What all paths are like.
    pub path: Path,
    /// How long a message takes to the server or back.
    pub signalling_delay: Duration,
    /// Who each participant is to the server.
    pub identities: Vec<Identity>,
    /// Who is behind an address translator.
    pub nat: Option<usize>,
    /// What happens, and how long after the start; in order.
    pub actions: Vec<(Duration, Action)>,
    /// Who is to be out of the channel in the end; everybody else is to be in it.
    pub left_out: Option<usize>,
}

impl Plan {
    /// Makes the plan of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let path = quiet_path(&mut random);
        let stable = random.chance(0.6);
        let identity = |random: &mut Random| {
            if stable || random.chance(0.4) { Identity::Stable } else { Identity::Fresh }
        };
        let identities = PEERS.iter().map(|_| identity(&mut random)).collect();
        let nat = random.chance(0.4).then(|| random.number(PEERS.len()));
        let mut actions = first_joins(&mut random);
        let mut at = Duration::from_secs(1);
        for _ in 0..ACTIONS {
            if !random.chance(AT_ONCE) {
                at = random.between(Duration::from_secs(1), UNREST);
            }
            add(&mut random, &mut actions, at, (&path, nat));
        }
        // What begins at the same time keeps the order in which it was drawn.
        actions.sort_by_key(|(at, _)| *at);
        Self {
            path,
            signalling_delay: random.between(Duration::from_millis(5), Duration::from_millis(80)),
            identities,
            nat,
            actions,
            left_out: random.chance(0.3).then(|| random.number(PEERS.len())),
        }
    }

    /// Returns when the last thing happens.
    pub fn length(&self) -> Duration {
        self.actions.last().map_or(Duration::ZERO, |(at, _)| *at)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, signalling_delay, identities, nat, actions, left_out } = self;
        writeln!(f, "{path:?}, {signalling_delay:?} to the server, {identities:?}")?;
        writeln!(f, "behind a translator: {nat:?}; out of the channel in the end: {left_out:?}")?;
        actions.iter().try_for_each(|(at, action)| writeln!(f, "  {:>6} ms {action:?}", at.as_millis()))
    }
}

/// Draws what paths are like when nothing is wrong with them.
fn quiet_path(random: &mut Random) -> Path {
    let mut path = Path::with_delay(random.between(Duration::from_millis(2), Duration::from_millis(90)));
    if random.chance(0.6) {
        path.jitter = random.below(Duration::from_millis(30));
        path.duplication = 0.01;
        path.reordering = 0.02;
    }
    if random.chance(0.5) {
        path.loss = [0.005, 0.01, 0.03][random.number(3)];
    }
    path
}

/// Draws what a path is like for a while.
fn bad_path(random: &mut Random, quiet: &Path) -> Path {
    match random.number(3) {
        0 => Path { bursts: Some(Bursts { begin: 0.03, end: 0.1 }), ..*quiet },
        1 => Path { loss: 0.2, jitter: Duration::from_millis(80), reordering: 0.1, ..*quiet },
        _ => {
            let rate = BitRate::from_kbps(100 + random.number(900) as u64);
            Path { bottleneck: Some(Bottleneck { rate, queue: Duration::from_millis(300) }), ..*quiet }
        }
    }
}

/// Draws a participant and another one.
fn pair(random: &mut Random) -> (usize, usize) {
    let one = random.number(PEERS.len());
    (one, (one + 1 + random.number(PEERS.len() - 1)) % PEERS.len())
}

fn first_joins(random: &mut Random) -> Vec<(Duration, Action)> {
    let at_once = random.chance(0.5);
    let mut actions = Vec::new();
    for peer in 0..PEERS.len() {
        let at = if at_once { Duration::ZERO } else { random.below(Duration::from_secs(2)) };
        let kinds = match random.number(5) {
            0 => None,
            1 => Some(vec![MediaKind::Audio]),
            2 => Some(vec![MediaKind::Video]),
            _ => Some(vec![MediaKind::Audio, MediaKind::Video]),
        };
        actions.extend(kinds.map(|kinds| (at, Action::AddStream(peer, "camera", kinds))));
        actions.push((at, Action::Join(peer)));
    }
    actions
}

/// Draws one thing and, where it is something that ends, its end.
fn add(
    random: &mut Random,
    actions: &mut Vec<(Duration, Action)>,
    at: Duration,
    (quiet, nat): (&Path, Option<usize>),
) {
    let (one, other) = pair(random);
    // Mostly short; sometimes longer than the server waits for a silent client.
    let end = at
        + match random.number(12) {
            0 => Duration::from_secs(45),
            1..4 => random.between(Duration::from_secs(3), Duration::from_secs(12)),
            _ => random.below(Duration::from_secs(3)),
        };
    let (begin, end) = match random.number(100) {
        0..8 => (Action::Join(one), None),
        8..15 => (Action::Leave(one), Some((end.min(at + Duration::from_secs(4)), Action::Join(one)))),
        15..18 => (Action::Crash(one), Some((end.min(at + Duration::from_secs(4)), Action::Join(one)))),
        18..28 => (
            Action::AddStream(one, "screen", vec![MediaKind::Video]),
            random.chance(0.6).then_some((end, Action::RemoveStream(one, "screen"))),
        ),
        28..33 => (
            Action::AddStream(one, "extra", vec![MediaKind::Audio, MediaKind::Video]),
            random.chance(0.3).then_some((end, Action::RemoveStream(one, "extra"))),
        ),
        33..36 => (Action::RemoveStream(one, "camera"), None),
        36..40 => (Action::Mute(one, true), Some((end, Action::Mute(one, false)))),
        40..45 => (Action::Send(one, None), None),
        45..50 => (Action::Send(one, Some(other)), None),
        50..56 => (Action::OpenChannel(one, other), Some((end, Action::Talk(one)))),
        56..59 => (Action::CloseChannel(one), None),
        59..66 => (Action::BreakSignalling(one), None),
        66..72 => (Action::CutSignalling(one, true), Some((end, Action::CutSignalling(one, false)))),
        72..80 => {
            let end = end.min(at + LONGEST_CUT);
            (Action::CutPath(one, other, true), Some((end, Action::CutPath(one, other, false))))
        }
        80..87 => (
            Action::SetPath(one, other, bad_path(random, quiet)),
            Some((end, Action::SetPath(one, other, *quiet))),
        ),
        87..92 => (Action::ChangeAddress(one), None),
        92..96 => (nat.map_or(Action::ChangeAddress(one), Action::RebindNat), None),
        _ => (Action::StopServer, Some((end.min(at + Duration::from_secs(10)), Action::StartServer))),
    };
    actions.push((at, begin));
    actions.extend(end);
}
