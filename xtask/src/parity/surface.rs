//! The table of operations.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::Result;

/// What `bindings/surface.toml` says.
pub struct Surface {
    /// Operations, `Object.operation` or `function`, and the functions of C that do the same.
    operations: BTreeMap<String, Vec<String>>,
    only_c: BTreeSet<String>,
    /// Events of C, and what the other languages tell instead.
    events: BTreeMap<String, Vec<String>>,
}

impl Surface {
    /// Reads the table.
    pub fn read(text: &str) -> Result<Self> {
        let table: Table = text.parse()?;
        let mut operations = BTreeMap::new();
        for (name, entry) in section(&table, "functions")? {
            operations.insert(name.clone(), functions(name, entry)?);
        }
        for (object, entries) in section(&table, "objects")? {
            let entries = entries.as_table().ok_or_else(|| format!("objects.{object} is no table"))?;
            for (name, entry) in entries {
                let name = format!("{object}.{name}");
                let functions = functions(&name, entry)?;
                operations.insert(name, functions);
            }
        }
        let only_c = section(&table, "only_c")?.keys().cloned().collect();
        let events = section(&table, "events")?
            .iter()
            .map(|(name, others)| Ok((name.clone(), texts(name, others)?)))
            .collect::<Result<_>>()?;
        Ok(Self { operations, only_c, events })
    }

    /// The operations of the generated code.
    pub fn operations(&self) -> BTreeSet<String> {
        self.operations.keys().cloned().collect()
    }

    /// The functions of the C header.
    pub fn c_functions(&self) -> BTreeSet<String> {
        self.operations.values().flatten().chain(&self.only_c).cloned().collect()
    }

    /// The events of the generated code.
    pub fn events(&self) -> BTreeSet<String> {
        self.events.values().flatten().cloned().collect()
    }

    /// The events of the C header.
    pub fn c_events(&self) -> BTreeSet<String> {
        self.events.keys().cloned().collect()
    }
}

fn section<'a>(table: &'a Table, name: &str) -> Result<&'a Table> {
    table.get(name).and_then(Value::as_table).ok_or_else(|| format!("there is no [{name}]").into())
}

/// The functions of C of an operation; without any there must be a reason.
fn functions(name: &str, entry: &Value) -> Result<Vec<String>> {
    match (entry.get("c"), entry.get("why").and_then(Value::as_str)) {
        (Some(functions), None) => texts(name, functions),
        (None, Some(_)) => Ok(Vec::new()),
        _ => Err(format!("{name} needs either `c` or `why`").into()),
    }
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>> {
    let list = value.as_array().ok_or_else(|| format!("{name} needs a list"))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    list.iter().map(text).collect::<Option<_>>().ok_or_else(|| format!("{name} needs a list of names").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read() {
        let surface = Surface::read(
            "[functions]\nnow = { c = ['parlor_now'] }\n[objects.Session]\njoin = { c = ['parlor_join'] }\n\
             tracks = { why = 'ids' }\n[only_c]\nparlor_ref = 'counts'\n[events]\nLEFT = ['left']\n",
        )
        .expect("valid");
        let names = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>();
        assert_eq!(names(surface.operations()), ["Session.join", "Session.tracks", "now"]);
        assert_eq!(names(surface.c_functions()), ["parlor_join", "parlor_now", "parlor_ref"]);
        assert_eq!(names(surface.events()), ["left"]);
        assert_eq!(names(surface.c_events()), ["LEFT"]);
    }

    #[test]
    fn an_operation_without_function_and_reason_is_refused() {
        let text = "[functions]\nnow = {}\n[objects]\n[only_c]\n[events]\n";
        assert!(Surface::read(text).is_err());
    }
}
