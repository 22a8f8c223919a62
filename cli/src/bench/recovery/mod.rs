//! `parlor bench recovery`: how long pictures stop when the network or the server fails.

mod lab;
mod peer;

use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use parlor::api::Result;
use serde_json::{Value, json};

use self::lab::Lab;
pub use self::peer::{PeerArgs, peer};
use super::{OutputArgs, percentile, print, tenth};

/// Between two pictures when nothing is wrong.
const FRAME_INTERVAL_MS: f64 = 1000.0 / 30.0;

/// How long the two sessions get to be back after a fault.
const SETTLE: Duration = Duration::from_secs(3);

/// How long they get after the server was away: one attempt to reconnect may just have failed, and the next waits for
/// up to 30 seconds.
const SETTLE_SIGNALLING: Duration = Duration::from_secs(40);

/// How long a path is silent.
const SILENCE: Duration = Duration::from_secs(4);

/// How long the server is stopped when it is restarted.
const RESTART: Duration = Duration::from_secs(1);

/// What is done to a call.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Fault {
    /// One side gets another address, or another interface, in turns.
    AddressChange,
    /// What the two send each other is dropped without a word; signalling goes on.
    PathLoss,
    /// The server is out of reach.
    SignallingOutage,
    /// The server is killed and started again.
    ServerRestart,
}

impl Fault {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AddressChange => "address_change",
            Self::PathLoss => "path_loss",
            Self::SignallingOutage => "signalling_outage",
            Self::ServerRestart => "server_restart",
        }
    }
}

/// Arguments of `parlor bench recovery`.
#[derive(Args)]
pub struct RecoveryArgs {
    /// How many address changes and silent paths; a fourth as many restarts of the server.
    #[arg(long, default_value_t = 20)]
    runs: usize,
    /// How long the server is out of reach, in seconds.
    #[arg(long, default_value_t = 60)]
    outage_seconds: u64,
    /// What to do.
    #[arg(long, value_delimiter = ',', default_values_t = Fault::value_variants().to_vec(), value_enum)]
    faults: Vec<Fault>,
    #[command(flatten)]
    output: OutputArgs,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Measures and prints.
pub fn run(arguments: &RecoveryArgs) -> Result<()> {
    let mut rows = Vec::new();
    for fault in &arguments.faults {
        let mut call = Call::start()?;
        let runs = match fault {
            Fault::AddressChange | Fault::PathLoss => arguments.runs.max(1),
            Fault::ServerRestart => arguments.runs.div_ceil(4).max(1),
            Fault::SignallingOutage => 1,
        };
        let (mut gaps, mut lefts) = (Vec::new(), 0);
        for run in 0..runs {
            if !arguments.output.json {
                eprint!("\r{fault} {}/{runs}   ", run + 1);
            }
            let outcome = match fault {
                Fault::AddressChange => call.address_change(run)?,
                Fault::PathLoss => call.path_loss()?,
                Fault::SignallingOutage => {
                    call.signalling_outage(Duration::from_secs(arguments.outage_seconds))?
                }
                Fault::ServerRestart => call.server_restart()?,
            };
            gaps.push(outcome.gap_ms);
            lefts += outcome.lefts;
        }
        rows.push(row(*fault, gaps, lefts));
    }
    if !arguments.output.json {
        eprint!("\r");
    }
    print("recovery", &rows, json!({}), arguments.output);
    Ok(())
}

fn row(fault: Fault, mut gaps: Vec<f64>, lefts: usize) -> Value {
    gaps.sort_by(f64::total_cmp);
    json!({
        "what": fault.as_str(),
        "gap_p50_ms": tenth(percentile(&gaps, 50)),
        "gap_p95_ms": tenth(percentile(&gaps, 95)),
        "gap_max_ms": gaps.last().copied().map(tenth),
        "runs": gaps.len(),
        "peer_left_events": lefts,
    })
}

/// What a fault did to the call.
struct Outcome {
    gap_ms: f64,
    lefts: usize,
}

/// Two sessions that see each other, and a server, each in a namespace of its own.
struct Call {
    peers: [peer::Peer; 2],
    lab: Lab,
}

impl Call {
    fn start() -> Result<Self> {
        let mut lab = Lab::new()?;
        lab.start_server()?;
        let mut peers = [peer::Peer::start(&lab, lab::Side::A)?, peer::Peer::start(&lab, lab::Side::B)?];
        peers.iter_mut().try_for_each(peer::Peer::expect_ready)?;
        Ok(Self { peers, lab })
    }

    /// The pictures of the side that changes and of the other: the longer pause counts.
    fn address_change(&mut self, run: usize) -> Result<Outcome> {
        self.mark()?;
        if run.is_multiple_of(2) {
            self.lab.replace_address(run)?;
        } else {
            self.lab.replace_interface(run)?;
        }
        thread::sleep(SETTLE);
        self.longest_gap()
    }

    /// From the moment at which the path is whole again to the next picture.
    fn path_loss(&mut self) -> Result<Outcome> {
        self.lab.cut_path()?;
        thread::sleep(SILENCE);
        self.mark()?;
        self.lab.heal_path()?;
        thread::sleep(SETTLE);
        let reports = self.reports()?;
        let first = |report: &peer::Report| {
            report.arrivals_ms.first().copied().unwrap_or(SETTLE.as_secs_f64() * 1000.0)
        };
        Ok(Outcome {
            gap_ms: reports.iter().map(first).fold(0.0, f64::max),
            lefts: reports.iter().map(|report| report.lefts).sum(),
        })
    }

    fn signalling_outage(&mut self, length: Duration) -> Result<Outcome> {
        self.mark()?;
        self.lab.cut_server()?;
        thread::sleep(length);
        self.lab.heal_server()?;
        self.back_in_channel()?;
        self.longest_gap()
    }

    fn server_restart(&mut self) -> Result<Outcome> {
        self.mark()?;
        self.lab.stop_server();
        thread::sleep(RESTART);
        self.lab.start_server()?;
        self.back_in_channel()?;
        self.longest_gap()
    }

    fn mark(&mut self) -> Result<()> {
        self.peers.iter_mut().try_for_each(peer::Peer::mark)
    }

    /// Waits until both are in the channel again and have been for a moment.
    fn back_in_channel(&mut self) -> Result<()> {
        for peer in &mut self.peers {
            peer.wait_for_joined(SETTLE_SIGNALLING)?;
        }
        thread::sleep(SETTLE);
        Ok(())
    }

    fn reports(&mut self) -> Result<[peer::Report; 2]> {
        let [first, second] = &mut self.peers;
        Ok([first.report()?, second.report()?])
    }

    /// The longest pause between two pictures since the mark, beyond the usual one.
    fn longest_gap(&mut self) -> Result<Outcome> {
        let reports = self.reports()?;
        Ok(Outcome {
            gap_ms: reports.iter().map(peer::Report::longest_gap_ms).fold(0.0, f64::max),
            lefts: reports.iter().map(|report| report.lefts).sum(),
        })
    }
}
