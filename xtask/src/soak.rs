//! `cargo xtask soak`: what takes too long for CI, at full length; the results are `docs/soak.md`.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::Value;

use crate::conformance::{self, Checks};
use crate::project::{root, target_dir};
use crate::{Result, command};

/// What the engine goes through: an hour of coming and going, and ten minutes without the server.
const ENGINE: [&[&str]; 2] = [
    &["soak", "--seconds", "3600"],
    &["recovery", "--faults", "signalling_outage", "--outage-seconds", "600"],
];

/// Runs all of it and writes the page anew.
pub fn run() -> Result {
    conformance::run(Checks::Soak)?;
    command::run(command::cargo().args(["build", "--release", "--quiet", "--package", "parlor-cli"]))?;
    for arguments in ENGINE {
        let program = target_dir().join("release/parlor");
        let report = command::output(command::new(program).arg("bench").args(arguments).arg("--json"))?;
        let page = root().join("docs/soak.md");
        let mut page = OpenOptions::new().append(true).create(true).open(page)?;
        write!(page, "{}", section(arguments, &serde_json::from_str(&report)?))?;
    }
    Ok(())
}

/// Writes a bench's report as a section with one table for each kind of row.
fn section(arguments: &[&str], report: &Value) -> String {
    let machine = report["machine"].as_str().unwrap_or_default();
    let mut text = format!("\n## `parlor bench {}`\n\n{machine}.\n", arguments.join(" "));
    let mut columns: Vec<&String> = Vec::new();
    for row in report["rows"].as_array().into_iter().flatten().filter_map(Value::as_object) {
        let names: Vec<&String> = row.keys().collect();
        if names != columns {
            columns = names;
            let cells: Vec<&str> = columns.iter().map(|name| name.as_str()).collect();
            text += &format!("\n| {} |\n|{}\n", cells.join(" | "), " --- |".repeat(cells.len()));
        }
        let cells: Vec<String> = row
            .values()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        text += &format!("| {} |\n", cells.join(" | "));
    }
    let ratios = report["ratios"].as_object().into_iter().flatten();
    let ratios: Vec<String> = ratios.map(|(name, value)| format!("{name} {value}")).collect();
    if !ratios.is_empty() {
        text += &format!("\n{}\n", ratios.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_of_one_kind_share_a_table() {
        let report = json!({
            "machine": "a machine",
            "rows": [{ "a": 1, "what": "x" }, { "a": 2, "what": "y" }, { "b": 3.5 }],
            "ratios": { "growth": 1.0 },
        });
        let expected = "\n## `parlor bench soak`\n\na machine.\n\n| a | what |\n| --- | --- |\n| 1 | x |\n| 2 | y |\n\n\
                        | b |\n| --- |\n| 3.5 |\n\ngrowth 1.0\n";
        assert_eq!(section(&["soak"], &report), expected);
    }
}
