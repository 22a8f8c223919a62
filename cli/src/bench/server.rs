//! `parlor bench server`: what a socket, a join and a broadcast cost the server, and what they cost others.

mod crowd;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use parlor::api::{Error, Result, Status};
use serde_json::{Map, Value, json};

use self::crowd::Crowd;
use super::{OutputArgs, failed, machine, percentile, print, tenth};

const MEMBERS: usize = 10;
const AUDIENCE: usize = 100;
const BROADCASTS: usize = 2_000;

/// Joins that are under way at once while joins are counted.
const WINDOW: usize = 400;

/// Joins per second while their latency is measured, and how many.
const PACE: usize = 500;
const PACED_JOINS: usize = 2_000;

/// How long the server is watched doing nothing.
const IDLE: Duration = Duration::from_secs(5);

/// How long any part may take.
const BOUND: Duration = Duration::from_secs(60);

/// Arguments of `parlor bench server`.
#[derive(Args)]
pub struct ServerArgs {
    /// How many idle sockets.
    #[arg(long, default_value_t = 10_000)]
    sockets: usize,
    /// The server's program [default: parlor-server beside this program].
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Also measure the programs of this directory (benches/peers, after `npm install` there).
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Measures and prints.
pub fn run(arguments: &ServerArgs) -> Result<()> {
    let sockets = arguments.sockets.max(AUDIENCE);
    let beside = || Some(std::env::current_exe().ok()?.with_file_name("parlor-server"));
    let program = arguments.server.clone().or_else(beside).unwrap_or_else(|| "parlor-server".into());
    let mut command = Command::new(program);
    let limit = (sockets + AUDIENCE).to_string();
    command.args(["--dev", "--listen", "127.0.0.1:0", "--max-connections", &limit]);
    let parlor = Subject::start("parlor-server", &mut command, |_| "/v1?key=pk_dev".to_owned())?;
    let mut rows = vec![parlor.measure(sockets, true)?];
    drop(parlor);
    let mut ratios = json!({});
    if let Some(peers) = &arguments.peers {
        let node = |script: &str| {
            let mut command = Command::new("node");
            command.arg(peers.join(script));
            command
        };
        let ws = Subject::start("ws", &mut node("ws_rooms.mjs"), |_| "/".to_owned())?;
        let bare = ws.measure(sockets, true)?;
        drop(ws);
        let path = |index| format!("/peerjs?key=peerjs&id=p{index}&token=t{index}&version=1.5.4");
        let peerjs = Subject::start("peerjs", &mut node("peerjs.mjs"), path)?;
        rows.push(bare);
        rows.push(peerjs.measure(sockets, false)?);
        let ratio = |field: &str| {
            let [ours, theirs] = [&rows[0], &rows[1]].map(|row| row[field].as_f64().unwrap_or(f64::NAN));
            json!((ours / theirs * 100.0).round() / 100.0)
        };
        ratios = json!({
            "rss_per_socket_vs_ws": ratio("rss_per_socket_kib"),
            "joins_per_s_vs_ws": ratio("joins_per_s"),
            "broadcast_cpu_vs_ws": ratio("delivery_cpu_us"),
        });
    }
    print("server", &rows, ratios, arguments.output);
    Ok(())
}

/// A server as a process of its own.
struct Subject {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    path: fn(usize) -> String,
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Subject {
    /// Starts a program that says on its first line where it listens.
    fn start(name: &'static str, command: &mut Command, path: fn(usize) -> String) -> Result<Self> {
        let started = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = started.map_err(|error| failed(name, error))?;
        let mut line = String::new();
        let output = child.stdout.take().map(BufReader::new);
        let read = output.and_then(|mut output| output.read_line(&mut line).ok());
        let address = line.trim().rsplit_once("ws://").and_then(|(_, address)| address.parse().ok());
        match (read, address) {
            (Some(_), Some(address)) => Ok(Self { name, child, address, path }),
            _ => {
                let _ = child.kill();
                Err(Error::new(Status::Internal, format!("{name} does not say where it listens")))
            }
        }
    }

    fn measure(&self, sockets: usize, has_channels: bool) -> Result<Value> {
        let mut row = Map::new();
        row.insert("what".to_owned(), self.name.into());
        row.insert("sockets".to_owned(), sockets.into());
        let mut crowd = self.idle(sockets, &mut row)?;
        if has_channels {
            self.joins(&mut crowd, sockets, &mut row)?;
            self.paced_joins(&mut crowd, sockets, &mut row)?;
            self.broadcasts(&mut crowd, &mut row)?;
        }
        Ok(row.into())
    }

    fn idle(&self, sockets: usize, row: &mut Map<String, Value>) -> Result<Crowd> {
        let pid = self.child.id();
        let mut crowd = Crowd::new()?;
        let empty = machine::resident_kib(pid);
        let (start, cpu) = (Instant::now(), machine::cpu_seconds_of(pid));
        crowd.open(self.address, sockets, self.path)?;
        let took = start.elapsed().as_secs_f64();
        let connect_cpu = machine::cpu_seconds_of(pid) - cpu;
        drain(&mut crowd, Duration::from_secs(2))?;
        let full = machine::resident_kib(pid);
        let cpu = machine::cpu_seconds_of(pid);
        drain(&mut crowd, IDLE)?;
        let idle_cpu = machine::cpu_seconds_of(pid) - cpu;
        row.insert("rss_empty_kib".to_owned(), empty.into());
        row.insert("rss_per_socket_kib".to_owned(), hundredth((full - empty) / sockets as f64));
        row.insert("connects_per_s".to_owned(), (sockets as f64 / took).round().into());
        row.insert("connect_cpu_us".to_owned(), tenth(connect_cpu * 1e6 / sockets as f64).into());
        row.insert("idle_cpu_percent".to_owned(), hundredth(idle_cpu / IDLE.as_secs_f64() * 100.0));
        Ok(crowd)
    }

    /// As many joins as the server does, into channels of [`MEMBERS`], until every presence has come.
    fn joins(&self, crowd: &mut Crowd, sockets: usize, row: &mut Map<String, Value>) -> Result<()> {
        let joins = sockets / MEMBERS * MEMBERS;
        let expected = joins + joins * (MEMBERS - 1) / 2;
        let (mut sent, mut acks, mut presences) = (0, 0, 0);
        let (start, cpu) = (Instant::now(), machine::cpu_seconds_of(self.child.id()));
        while acks < joins || presences < expected {
            while sent < joins && sent < acks + WINDOW {
                subscribe(crowd, sent, &format!("fast-{}", sent / MEMBERS))?;
                sent += 1;
            }
            crowd.turn(Duration::from_millis(10))?;
            while let Some((_, frame)) = crowd.next() {
                acks += usize::from(frame.starts_with(br#"{"type":"ack""#));
                presences += usize::from(frame.starts_with(br#"{"type":"presence""#));
            }
            within(start)?;
        }
        let cpu = machine::cpu_seconds_of(self.child.id()) - cpu;
        row.insert("joins_per_s".to_owned(), (joins as f64 / start.elapsed().as_secs_f64()).round().into());
        row.insert("join_cpu_us".to_owned(), tenth(cpu * 1e6 / joins as f64).into());
        Ok(())
    }

    /// Joins at a steady pace; how long each waits for its roster.
    fn paced_joins(&self, crowd: &mut Crowd, sockets: usize, row: &mut Map<String, Value>) -> Result<()> {
        let joins = PACED_JOINS.min(sockets);
        let mut waiting = HashMap::new();
        let mut latencies = Vec::with_capacity(joins);
        let (start, mut sent) = (Instant::now(), 0);
        while latencies.len() < joins {
            let due = start.elapsed().as_millis() as usize * PACE / 1_000;
            while sent < joins.min(due) {
                waiting.insert(sent, Instant::now());
                subscribe(crowd, sent, &format!("paced-{}", sent / MEMBERS))?;
                sent += 1;
            }
            crowd.turn(Duration::from_millis(1))?;
            while let Some((index, frame)) = crowd.next() {
                if frame.starts_with(br#"{"type":"presence""#)
                    && let Some(since) = waiting.remove(&index)
                {
                    latencies.push(since.elapsed().as_secs_f64() * 1e3);
                }
            }
            within(start)?;
        }
        latencies.sort_by(f64::total_cmp);
        row.insert("join_to_presence_p50_ms".to_owned(), hundredth(percentile(&latencies, 50)));
        row.insert("join_to_presence_p99_ms".to_owned(), hundredth(percentile(&latencies, 99)));
        Ok(())
    }

    /// Each broadcast goes to [`AUDIENCE`] others; four are under way at once. The members take turns, because the
    /// server limits how fast one may send.
    fn broadcasts(&self, crowd: &mut Crowd, row: &mut Map<String, Value>) -> Result<()> {
        for index in 0..=AUDIENCE {
            subscribe(crowd, index, "audience")?;
        }
        drain(crowd, Duration::from_secs(3))?;
        let text = "x".repeat(200);
        let frame = json!({"type": "publish", "channel": "audience", "data": {"text": text}}).to_string();
        let (mut sent, mut received) = (0, 0);
        let (start, cpu) = (Instant::now(), machine::cpu_seconds_of(self.child.id()));
        while received < BROADCASTS * AUDIENCE {
            while sent < BROADCASTS && sent * AUDIENCE < received + 4 * AUDIENCE {
                crowd.send(sent % (AUDIENCE + 1), &frame)?;
                sent += 1;
            }
            crowd.turn(Duration::from_millis(10))?;
            while let Some((_, frame)) = crowd.next() {
                received += usize::from(frame.starts_with(br#"{"type":"message""#));
            }
            within(start)?;
        }
        let cpu = machine::cpu_seconds_of(self.child.id()) - cpu;
        let deliveries = received as f64;
        row.insert(
            "deliveries_per_s".to_owned(),
            (deliveries / start.elapsed().as_secs_f64()).round().into(),
        );
        row.insert("delivery_cpu_us".to_owned(), hundredth(cpu * 1e6 / deliveries));
        Ok(())
    }
}

fn subscribe(crowd: &mut Crowd, index: usize, channel: &str) -> Result<()> {
    let frame = json!({"type": "subscribe", "channel": channel, "requestId": "r"}).to_string();
    crowd.send(index, &frame)
}

/// Takes in what comes, for a while.
fn drain(crowd: &mut Crowd, how_long: Duration) -> Result<()> {
    let end = Instant::now() + how_long;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        crowd.turn(left)?;
        while crowd.next().is_some() {}
    }
    Ok(())
}

fn within(start: Instant) -> Result<()> {
    if start.elapsed() < BOUND {
        Ok(())
    } else {
        Err(Error::new(Status::TimedOut, "the server does not answer in time"))
    }
}

fn hundredth(value: f64) -> Value {
    json!((value * 100.0).round() / 100.0)
}
