//! `parlor bench datachannel`: throughput, messages and their CPU time, one way over loopback, both ends in this process.

#[cfg(feature = "bench-peers")]
mod facade;
#[cfg(feature = "bench-peers")]
mod libdatachannel;
mod sessions;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use parlor::api::{Error, Result, Status};
use serde_json::{Map, Value, json};

use super::{OutputArgs, links, machine, print, tenth};

/// The sizes of messages, in bytes, with what their rows are called.
const SIZES: [(usize, &str); 3] =
    [(64 * 1024, "throughput_64k"), (16 * 1024, "throughput_16k"), (100, "messages_100b")];

/// How long a channel runs before it is measured, so that its congestion window is open.
const WARM_UP: Duration = Duration::from_secs(1);

/// How many connections stand idle while their memory is looked at: both ends of half as many pairs.
const IDLE_CONNECTIONS: usize = 200;

/// How long a connection may take.
const CONNECT_BOUND: Duration = Duration::from_secs(20);

/// How long a channel may be without room.
const ROOM_BOUND: Duration = Duration::from_secs(5);

/// Arguments of `parlor bench datachannel`.
#[derive(Args)]
pub struct DataChannelArgs {
    /// How long to send each size of message, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often to measure everything; the medians are printed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    output: OutputArgs,
}

/// What arrived at the receiving end.
#[derive(Debug, Default)]
struct Received {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Received {
    fn take(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> (u64, u64) {
        (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// Two connected ends with a reliable, ordered channel from one to the other.
trait Pair: Sized {
    /// What rows call it.
    const NAME: &'static str;

    /// Connects; what arrives is counted.
    fn connect(received: Arc<Received>) -> Result<Self>;

    /// Hands a message over; false when there is no room for it at the moment.
    fn send(&mut self, message: &[u8]) -> Result<bool>;

    /// Waits until there may be room again.
    fn wait_for_room(&mut self) -> Result<()>;
}

/// Measures and prints.
pub fn run(arguments: &DataChannelArgs) -> Result<()> {
    let time = Duration::from_secs(arguments.seconds.max(1));
    let mut rounds: Vec<Vec<Value>> = Vec::new();
    for _ in 0..arguments.rounds.max(1) {
        let rows = measure::<sessions::Sessions>(time)?;
        #[cfg(feature = "bench-peers")]
        let rows = [rows, measure::<facade::Facade>(time)?, measure::<libdatachannel::LibDataChannel>(time)?]
            .concat();
        rounds.push(rows);
    }
    let mut rows: Vec<_> = (0..rounds[0].len()).map(|index| median(&rounds, index)).collect();
    rows.push(idle()?);
    print("datachannel", &rows, ratios(&rows), arguments.output);
    Ok(())
}

/// What an idle connection with an open channel takes: the link alone, as a session has one to each peer.
fn idle() -> Result<Value> {
    let mut driver = links::Driver::new()?;
    // What the first ones take is taken once.
    let mut pairs = vec![driver.connect()?.0, driver.connect()?.0];
    let before = machine::resident_kib(std::process::id());
    for _ in 0..IDLE_CONNECTIONS / 2 {
        pairs.push(driver.connect()?.0);
    }
    let kib = (machine::resident_kib(std::process::id()) - before) / IDLE_CONNECTIONS as f64;
    Ok(json!({ "what": "idle_connection", "implementation": "parlor", "rss_kib": tenth(kib) }))
}

fn measure<P: Pair>(time: Duration) -> Result<Vec<Value>> {
    SIZES.iter().map(|(size, what)| one_way::<P>(what, *size, time)).collect()
}

/// Sends as much as the channel takes.
fn one_way<P: Pair>(what: &str, size: usize, time: Duration) -> Result<Value> {
    let received = Arc::new(Received::default());
    let mut pair = P::connect(Arc::clone(&received))?;
    let message = vec![0x5a; size];
    send_for(&mut pair, &message, WARM_UP)?;
    let (start, cpu, before) = (Instant::now(), machine::cpu_seconds(), received.counts());
    send_for(&mut pair, &message, time)?;
    let (elapsed, after) = (start.elapsed().as_secs_f64(), received.counts());
    let cpu = machine::cpu_seconds() - cpu;
    let (messages, bytes) = ((after.0 - before.0) as f64, (after.1 - before.1) as f64);
    if messages == 0.0 {
        return Err(Error::new(Status::TimedOut, format!("{}: nothing arrived", P::NAME)));
    }
    Ok(json!({
        "what": what,
        "implementation": P::NAME,
        "mbit_per_s": tenth(bytes * 8.0 / elapsed / 1e6),
        "messages_per_s": (messages / elapsed).round(),
        "cpu_s_per_gb": hundredth(cpu / (bytes / 1e9)),
        "cpu_us_per_message": hundredth(cpu * 1e6 / messages),
    }))
}

fn send_for(pair: &mut impl Pair, message: &[u8], time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        // Looking at the clock costs as much as a small message.
        for _ in 0..64 {
            if !pair.send(message)? {
                pair.wait_for_room()?;
                break;
            }
        }
    }
    Ok(())
}

/// Waits until something is so, looking often.
fn wait_until(bound: Duration, what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > bound {
            return Err(Error::new(Status::TimedOut, format!("{what} took too long")));
        }
        thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// The row of these rounds with the median of each figure.
fn median(rounds: &[Vec<Value>], index: usize) -> Value {
    let mut row = Map::new();
    for (name, value) in rounds[0][index].as_object().into_iter().flatten() {
        let mut values: Vec<f64> = rounds.iter().filter_map(|rows| rows[index][name].as_f64()).collect();
        values.sort_by(f64::total_cmp);
        let median = values.get(values.len() / 2).map_or_else(|| value.clone(), |middle| json!(middle));
        row.insert(name.clone(), median);
    }
    row.into()
}

/// CPU time per byte at 64 KiB beside each of the others.
fn ratios(rows: &[Value]) -> Value {
    let cost = |name: &str| {
        let row = rows.iter().find(|row| row["what"] == SIZES[0].1 && row["implementation"] == name)?;
        row["cpu_s_per_gb"].as_f64()
    };
    let mut ratios = Map::new();
    for (other, name) in
        [("webrtc", "cpu_per_byte_vs_webrtc"), ("libdatachannel", "cpu_per_byte_vs_libdatachannel")]
    {
        if let (Some(ours), Some(theirs)) = (cost("parlor"), cost(other)) {
            ratios.insert(name.to_owned(), hundredth(ours / theirs));
        }
    }
    ratios.into()
}

fn hundredth(value: f64) -> Value {
    json!((value * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_three_rounds_is_taken_figure_by_figure() {
        let round = |a: f64, b: f64| vec![json!({ "what": "x", "a": a, "b": b })];
        let rounds = [round(1.0, 9.0), round(3.0, 7.0), round(2.0, 8.0)];
        assert_eq!(median(&rounds, 0), json!({ "what": "x", "a": 2.0, "b": 8.0 }));
    }

    #[test]
    fn costs_are_compared_at_the_largest_size() {
        let row = |name: &str, cost: f64| json!({ "what": "throughput_64k", "implementation": name, "cpu_s_per_gb": cost });
        let rows = [row("parlor", 5.0), row("webrtc", 10.0)];
        assert_eq!(ratios(&rows), json!({ "cpu_per_byte_vs_webrtc": 0.5 }));
    }
}
