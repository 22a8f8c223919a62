//! A call over real sockets in network namespaces, while addresses change, the path fails and the server is away.

use std::process::Command;

use serde_json::Value;

/// Runs the bench; none when this machine cannot make namespaces.
fn recovery(arguments: &[&str]) -> Option<Vec<Value>> {
    let can = Command::new("ip").args(["netns", "list"]).output().is_ok_and(|output| output.status.success())
        && Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !can {
        println!("skipped: network namespaces need root and `ip` (Debian: iproute2)");
        return None;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_parlor"))
        .args(["bench", "recovery", "--json"])
        .args(arguments)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    Some(report["rows"].as_array().expect("rows").clone())
}

fn assert_gap(row: &Value, bound_ms: f64) {
    assert!(row["gap_max_ms"].as_f64().is_some_and(|gap| gap <= bound_ms), "{row}");
    assert_eq!(row["peer_left_events"], 0, "{row}");
}

#[test]
fn another_address_or_interface_interrupts_a_call_only_briefly() {
    let Some(rows) = recovery(&["--faults", "address_change", "--runs", "4"]) else { return };
    assert_gap(&rows[0], 2_000.0);
}

#[test]
fn a_silent_path_is_found_again_soon_after_it_is_back() {
    let Some(rows) = recovery(&["--faults", "path_loss", "--runs", "2"]) else { return };
    assert_gap(&rows[0], 1_500.0);
}

#[test]
fn a_minute_without_the_server_and_its_restart_interrupt_nothing() {
    let arguments = ["--faults", "signalling_outage,server_restart", "--runs", "4", "--outage-seconds", "60"];
    let Some(rows) = recovery(&arguments) else { return };
    assert_eq!(rows.len(), 2);
    rows.iter().for_each(|row| assert_gap(row, 1_000.0));
}
