//! `parlor bench`: measurements, printed as one JSON object.

mod crew;
mod datachannel;
mod ffi;
mod links;
mod machine;
mod mesh;
mod recovery;
mod server;
mod setup;
mod soak;

use clap::{Args, Subcommand};
use parlor::api::{Error, Result, Status};
use serde_json::{Value, json};

/// Arguments of `parlor bench`.
#[derive(Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// From join() to the first decoded remote picture, and from a new link to an open data channel.
    Setup(setup::SetupArgs),
    /// CPU time of a sender with 1, 2, 4 and 6 receivers of one 720p stream.
    Mesh(mesh::MeshArgs),
    /// Throughput, messages per second and their CPU time over a data channel between two sessions.
    #[command(name = "datachannel")]
    DataChannel(datachannel::DataChannelArgs),
    /// What an event and a 720p picture cost on their way into each language and back.
    Ffi(ffi::FfiArgs),
    /// Memory and CPU time of the server for idle sockets, joins and broadcasts.
    Server(server::ServerArgs),
    /// How long pictures stop when an address changes, the path fails, the server is out of reach or restarted.
    ///
    /// Linux, as root: the two sessions and the server run in network namespaces that are made for it.
    Recovery(recovery::RecoveryArgs),
    /// One of the two sessions of `recovery`.
    #[command(hide = true)]
    RecoveryPeer(recovery::PeerArgs),
    /// Sessions that come and go at random for a long time: memory, files and threads of the process.
    Soak(soak::SoakArgs),
    /// The sending process of `mesh`.
    #[command(hide = true)]
    Sender(crew::CrewArgs),
    /// The receiving process of `mesh`.
    #[command(hide = true)]
    Receivers(crew::CrewArgs),
}

/// How a bench prints.
#[derive(Args, Clone, Copy)]
pub struct OutputArgs {
    /// Print one JSON object and nothing else.
    #[arg(long)]
    pub json: bool,
}

/// Runs a bench; returns whether it could measure.
pub fn run(arguments: &BenchArgs) -> Result<bool> {
    crate::log_to_stderr();
    match &arguments.bench {
        Bench::Setup(arguments) => setup::run(arguments),
        Bench::Mesh(arguments) => mesh::run(arguments),
        Bench::DataChannel(arguments) => datachannel::run(arguments),
        Bench::Ffi(arguments) => ffi::run(arguments),
        Bench::Server(arguments) => server::run(arguments),
        Bench::Recovery(arguments) => recovery::run(arguments),
        Bench::RecoveryPeer(arguments) => recovery::peer(arguments),
        Bench::Soak(arguments) => soak::run(arguments),
        Bench::Sender(arguments) => crew::send(arguments),
        Bench::Receivers(arguments) => crew::receive(arguments),
    }?;
    Ok(true)
}

/// Prints what a bench measured.
fn print(bench: &str, rows: &[Value], ratios: Value, output: OutputArgs) {
    if output.json {
        println!(
            "{}",
            json!({
                "bench": bench,
                "machine": machine::description(),
                "versions": { "parlor": env!("CARGO_PKG_VERSION") },
                "rows": rows,
                "ratios": ratios,
            })
        );
        return;
    }
    println!("{bench} on {}", machine::description());
    for row in rows {
        let fields: Vec<_> = row.as_object().into_iter().flatten().map(|(k, v)| format!("{k} {v}")).collect();
        println!("  {}", fields.join("  "));
    }
    if ratios.as_object().is_some_and(|ratios| !ratios.is_empty()) {
        println!("  ratios {ratios}");
    }
}

/// Returns the value below which `percent` of the sorted values lie, by the nearest rank.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).clamp(1, sorted.len().max(1));
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(Status::Internal, format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_go_by_the_nearest_rank() {
        let values: Vec<f64> = (1..=50).map(f64::from).collect();
        assert_eq!(percentile(&values, 50), 25.0);
        assert_eq!(percentile(&values, 95), 48.0);
        assert_eq!(percentile(&[7.0], 95), 7.0);
        assert!(percentile(&[], 50).is_nan());
    }
}
