//! `cargo xtask parity`: one surface in every language, as `bindings/surface.toml` lists it.

mod generated;
mod surface;

use std::collections::BTreeSet;
use std::fs;

use crate::bindings::Language;
use crate::project::root;
use crate::{Result, bindings, header};
use generated::Found;
use surface::Surface;

/// Holds the table against the header and the generated code, both ways.
pub fn check() -> Result {
    bindings::generate()?;
    let surface = Surface::read(&fs::read_to_string(root().join("bindings/surface.toml"))?)?;
    let mut differences = differences("C functions", &surface.c_functions(), &c_functions()?);
    differences.extend(self::differences("C events", &surface.c_events(), &c_events()?));
    for language in Language::ALL {
        let found = Found::read(language, &generated::source(language)?);
        let name = language.name();
        differences.extend(self::differences(
            &format!("operations of {name}"),
            &surface.operations(),
            &found.operations,
        ));
        differences.extend(self::differences(&format!("events of {name}"), &surface.events(), &found.events));
    }
    if differences.is_empty() {
        let (operations, events) = (surface.operations().len(), surface.events().len());
        println!(
            "parity: {operations} operations and {events} events in Swift, Kotlin and Python, {} functions in C",
            surface.c_functions().len()
        );
        return Ok(());
    }
    for difference in &differences {
        eprintln!("{difference}");
    }
    Err(format!(
        "parity: {} differences; bindings/surface.toml lists what there should be",
        differences.len()
    )
    .into())
}

fn c_functions() -> Result<BTreeSet<String>> {
    Ok(header::declared_symbols()?.into_iter().collect())
}

fn c_events() -> Result<BTreeSet<String>> {
    let header = fs::read_to_string(root().join("include/parlor.h"))?;
    let names = header.lines().filter_map(|line| {
        let (name, _) = line.trim().strip_prefix("PARLOR_EVENT_")?.split_once(" = ")?;
        Some(name.to_owned())
    });
    Ok(names.collect())
}

fn differences(what: &str, listed: &BTreeSet<String>, found: &BTreeSet<String>) -> Vec<String> {
    let missing = listed.difference(found).map(|name| format!("{what}: `{name}` is listed but not there"));
    let surplus = found.difference(listed).map(|name| format!("{what}: `{name}` is there but not listed"));
    missing.chain(surplus).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_too_much_are_told() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let told = differences("things", &set(&["a", "b"]), &set(&["b", "c"]));
        assert_eq!(told, ["things: `a` is listed but not there", "things: `c` is there but not listed"]);
    }
}
