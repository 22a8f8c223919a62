//! What the generated code of a language offers, read from its text.
//!
//! The generator writes one declaration a line, so lines are all that is looked at.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::bindings::Language;
use crate::{Result, header};

/// The operations and events of a language, in the words of the table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub operations: BTreeSet<String>,
    pub events: BTreeSet<String>,
}

/// Reads the generated file of a language.
pub fn source(language: Language) -> Result<String> {
    let file = match language {
        Language::Swift => Path::new("ParlorEngine.swift"),
        Language::Kotlin => Path::new("org/parlor/engine/parlor.kt"),
        Language::Python => Path::new("parlor.py"),
    };
    Ok(fs::read_to_string(language.generated().join(file))?)
}

impl Found {
    /// Finds what the code declares.
    pub fn read(language: Language, source: &str) -> Self {
        let mut found = Self::default();
        // What the lines that follow belong to.
        let mut scope = Scope::File;
        let mut lacks_constructor = false;
        for line in source.lines() {
            if let Some(entered) = enter(language, line) {
                scope = entered;
            } else if leaves(language, line) {
                scope = Scope::File;
            }
            if line.contains("This class has no default constructor") {
                lacks_constructor = true;
            }
            let operation = match &scope {
                Scope::File => function(language, line),
                // Swift writes methods and functions differently.
                Scope::Other if language == Language::Swift => function(language, line),
                Scope::Object(object) => {
                    method(language, line).map(|name| format!("{object}.{}", snake_case(name)))
                }
                Scope::Event => {
                    found.events.extend(event(language, line).map(snake_case));
                    None
                }
                Scope::Other => None,
            };
            if lacks_constructor && let Scope::Object(object) = &scope {
                found.operations.remove(&format!("{object}.init"));
                lacks_constructor = false;
            }
            found.operations.extend(operation);
        }
        found
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Scope {
    File,
    Object(String),
    Event,
    Other,
}

/// Returns what begins in this line, if anything does.
fn enter(language: Language, line: &str) -> Option<Scope> {
    let declared = |prefix: &str, end: char| Some(line.strip_prefix(prefix)?.split_once(end)?.0.trim());
    let (object, is_event, is_other) = match language {
        Language::Swift => (
            declared("open class ", ':'),
            line.starts_with("public enum Event:"),
            ["public struct ", "public enum ", "public protocol ", "fileprivate ", "private "]
                .iter()
                .any(|start| line.starts_with(start))
                && line.trim_end().ends_with('{'),
        ),
        Language::Kotlin => (
            declared("open class ", ':').filter(|_| line.contains("Disposable")),
            line.starts_with("sealed class Event "),
            line.starts_with("public interface "),
        ),
        Language::Python => (
            declared("class ", '(').filter(|name| line.contains(&format!("({name}Protocol)"))),
            line == "class Event:",
            line.starts_with("class "),
        ),
    };
    match object {
        Some(object) if !object.ends_with("Impl") => Some(Scope::Object(object.to_owned())),
        Some(_) => Some(Scope::Other),
        None if is_event => Some(Scope::Event),
        None if is_other => Some(Scope::Other),
        None if ends_kotlin_scope(language, line) => Some(Scope::File),
        None => None,
    }
}

/// Returns whether this line of Kotlin begins a declaration that offers nothing.
fn ends_kotlin_scope(language: Language, line: &str) -> bool {
    let starts = ["public object ", "internal ", "data class ", "enum class ", "sealed class ", "private "];
    language == Language::Kotlin && starts.iter().any(|start| line.starts_with(start))
}

/// Returns whether the last declaration ends here.
fn leaves(language: Language, line: &str) -> bool {
    match language {
        // Lines inside a class look like its end here; the next declaration is its end.
        Language::Swift | Language::Kotlin => false,
        Language::Python => line.starts_with("def ") || line.starts_with("async def "),
    }
}

/// Returns the name of the method or constructor that this line declares.
fn method(language: Language, line: &str) -> Option<&str> {
    match language {
        Language::Swift if line.starts_with("public convenience init(") => Some("init"),
        Language::Swift => before(line, &["open func ", "public static func "], '('),
        Language::Kotlin => {
            let line = line.trim_start();
            if line.starts_with("constructor(") {
                let is_internal = ["withHandle:", "noHandle:"].iter().any(|part| line.contains(part));
                return (!is_internal).then_some("init");
            }
            quoted_function(line)
        }
        Language::Python if line.starts_with("    def __init__(self") => Some("init"),
        Language::Python => before(line, &["    def ", "    async def "], '(')
            .filter(|name| !name.starts_with('_') || *name == "__init__"),
    }
}

/// Returns the name, in the table's words, of the function outside of classes that this line declares.
fn function(language: Language, line: &str) -> Option<String> {
    let name = match language {
        Language::Swift => before(line, &["public func "], '(')
            .filter(|name| !name.starts_with("FfiConverter") && !name.starts_with("uniffi"))?,
        Language::Kotlin => quoted_function(line.trim_start())?,
        Language::Python => before(line, &["def "], '(')
            .filter(|name| !name.starts_with('_') && !name.starts_with("uniffi"))?,
    };
    Some(snake_case(name))
}

/// Returns the name of the event that this line declares.
fn event(language: Language, line: &str) -> Option<&str> {
    match language {
        Language::Swift => {
            let rest = line.strip_prefix("    case ").filter(|rest| !rest.starts_with('.'))?;
            Some(rest.split(['(', ' ']).next().unwrap_or(rest))
        }
        Language::Kotlin => {
            let rest = line.strip_prefix("    data class ").or_else(|| line.strip_prefix("    object "))?;
            Some(rest.split(['(', ' ', ':']).next().unwrap_or(rest))
        }
        Language::Python => {
            let rest = line.strip_prefix("    class ")?;
            Some(rest.trim_end_matches(':'))
        }
    }
}

/// Returns the name in ``fun `name`(`` of Kotlin, however the function is qualified.
fn quoted_function(line: &str) -> Option<&str> {
    if line.starts_with('*') || line.starts_with("//") {
        return None;
    }
    let (_, rest) = line.split_once("fun `")?;
    Some(rest.split_once("`(")?.0)
}

fn before<'a>(line: &'a str, starts: &[&str], end: char) -> Option<&'a str> {
    let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
    Some(rest.split_once(end)?.0.trim_matches('`'))
}

/// Returns a name in camelCase or CAPITALS in snake_case.
fn snake_case(name: &str) -> String {
    if name.chars().all(|letter| !letter.is_lowercase()) {
        return name.to_lowercase();
    }
    header::snake_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(language: Language, source: &str) -> (Vec<String>, Vec<String>) {
        let Found { operations, events } = Found::read(language, source);
        (operations.into_iter().collect(), events.into_iter().collect())
    }

    fn expected() -> (Vec<String>, Vec<String>) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        (owned(&["A.init", "A.push_i16", "B.from_file", "time_us"]), owned(&["data_lost", "left"]))
    }

    #[test]
    fn swift_is_read() {
        let source = "open class A: AProtocol, @unchecked Sendable {\npublic convenience init()throws  {\n\
                      open func pushI16(a: UInt64)throws   {\n}\n\
                      open class B: BProtocol, @unchecked Sendable {\n\
                      public static func fromFile(path: String)throws  -> B  {\n}\n\
                      public enum Event: Equatable {\n    case left(\n    case dataLost\n}\n\
                      public struct FfiConverterTypeEvent: X {\n}\n\
                      public func timeUs()throws  -> UInt64  {\n\
                      public func FfiConverterTypeA_lift(_ handle: UInt64) throws -> A {\n}\n";
        assert_eq!(found(Language::Swift, source), expected());
    }

    #[test]
    fn kotlin_is_read() {
        let source = "open class A: Disposable, AutoCloseable, AInterface\n{\n    constructor() :\n\
                      \x20   constructor(noHandle: NoHandle) {\n\
                      \x20   @Throws(X::class)override fun `pushI16`(`a`: kotlin.ULong) {\n}\n\
                      open class B: Disposable, AutoCloseable, BInterface\n{\n\
                      \x20   @Throws(X::class) fun `fromFile`(`path`: kotlin.String): B {\n}\n\
                      sealed class Event {\n    data class Left(\n    object DataLost : Event()\n}\n\
                      public object FfiConverterTypeEvent : X {\n}\n\
                      \x20   @Throws(X::class) fun `timeUs`(): kotlin.ULong {\n";
        assert_eq!(found(Language::Kotlin, source), expected());
    }

    #[test]
    fn python_is_read() {
        let source = "class A(AProtocol):\n    def __init__(self, ):\n    def __del__(self):\n\
                      \x20   def push_i16(self, a):\nclass B(BProtocol):\n    def __init__(self, *args):\n\
                      \x20       raise ValueError(\"This class has no default constructor\")\n\
                      \x20   def from_file(cls, path):\nclass Event:\n    class LEFT:\n    class DATA_LOST:\n\
                      def time_us() -> int:\ndef _private():\n";
        assert_eq!(found(Language::Python, source), expected());
    }
}
