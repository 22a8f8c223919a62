//! `parlor bench ffi`: what it costs to cross from the engine into each language and back.
//!
//! Each language has a program that measures itself; `cargo xtask bench-ffi` builds them all. It is started with the
//! server's URL, a key and the seconds that a call takes, and prints a line of JSON for each thing that it measured.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use parlor::api::{Error, Result, Status};
use serde_json::{Value, json};

use super::{OutputArgs, failed, print};
use crate::demo::LocalServer;

/// Arguments of `parlor bench ffi`.
#[derive(Args)]
pub struct FfiArgs {
    /// A language and its program, such as `python=PATH`; once for each.
    #[arg(long = "program", value_parser = program, required = true)]
    programs: Vec<(String, PathBuf)>,
    /// How long each program receives pictures.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    #[command(flatten)]
    output: OutputArgs,
}

fn program(text: &str) -> std::result::Result<(String, PathBuf), String> {
    let (language, path) = text.split_once('=').ok_or("it is LANGUAGE=PATH")?;
    Ok((language.to_owned(), path.into()))
}

/// Measures and prints.
pub fn run(arguments: &FfiArgs) -> Result<()> {
    let server = LocalServer::start()?;
    let mut rows = Vec::new();
    for (language, path) in &arguments.programs {
        let output = Command::new(path)
            .args([server.url(), "pk_dev", &arguments.seconds.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| failed(language, error))?;
        if !output.status.success() {
            return Err(failed(language, format!("its program ended with {}", output.status)));
        }
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            rows.push(row(language, line)?);
        }
    }
    print("ffi", &rows, json!({}), arguments.output);
    Ok(())
}

/// Reads a line of a program, which has `what`, `p50_us` and `p99_us`.
fn row(language: &str, line: &str) -> Result<Value> {
    let odd = || Error::new(Status::Internal, format!("{language}: `{line}` is no row"));
    let measured: Value = serde_json::from_str(line).map_err(|_| odd())?;
    let (what, p50, p99) =
        (measured["what"].as_str(), measured["p50_us"].as_f64(), measured["p99_us"].as_f64());
    match (what, p50, p99) {
        (Some(what @ ("clock" | "event" | "frame_in" | "frame_out")), Some(p50), Some(p99)) => Ok(json!({
            "what": what,
            "language": language,
            "p50_us": hundredth(p50),
            "p99_us": hundredth(p99),
            "runs": measured["runs"],
        })),
        _ => Err(odd()),
    }
}

fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_language_and_a_path() {
        assert_eq!(program("c=/x/y"), Ok(("c".to_owned(), PathBuf::from("/x/y"))));
        assert!(program("c").is_err());
    }

    #[test]
    fn rows_are_checked() {
        let line = r#"{"what":"event","p50_us":0.0123,"p99_us":1.0,"runs":9}"#;
        assert_eq!(row("c", line).unwrap()["p50_us"], json!(0.01));
        assert!(row("c", r#"{"what":"lunch","p50_us":1,"p99_us":1}"#).is_err());
        assert!(row("c", "ready").is_err());
    }
}
