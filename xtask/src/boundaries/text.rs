//! Checks of any source file as text: its length, and what was left for later.

use super::Finding;
use super::rules::MAX_LINES;

// Put together here, so that this file does not find itself.
const LEFTOVERS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
];

/// Checks the text of the file at `path`. `long_files` are those that may be longer than others.
pub fn check(path: &str, text: &str, long_files: &LongFiles) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(word) = LEFTOVERS.iter().find(|word| contains_word(line, word)) {
            findings.push(Finding::new(path, index + 1, format!("`{word}`: finish it or leave it out")));
        }
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !long_files.allows(path) {
        let message = format!("{lines} lines, more than {MAX_LINES}: split it by concept");
        findings.push(Finding::new(path, lines, message));
    }
    findings
}

/// The files that may be long: lines of a path, a space and the reason; `#` starts a comment.
pub struct LongFiles(Vec<String>);

impl LongFiles {
    /// Reads the list, whose own path is given for its findings.
    pub fn parse(path: &str, text: &str) -> Result<Self, Finding> {
        let mut paths = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(' ') {
                Some((path, _reason)) => paths.push(path.to_owned()),
                None => {
                    return Err(Finding::new(path, index + 1, "a long file needs a reason after its path"));
                }
            }
        }
        Ok(Self(paths))
    }

    /// The files on the list that are not among those that exist.
    pub fn missing<'a>(&'a self, existing: &'a [String]) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(|path| !existing.contains(path)).map(String::as_str)
    }

    fn allows(&self, path: &str) -> bool {
        self.0.iter().any(|allowed| allowed == path)
    }
}

fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |neighbour: Option<char>| neighbour.is_some_and(|it| it.is_alphanumeric() || it == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !is_part(before) && !is_part(after)
    })
}

#[cfg(test)]
mod tests {
    use super::{LEFTOVERS, LongFiles, MAX_LINES, check};

    fn long_files(text: &str) -> LongFiles {
        LongFiles::parse("list", text).unwrap_or_else(|finding| panic!("{finding}"))
    }

    #[test]
    fn leftovers_are_found_in_every_form() {
        for word in LEFTOVERS {
            let text = format!("fine\nlet x = {word}(); // later");
            let findings = check("src/a.rs", &text, &long_files(""));
            assert_eq!(findings.len(), 1, "{word}");
            assert_eq!(findings[0].line, 2);
        }
    }

    #[test]
    fn a_longer_word_is_no_leftover() {
        let text = format!("{}S {}_LIST x{}", LEFTOVERS[0], LEFTOVERS[0], LEFTOVERS[1]);
        assert!(check("src/a.rs", &text, &long_files("")).is_empty());
    }

    #[test]
    fn a_long_file_needs_a_reason() {
        let just_right = "x\n".repeat(MAX_LINES);
        let too_long = "x\n".repeat(MAX_LINES + 1);
        assert!(check("src/a.rs", &just_right, &long_files("")).is_empty());
        assert_eq!(check("src/a.rs", &too_long, &long_files("src/b.rs because")).len(), 1);
        assert!(check("src/a.rs", &too_long, &long_files("# list\nsrc/a.rs one big table")).is_empty());
        assert!(LongFiles::parse("list", "src/a.rs").is_err());
    }

    #[test]
    fn a_stale_entry_is_noticed() {
        let list = long_files("src/a.rs one\nsrc/gone.rs two");
        assert_eq!(list.missing(&["src/a.rs".to_owned()]).collect::<Vec<_>>(), ["src/gone.rs"]);
    }
}
