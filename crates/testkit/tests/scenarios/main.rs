//! The stories of `spec/scenarios/net`, told by real sessions on a virtual clock; `spec/scenarios/README.md` explains them.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod model;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};

use model::Scenario;
use stage::Stage;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/scenarios").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn read(path: &Path) -> Scenario {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Tells a story; returns what was told otherwise.
fn tell(scenario: &Scenario) -> Result<(), String> {
    let mut stage = Stage::new(scenario);
    for (index, step) in scenario.steps.iter().enumerate() {
        stage.play(step).map_err(|wrong| format!("step {}: {wrong}", index + 1))?;
    }
    Ok(())
}

#[test]
fn every_story_is_told_as_it_is_written() {
    let files = files("net");
    assert!(files.len() >= 12, "only {} stories", files.len());
    let wrong: Vec<String> = files
        .iter()
        .filter_map(|path| {
            let scenario = read(path);
            let wrong = tell(&scenario).err()?;
            Some(format!("{} ({})\n{wrong}", path.file_name()?.to_string_lossy(), scenario.title))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

#[test]
fn a_story_that_goes_otherwise_is_found_out() {
    let story = |then: serde_json::Value| {
        let scenario = serde_json::json!({
            "title": "One who joins alone",
            "peers": { "ann": {} },
            "steps": [{ "do": [{ "action": "join", "peer": "ann", "channel": "room" }], "then": { "ann": then } }]
        });
        tell(&serde_json::from_value(scenario).unwrap())
    };
    let truth =
        ["state-change idle joining", "state-change joining joined", "joined room", "request-done join"];
    assert_eq!(story(serde_json::json!(truth)), Ok(()));
    assert!(story(serde_json::json!(truth[..3])).is_err(), "more than was written");
    let mut swapped = truth;
    swapped.swap(0, 1);
    assert!(story(serde_json::json!(swapped)).is_err(), "in another order");
    let more: Vec<&str> = truth.iter().copied().chain(["bob: peer-joined"]).collect();
    assert!(story(serde_json::json!(more)).is_err(), "less than was written");
}
