//! Checks of one `Cargo.toml`: what the package depends on.

use toml::{Table, Value};

use super::Finding;
use super::rules::{CONFINED, CRATES, MANIFESTS};

/// Checks the text of the manifest at `path`. A workspace without a package has nothing to check.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new(path, 1, error)],
    };
    let package = manifest.get("package").and_then(|it| it.get("name")).and_then(Value::as_str);
    let Some(package) = package else { return Vec::new() };
    let Some((_, allowed)) = MANIFESTS.iter().find(|(name, _)| *name == package) else {
        return vec![Finding::new(
            path,
            1,
            format!("`{package}` has no rule in xtask/src/boundaries/rules.rs"),
        )];
    };
    let folder = path.trim_end_matches("Cargo.toml").trim_end_matches('/');
    let mut findings = Vec::new();
    let mut report = |dependency: &str, message: String| {
        let line = line_of(text, dependency);
        findings.push(Finding::new(path, line, message));
    };
    for (alias, dependency) in dependencies(&manifest) {
        let real = real_name(alias, dependency);
        if MANIFESTS.iter().any(|(name, _)| *name == real) && !allowed.contains(&real) {
            report(alias, format!("`{package}` may not depend on `{real}`"));
        }
        let confined = CONFINED.iter().find(|it| it.krate == real.replace('-', "_"));
        if let Some(confined) = confined.filter(|it| !it.folders.iter().any(|door| door_is_in(door, folder)))
        {
            report(alias, format!("only {} may depend on `{real}`", confined.folders.join(", ")));
        }
    }
    findings
}

/// The dependencies that end up in what is shipped: of every target, but not those of tests and benches.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&str, &Value)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables = targets.into_iter().flat_map(|targets| targets.values()).filter_map(Value::as_table);
    let tables = std::iter::once(manifest).chain(tables);
    tables
        .filter_map(|table| table.get("dependencies").and_then(Value::as_table))
        .flat_map(|dependencies| dependencies.iter().map(|(name, value)| (name.as_str(), value)))
}

/// The package behind a dependency's name: the workspace gives its own crates short names.
fn real_name<'a>(alias: &'a str, dependency: &'a Value) -> &'a str {
    let renamed = dependency.get("package").and_then(Value::as_str);
    let ours = CRATES.iter().find(|(name, _)| *name == alias).map(|(_, package)| *package);
    renamed.or(ours).unwrap_or(alias)
}

/// Whether the folder that may use a crate belongs to the package in `folder`; the root package holds `src/`.
fn door_is_in(door: &str, folder: &str) -> bool {
    if folder.is_empty() { door.starts_with("src/") } else { door == folder }
}

fn line_of(text: &str, dependency: &str) -> usize {
    let is_entry =
        |line: &str| line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    text.lines().position(is_entry).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[track_caller]
    fn messages(path: &str, package: &str, rest: &str) -> Vec<String> {
        let text = format!("[package]\nname = \"{package}\"\n{rest}");
        check(path, &text)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, finding.message))
            .collect()
    }

    #[test]
    fn a_crate_depends_on_what_lies_below() {
        let none: [String; 0] = [];
        assert_eq!(
            messages(
                "crates/session/Cargo.toml",
                "parlor-session",
                "[dependencies]\nprotocol.workspace = true"
            ),
            none
        );
        assert_eq!(
            messages(
                "crates/protocol/Cargo.toml",
                "parlor-protocol",
                "[dependencies]\nsession.workspace = true"
            ),
            ["4: `parlor-protocol` may not depend on `parlor-session`"]
        );
    }

    #[test]
    fn a_renamed_or_target_specific_dependency_is_seen() {
        let renamed = "[dependencies]\ncore = { package = \"parlor-session\", path = \"../session\" }";
        assert_eq!(
            messages("crates/media/Cargo.toml", "parlor-media", renamed),
            ["4: `parlor-media` may not depend on `parlor-session`"]
        );
        let target = "[target.'cfg(unix)'.dependencies]\ntokio = \"1\"";
        assert!(messages("crates/media/Cargo.toml", "parlor-media", target)[0].contains("depend on `tokio`"));
    }

    #[test]
    fn tests_may_depend_on_anything() {
        let dev = "[dev-dependencies]\ntestkit.workspace = true\ntokio = \"1\"";
        assert!(messages("crates/units/Cargo.toml", "parlor-units", dev).is_empty());
    }

    #[test]
    fn the_stack_and_the_runtime_have_their_doors() {
        assert!(
            messages("crates/transport/Cargo.toml", "parlor-transport", "[dependencies]\nrtc = \"1\"")
                .is_empty()
        );
        assert!(
            messages("Cargo.toml", "parlor", "[dependencies]\ntokio = \"1\"\nrtc-stun = \"1\"").is_empty()
        );
        assert_eq!(messages("Cargo.toml", "parlor", "[dependencies]\nrtc = \"1\"").len(), 1);
        assert_eq!(messages("crates/hub/Cargo.toml", "parlor-hub", "[dependencies]\ntokio = \"1\"").len(), 1);
    }

    #[test]
    fn a_new_package_needs_a_rule() {
        assert!(messages("crates/new/Cargo.toml", "parlor-new", "")[0].contains("no rule"));
    }
}
