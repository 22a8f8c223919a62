//! Channel patterns: `*` stands for any run of characters without `/`, `**` for any run at all (either may be
//! empty); `\*` and `\\` stand for themselves. Everything else is literal and case-sensitive.

use std::fmt;

use protocol::names;

/// A pattern of channel names.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    tokens: Vec<Token>,
}

/// Why a pattern could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternError {
    /// The pattern is empty.
    Empty,
    /// The pattern is longer than [`names::MAX_CHANNEL_BYTES`] allows, escapes not counted.
    TooLong,
    /// A backslash is followed by something other than `*` or `\`, or by nothing.
    BadEscape,
    /// A control character.
    ForbiddenCharacter,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the pattern is empty",
            Self::TooLong => "the pattern is longer than a channel name may be",
            Self::BadEscape => "a backslash in the pattern is followed by neither `*` nor `\\`",
            Self::ForbiddenCharacter => "the pattern contains a control character",
        })
    }
}

impl std::error::Error for PatternError {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// One byte of UTF-8. Matching bytes is enough: no character's bytes are a part of another's.
    Byte(u8),
    /// `*`
    Segment,
    /// `**`
    Anything,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says which rule the pattern breaks.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.chars().any(char::is_control) {
            return Err(PatternError::ForbiddenCharacter);
        }
        let mut tokens = Vec::with_capacity(text.len());
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            tokens.push(match byte {
                b'*' if bytes.next_if_eq(&b'*').is_some() => Token::Anything,
                b'*' => Token::Segment,
                b'\\' => match bytes.next() {
                    Some(escaped @ (b'*' | b'\\')) => Token::Byte(escaped),
                    _ => return Err(PatternError::BadEscape),
                },
                literal => Token::Byte(literal),
            });
        }
        match tokens.len() {
            0 => Err(PatternError::Empty),
            length if length > names::MAX_CHANNEL_BYTES => Err(PatternError::TooLong),
            _ => Ok(Self { text: text.to_owned(), tokens }),
        }
    }

    /// Returns whether the pattern covers a channel name.
    ///
    /// Takes time proportional to the product of both lengths at worst, whatever the pattern.
    pub fn matches(&self, name: &str) -> bool {
        // `reached[i]`: the first i tokens can cover the bytes read so far.
        let mut reached = vec![false; self.tokens.len() + 1];
        reached[0] = true;
        self.skip_empty_runs(&mut reached);
        for byte in name.bytes() {
            let mut next = vec![false; reached.len()];
            for (index, token) in self.tokens.iter().enumerate().filter(|(index, _)| reached[*index]) {
                match token {
                    Token::Byte(literal) => next[index + 1] |= *literal == byte,
                    Token::Segment => next[index] |= byte != b'/',
                    Token::Anything => next[index] = true,
                }
            }
            self.skip_empty_runs(&mut next);
            reached = next;
        }
        reached[self.tokens.len()]
    }

    /// Returns whether the pattern covers every name that another one covers.
    ///
    /// Never says yes in error. Says no where it would take more than one alternative of this pattern to cover a
    /// wildcard of the other one, as in `a*` and `ab*` for `a*`; no single wildcard is such a case.
    pub fn contains(&self, other: &Self) -> bool {
        let mut reached = vec![false; self.tokens.len() + 1];
        reached[0] = true;
        self.skip_empty_runs(&mut reached);
        for wanted in &other.tokens {
            let mut next = vec![false; reached.len()];
            for (index, token) in self.tokens.iter().enumerate().filter(|(index, _)| reached[*index]) {
                match (token, wanted) {
                    (Token::Byte(literal), Token::Byte(byte)) => next[index + 1] |= literal == byte,
                    (Token::Segment, Token::Byte(byte)) => next[index] |= *byte != b'/',
                    (Token::Segment, Token::Segment) | (Token::Anything, _) => next[index] = true,
                    (Token::Byte(_), _) | (Token::Segment, Token::Anything) => {}
                }
            }
            self.skip_empty_runs(&mut next);
            reached = next;
        }
        reached[self.tokens.len()]
    }

    fn skip_empty_runs(&self, reached: &mut [bool]) {
        for (index, token) in self.tokens.iter().enumerate() {
            if reached[index] && matches!(token, Token::Segment | Token::Anything) {
                reached[index + 1] = true;
            }
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_the_table_says() {
        for (pattern, covered, not_covered) in [
            ("demo", &["demo"][..], &["Demo", "demo/", "dem", "demoo", ""][..]),
            ("room/*", &["room/1", "room/", "room/é", "room/*"], &["room", "room/1/2", "Room/1", "xroom/1"]),
            ("room/**", &["room/1", "room/", "room/1/2", "room/a/b/c"], &["room", "rooms/1"]),
            ("*", &["a", "demo", "é"], &["a/b", "/"]),
            ("**", &["a", "a/b", "/", "é/ü"], &[]),
            ("*/chat", &["a/chat", "/chat"], &["chat", "a/b/chat", "a/chats"]),
            ("**/chat", &["a/chat", "a/b/chat", "/chat"], &["chat"]),
            ("a*c*e", &["ace", "abcde", "acce"], &["a/ce", "abcd"]),
            ("a/*/c", &["a/b/c", "a//c"], &["a/b/b/c", "a/c"]),
            ("a/**/c", &["a/b/c", "a/b/b/c", "a//c"], &["a/c"]),
            (r"a\*", &["a*"], &["a", "ab", r"a\*"]),
            (r"a\\b", &[r"a\b"], &["ab", r"a\\b"]),
            (r"\**", &["*", "*x"], &["x", "*/x", ""]),
            ("***", &["", "a/b"], &[]),
            ("é*", &["é", "éa"], &["e", "\u{c3}"]),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            for name in covered {
                assert!(parsed.matches(name), "{pattern} must cover {name}");
            }
            for name in not_covered {
                assert!(!parsed.matches(name), "{pattern} must not cover {name}");
            }
        }
    }

    #[test]
    fn a_pattern_contains_what_the_table_says() {
        for (outer, inner, expected) in [
            ("**", "**", true),
            ("**", "a/*", true),
            ("*", "*", true),
            ("*", "**", false),
            ("*", "a", true),
            ("*", "a*b", true),
            ("*", "a/b", false),
            ("room/*", "room/1", true),
            ("room/*", "room/1*", true),
            ("room/*", "room/**", false),
            ("room/**", "room/*/x", true),
            ("room/**", "room", false),
            ("room/1", "room/*", false),
            ("a*c", "abc*c", true),
            ("a*c", "ab*", false),
            (r"a\*", r"a\*", true),
            (r"a\*", "a*", false),
            ("a*", r"a\*", true),
        ] {
            let [outer_pattern, inner_pattern] = [outer, inner].map(|text| Pattern::parse(text).unwrap());
            assert_eq!(outer_pattern.contains(&inner_pattern), expected, "{outer} contains {inner}");
        }
    }

    #[test]
    fn broken_patterns_are_refused() {
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
        assert_eq!(Pattern::parse(r"a\"), Err(PatternError::BadEscape));
        assert_eq!(Pattern::parse(r"a\n"), Err(PatternError::BadEscape));
        assert_eq!(Pattern::parse("a\u{85}"), Err(PatternError::ForbiddenCharacter));
        assert_eq!(Pattern::parse(&"a".repeat(257)), Err(PatternError::TooLong));
    }

    #[test]
    fn a_pattern_may_be_as_long_as_the_longest_name() {
        let name = "é".repeat(128);
        assert!(Pattern::parse(&name).unwrap().matches(&name));
        let escaped = r"\*".repeat(256);
        assert!(Pattern::parse(&escaped).unwrap().matches(&"*".repeat(256)));
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_its_length_times_the_names() {
        let pattern = Pattern::parse(&"*a".repeat(128)).unwrap();
        assert!(!pattern.matches(&"a".repeat(127)));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(255))));
    }
}
