//! Checks of one Rust source file: the paths that it names, `unsafe`, and the lints of a crate's root.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::Finding;
use super::rules::{CONFINED, CRATES, IMPURE, ROOMS, Room, UNSAFE_FOLDERS, is_in};

/// Checks the text of the Rust file at `path` (relative to the workspace, with `/`).
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let file = match syn::parse_file(text) {
        Ok(file) => file,
        Err(error) => return vec![Finding::new(path, error.span().start().line, error.to_string())],
    };
    let mut named = Named::new(path);
    named.visit_file(&file);
    let mut findings = named.findings(path);
    if !UNSAFE_FOLDERS.iter().any(|folder| is_in(path, folder)) {
        let tokens: TokenStream = text.parse().unwrap_or_default();
        for_each_ident(tokens, &mut |ident| {
            if ident == "unsafe" {
                findings.push(Finding::new(path, line(ident), "`unsafe` outside the folders that may"));
            }
        });
    }
    if is_core_root(path) && !forbids_unsafe(&file) {
        findings.push(Finding::new(path, 1, "a core crate opens with #![forbid(unsafe_code)]"));
    }
    findings
}

/// A path that the file names outside its unit tests, with `self`, `super` and `crate` resolved.
struct NamedPath {
    segments: Vec<String>,
    line: usize,
}

/// Collects what a file names.
struct Named {
    /// Where the visitor is, from the crate's root down.
    module: Vec<String>,
    paths: Vec<NamedPath>,
    /// Names that the file declares or imports: a path that starts with one of them names no crate.
    local: BTreeSet<String>,
}

impl Named {
    fn new(path: &str) -> Self {
        Self { module: module_of(path), paths: Vec::new(), local: BTreeSet::new() }
    }

    fn push(&mut self, segments: &[&Ident]) {
        let (Some(first), names) = (segments.first(), segments.iter().map(ToString::to_string)) else {
            return;
        };
        let line = line(first);
        let mut names = names.peekable();
        let mut resolved = match names.peek().map(String::as_str) {
            Some("self" | "super") => [vec!["crate".to_owned()], self.module.clone()].concat(),
            _ => Vec::new(),
        };
        for name in names {
            match name.as_str() {
                "self" => {}
                "super" => _ = resolved.pop(),
                _ => resolved.push(name),
            }
        }
        self.paths.push(NamedPath { segments: resolved, line });
    }

    fn push_use(&mut self, tree: &syn::UseTree, prefix: &[&Ident]) {
        match tree {
            syn::UseTree::Path(path) => self.push_use(&path.tree, &[prefix, &[&path.ident]].concat()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.push_use(tree, prefix)),
            syn::UseTree::Glob(_) => self.push(prefix),
            syn::UseTree::Name(name) => {
                let last = if name.ident == "self" { prefix.last().copied() } else { Some(&name.ident) };
                if let Some(last) = last.filter(|_| !prefix.is_empty()) {
                    self.local.insert(last.to_string());
                }
                self.push(&[prefix, &[&name.ident]].concat());
            }
            syn::UseTree::Rename(rename) => {
                self.local.insert(rename.rename.to_string());
                self.push(&[prefix, &[&rename.ident]].concat());
            }
        }
    }

    fn findings(&self, path: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        for named in &self.paths {
            if let Some(message) = self.objection(path, named) {
                findings.push(Finding::new(path, named.line, message));
            }
        }
        // One `use` of many names is one finding.
        findings.dedup();
        findings
    }

    /// Says what is wrong with naming this path here, if anything is.
    fn objection(&self, path: &str, named: &NamedPath) -> Option<String> {
        let segments: Vec<&str> = named.segments.iter().map(String::as_str).collect();
        let &first = segments.first()?;
        let room = ROOMS.iter().find(|room| is_in(path, &format!("src/{}", room.name)));
        if first == "crate" {
            let other = segments.get(1)?;
            let is_room = ROOMS.iter().any(|room| room.name == *other);
            let room = room.filter(|room| is_room && room.name != *other && !room.rooms.contains(other))?;
            return Some(format!("the room `{}` may not import the room `{other}`", room.name));
        }
        if path.starts_with("crates/") && !is_test_file(path) {
            let impure = IMPURE.iter().find(|(names, _)| is_within(&segments, names));
            if let Some((names, why)) = impure {
                return Some(format!("`{}` {why}, which a core crate may not", names.join("::")));
            }
        }
        if self.local.contains(first) && !is_use_of_crate(&segments) {
            return None;
        }
        if let Some(confined) = CONFINED.iter().find(|it| it.krate == first) {
            let allowed = is_test_file(path) || confined.folders.iter().any(|folder| is_in(path, folder));
            return (!allowed)
                .then(|| format!("`{first}` may only be used in {}", confined.folders.join(", ")));
        }
        if path.starts_with("bindings/") && !is_test_file(path) {
            return binding_objection(&segments);
        }
        room.and_then(|room| crate_objection(room, first))
    }
}

fn crate_objection(room: &Room, first: &str) -> Option<String> {
    let is_ours = CRATES.iter().any(|(name, _)| *name == first);
    let allowed = !is_ours || room.crates.contains(&first);
    (!allowed).then(|| format!("the room `{}` may not import the crate `{first}`", room.name))
}

/// Bindings translate the facade: nothing behind it.
fn binding_objection(segments: &[&str]) -> Option<String> {
    let first = *segments.first()?;
    if first == "engine" || first == "parlor" {
        let second = segments.get(1)?;
        let behind = ROOMS.iter().any(|room| room.name == *second && room.name != "api");
        return behind.then(|| format!("a binding may use the engine's `api`, not `{second}`"));
    }
    let is_ours = CRATES.iter().any(|(name, _)| *name == first);
    is_ours.then(|| format!("a binding may use the engine's `api`, not the crate `{first}`"))
}

/// A bare `use rtc;` or a path into the crate itself, as against a local item of the same name.
fn is_use_of_crate(segments: &[&str]) -> bool {
    segments.len() == 1
}

fn is_within(segments: &[&str], names: &[&str]) -> bool {
    match names {
        // Types are imported by their full path and named by the last part of it.
        ["Instant", "now"] => segments.ends_with(names),
        [name] if name.starts_with(char::is_uppercase) => segments.contains(name),
        _ => segments.starts_with(names),
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.local.insert(item.ident.to_string());
        if is_test_only(&item.attrs) {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test_only(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test_only(&item.attrs) {
            self.push_use(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<&Ident> = path.segments.iter().map(|segment| &segment.ident).collect();
        // A single name is a variable or something imported, and that import was seen.
        if segments.len() > 1 {
            self.push(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.visit_path(&mac.path);
        for segments in paths_in(mac.tokens.clone()) {
            self.push(&segments.iter().collect::<Vec<_>>());
        }
    }
}

/// The `a::b` sequences in a macro's arguments, which no parser knows the grammar of.
fn paths_in(tokens: TokenStream) -> Vec<Vec<Ident>> {
    let mut paths = Vec::new();
    let mut current: Vec<Ident> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Ident(ident) if colons == 2 && !current.is_empty() => {
                current.push(ident);
                colons = 0;
            }
            other => {
                paths.push(std::mem::take(&mut current));
                colons = 0;
                match other {
                    TokenTree::Ident(ident) => current.push(ident),
                    TokenTree::Group(group) => paths.extend(paths_in(group.stream())),
                    TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                }
            }
        }
    }
    paths.push(current);
    paths.retain(|path| path.len() > 1);
    paths
}

fn for_each_ident(tokens: TokenStream, each: &mut impl FnMut(&Ident)) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => each(&ident),
            TokenTree::Group(group) => for_each_ident(group.stream(), each),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// The module that a file holds: `src/net/udp.rs` is `net::udp`.
fn module_of(path: &str) -> Vec<String> {
    let below = path.rsplit_once("src/").map_or(path, |(_, below)| below);
    let below = below.trim_end_matches(".rs").trim_end_matches("/mod");
    below.split('/').filter(|part| !matches!(*part, "lib" | "main")).map(str::to_owned).collect()
}

/// Tests and benches may use what the code that they look at may not. A `tests.rs` is a unit test module.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.split('/').rev().skip(1).any(|part| matches!(part, "tests" | "benches"))
}

fn is_test_only(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| {
        attr.path().is_ident("test")
            || (attr.path().is_ident("cfg")
                && attr.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test")))
    })
}

fn is_core_root(path: &str) -> bool {
    path.starts_with("crates/") && path.ends_with("/src/lib.rs")
}

fn forbids_unsafe(file: &syn::File) -> bool {
    file.attrs.iter().any(|attr| {
        attr.path().is_ident("forbid")
            && attr.parse_args::<syn::Path>().is_ok_and(|lint| lint.is_ident("unsafe_code"))
    })
}

fn line(ident: &Ident) -> usize {
    ident.span().start().line
}

#[cfg(test)]
mod tests {
    use super::check;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(path, text)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, finding.message))
            .collect()
    }

    #[track_caller]
    fn passes(path: &str, text: &str) {
        assert_eq!(messages(path, text), Vec::<String>::new());
    }

    #[track_caller]
    fn fails(path: &str, text: &str, part: &str) {
        let messages = messages(path, text);
        assert!(messages.len() == 1 && messages[0].contains(part), "{messages:?}");
    }

    #[test]
    fn rooms_import_downwards() {
        passes("src/shell/mod.rs", "use crate::net::Socket; use session::Session;");
        passes("src/api/mod.rs", "use crate::shell::Engine;");
        fails(
            "src/net/udp.rs",
            "\nuse crate::shell::Engine;",
            "2: the room `net` may not import the room `shell`",
        );
        fails("src/api/mod.rs", "fn f() { crate::net::open() }", "may not import the room `net`");
        fails("src/shell/run.rs", "use crate::{api::Error, net};", "may not import the room `api`");
    }

    #[test]
    fn a_room_may_name_itself() {
        passes("src/net/udp.rs", "use crate::net::demux::Demux; use super::demux; use self::inner::X;");
    }

    #[test]
    fn super_does_not_hide_another_room() {
        fails("src/net/udp.rs", "use super::super::shell::Engine;", "the room `shell`");
        passes("src/net/udp.rs", "use super::super::net::demux;");
        fails("src/net/mod.rs", "mod inner { use super::super::shell::Engine; }", "the room `shell`");
    }

    #[test]
    fn rooms_name_only_their_crates() {
        passes("src/codec/opus.rs", "use media::AudioFrame; use units::Time;");
        fails("src/codec/opus.rs", "use transport::Link;", "may not import the crate `transport`");
        fails("src/signal/mod.rs", "fn f(s: session::Session) {}", "may not import the crate `session`");
    }

    #[test]
    fn a_module_or_import_of_the_same_name_is_not_the_crate() {
        passes("src/api/mod.rs", "mod session; pub use session::Session; fn f(_: session::Config) {}");
        passes("src/api/room.rs", "use super::session; fn f(_: session::Config) {}");
    }

    #[test]
    fn the_stack_is_named_behind_its_door_only() {
        passes("crates/transport/src/link.rs", "use rtc::peer::Peer;");
        fails("crates/session/src/lib.rs", "#![forbid(unsafe_code)] use rtc::peer::Peer;", "only be used in");
        passes("src/net/stun.rs", "use rtc_stun::message::Message;");
        fails("src/shell/mod.rs", "use rtc_stun::message::Message;", "only be used in");
        fails("src/codec/mod.rs", "fn f() { tokio::spawn(async {}); }", "only be used in");
        passes("crates/transport/tests/facade.rs", "use tokio::time::timeout;");
    }

    #[test]
    fn core_crates_are_told_time_chance_and_the_world() {
        for (text, part) in [
            ("fn f() { let _ = std::time::Instant::now(); }", "Instant::now"),
            ("use std::time::Instant; fn f() { let _ = Instant::now(); }", "Instant::now"),
            ("use std::time::{Duration, SystemTime};", "SystemTime"),
            ("fn f() { std::thread::yield_now(); }", "std::thread"),
            ("use rand::Rng;", "rand"),
            ("use std::net::{SocketAddr, UdpSocket};", "std::net::UdpSocket"),
            ("fn f() { println!(\"{:?}\", std::time::Instant::now()); }", "Instant::now"),
        ] {
            fails("crates/hub/src/roster.rs", text, part);
        }
    }

    #[test]
    fn core_crates_may_name_times_addresses_and_seeded_generators() {
        passes(
            "crates/hub/src/roster.rs",
            "use std::{net::SocketAddr, time::{Duration, Instant}}; use rand_pcg::Pcg32;",
        );
    }

    #[test]
    fn tests_of_core_crates_may_need_an_epoch() {
        let module = "#[cfg(test)] mod tests { fn f() { let _ = std::time::Instant::now(); } }";
        passes("crates/transport/src/link.rs", module);
        for path in ["crates/transport/tests/pair.rs", "crates/transport/src/link/tests.rs"] {
            passes(path, "fn f() { let _ = std::time::Instant::now(); }");
        }
        fails(
            "crates/transport/src/link.rs",
            &module.replace("#[cfg(test)]", "#[cfg(unix)]"),
            "Instant::now",
        );
    }

    #[test]
    fn unsafe_stays_at_the_border() {
        let block = "fn f() {\n    unsafe { g() }\n}";
        passes("src/codec/vpx.rs", block);
        passes("bindings/c/src/lib.rs", block);
        fails("src/shell/mod.rs", block, "2: `unsafe`");
        fails("src/codecs.rs", block, "`unsafe`");
        passes("src/shell/mod.rs", "// unsafe\nconst S: &str = \"unsafe\";");
    }

    #[test]
    fn core_crates_forbid_unsafe() {
        passes("crates/units/src/lib.rs", "#![forbid(unsafe_code)]");
        fails("crates/units/src/lib.rs", "#![deny(unsafe_code)]", "forbid(unsafe_code)");
    }

    #[test]
    fn bindings_translate_the_facade() {
        passes("bindings/c/src/session.rs", "use engine::api::Session; use engine::Config;");
        fails("bindings/c/src/session.rs", "use engine::shell::Engine;", "not `shell`");
        fails("bindings/c/src/session.rs", "use media::VideoFrame;", "not the crate `media`");
    }

    #[test]
    fn a_file_that_does_not_parse_is_reported() {
        fails("src/net/udp.rs", "fn {", "1: ");
    }
}
