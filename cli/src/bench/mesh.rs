//! `parlor bench mesh`: what each further receiver costs a sender.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use clap::Args;
use parlor::api::Result;
use serde_json::{Value, json};

use super::{OutputArgs, failed, print, tenth};
use crate::demo::LocalServer;

/// Time for the encoder's rate control and the caches to settle.
const WARM_UP: Duration = Duration::from_secs(3);

/// Arguments of `parlor bench mesh`.
#[derive(Args)]
pub struct MeshArgs {
    /// How long to measure each receiver count, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The receiver counts.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,6")]
    receivers: Vec<usize>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Measures and prints.
pub fn run(arguments: &MeshArgs) -> Result<()> {
    let mut rows = Vec::new();
    for receivers in &arguments.receivers {
        rows.push(measure(*receivers, Duration::from_secs(arguments.seconds))?);
    }
    let cpu = |receivers: u64| {
        let row = rows.iter().find(|row| row["receivers"] == receivers)?;
        row["sender_cpu_pct"].as_f64()
    };
    let ratios = match (cpu(6), cpu(1)) {
        (Some(six), Some(one)) if one > 0.0 => json!({ "cpu_6_to_1": (100.0 * six / one).round() / 100.0 }),
        _ => json!({}),
    };
    print("mesh", &rows, ratios, arguments.output);
    Ok(())
}

fn measure(receivers: usize, time: Duration) -> Result<Value> {
    let server = LocalServer::start()?;
    let mut receiving = Crew::start("receivers", server.url(), receivers)?;
    let mut sending = Crew::start("sender", server.url(), receivers)?;
    receiving.expect_ready()?;
    sending.expect_ready()?;
    thread::sleep(WARM_UP);
    sending.order("start")?;
    receiving.order("start")?;
    thread::sleep(time);
    sending.order("stop")?;
    receiving.order("stop")?;
    let (sender, receiver) = (sending.result()?, receiving.result()?);
    let fps: Vec<_> =
        receiver["fps"].as_array().into_iter().flatten().filter_map(Value::as_f64).map(tenth).collect();
    Ok(json!({
        "receivers": receivers,
        "sender_cpu_pct": sender["cpu_pct"].as_f64().map(tenth),
        "fps_each": fps,
    }))
}

/// A process of this bench.
struct Crew {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Crew {
    fn start(role: &str, url: &str, receivers: usize) -> Result<Self> {
        let program = std::env::current_exe().map_err(|error| failed("this program's path", error))?;
        let mut child = Command::new(program)
            .args(["bench", role, "--url", url, "--receivers", &receivers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed("a process of the bench does not start", error))?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("a process of the bench", "it has no pipes"));
        };
        Ok(Self { child, orders, answers: BufReader::new(answers) })
    }

    fn order(&mut self, order: &str) -> Result<()> {
        writeln!(self.orders, "{order}").map_err(|error| failed("a process of the bench is gone", error))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err(failed("a process of the bench", "it ended too early")),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(failed("a process of the bench", error)),
        }
    }

    fn expect_ready(&mut self) -> Result<()> {
        match self.line()?.as_str() {
            "ready" => Ok(()),
            other => Err(failed("a process of the bench said", other)),
        }
    }

    fn result(&mut self) -> Result<Value> {
        let line = self.line()?;
        serde_json::from_str(&line).map_err(|error| failed("a result of the bench", error))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // It ends by itself after its result; one that failed must not be left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
