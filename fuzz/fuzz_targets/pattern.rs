//! Channel patterns against a second matcher that is slow and plain. The input's first line is the pattern, the rest
//! the name.

#![no_main]

use hub::Pattern;
use libfuzzer_sys::fuzz_target;

/// More makes the plain matcher too slow.
const MAX_CHARS: usize = 40;

fuzz_target!(|text: &str| {
    let Some((pattern, name)) = text.split_once('\n') else { return };
    let Ok(parsed) = Pattern::parse(pattern) else { return };
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    if pattern.len() <= MAX_CHARS && name.len() <= MAX_CHARS {
        let text: String = name.iter().collect();
        assert_eq!(parsed.matches(&text), plainly_matches(&pattern, &name));
    }
});

/// `**` is any run, `*` any run without a slash, a backslash takes what follows as it is.
fn plainly_matches(pattern: &[char], name: &[char]) -> bool {
    // reached[p][n]: the first p characters of the pattern can cover the first n of the name.
    let mut reached = vec![vec![false; name.len() + 1]; pattern.len() + 1];
    reached[0][0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let (length, run): (usize, Option<bool>) = match &pattern[at..] {
            ['*', '*', ..] => (2, Some(true)),
            ['*', ..] => (1, Some(false)),
            ['\\', ..] => (2, None),
            _ => (1, None),
        };
        for from in 0..=name.len() {
            if !reached[at][from] {
                continue;
            }
            match run {
                Some(crosses_slashes) => {
                    for to in from..=name.len() {
                        reached[at + length][to] = true;
                        if to < name.len() && name[to] == '/' && !crosses_slashes {
                            break;
                        }
                    }
                }
                None => {
                    if name.get(from) == Some(&pattern[at + length - 1]) {
                        reached[at + length][from + 1] = true;
                    }
                }
            }
        }
        at += length;
    }
    reached[pattern.len()][name.len()]
}
