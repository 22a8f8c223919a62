//! Where the database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use units::Secret;

use super::StoreError;
use crate::config::ConfigError;

/// Where the database is.
#[derive(Debug, Clone)]
pub enum DatabaseLocation {
    /// A file of SQLite's.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database, which may hold a password.
    Postgres(Secret),
}

impl DatabaseLocation {
    /// Returns where the master key is unless the operator says so: beside the file.
    pub(crate) fn default_master_key_file(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(path) => Some(path.with_extension("key")),
            Self::Postgres(_) => None,
        }
    }
    /// Returns the URL that the database library wants.
    pub(super) fn url(&self) -> Result<Secret, StoreError> {
        match self {
            Self::Postgres(url) => Ok(url.clone()),
            Self::Sqlite(path) => Ok(Secret::new(format!("sqlite://{}?mode=rwc", self.encoded(path)?))),
        }
    }

    /// Returns the absolute path as a URL's, so that no character of it means something else there.
    fn encoded(&self, path: &Path) -> Result<String, StoreError> {
        let absolute = std::path::absolute(path)
            .map_err(|error| StoreError(format!("{self} cannot be opened: {error}")))?;
        let text = absolute.to_str().ok_or_else(|| StoreError(format!("the path of {self} is not UTF-8")))?;
        let encode = |byte: u8| match byte {
            b'/' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        Ok(text.bytes().map(encode).collect())
    }

    /// Says in one sentence what is wrong.
    pub(super) fn explain(&self, error: &sqlx::Error) -> String {
        // SQLite's primary result codes (sqlite.org/rescode.html); the rest of the number is detail.
        let code = match error {
            sqlx::Error::Database(error) if matches!(self, Self::Sqlite(_)) => {
                error.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff)
            }
            _ => None,
        };
        match (code, error) {
            (Some(5 | 6), _) => format!("{self} is locked by another program"),
            (Some(8), _) => format!("{self} may not be written"),
            (Some(14), _) => {
                format!("{self} cannot be opened: look whether its directory is there and writable")
            }
            (Some(26), _) => format!("{self} is something else than an SQLite file"),
            (_, sqlx::Error::Io(error)) => format!("{self} cannot be reached: {error}"),
            (_, sqlx::Error::PoolTimedOut) => format!("{self} does not answer"),
            (_, sqlx::Error::Configuration(_)) => format!("the URL of {self} is not valid"),
            (_, error) => format!("{self} failed: {}", error.to_string().replace('\n', " ")),
        }
    }
}

/// Reads what the operator writes: a path, or a `postgres://` URL.
impl FromStr for DatabaseLocation {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text.split_once(':') {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Secret::new(text))),
            Some((_, rest)) if rest.starts_with("//") => Err(ConfigError(
                "the database must be the path of an SQLite file or a postgres:// URL".to_owned(),
            )),
            _ if text.is_empty() => Err(ConfigError("the database's path is empty".to_owned())),
            _ => Ok(Self::Sqlite(PathBuf::from(text))),
        }
    }
}

impl<'de> Deserialize<'de> for DatabaseLocation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Shows a path, but nothing of a URL.
impl fmt::Display for DatabaseLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "the database {}", path.display()),
            Self::Postgres(_) => f.write_str("the PostgreSQL database"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_file_and_a_postgres_url_is_not() {
        for path in ["parlor.db", "/var/lib/parlor/a b?c#d%.db", "C:\\parlor.db"] {
            assert!(
                matches!(path.parse::<DatabaseLocation>().unwrap(), DatabaseLocation::Sqlite(_)),
                "{path}"
            );
        }
        for url in ["postgres://u:hush@h/d", "postgresql:///d?host=/run"] {
            let location = url.parse::<DatabaseLocation>().unwrap();
            assert!(!format!("{location} {location:?}").contains("hush"));
            assert!(matches!(location, DatabaseLocation::Postgres(_)), "{url}");
        }
        for other in ["", "mysql://u:hush@h/d"] {
            let error = other.parse::<DatabaseLocation>().unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn no_character_of_a_path_means_something_in_its_url() {
        let url = "/tmp/a b?c#d%é.db".parse::<DatabaseLocation>().unwrap().url().unwrap();
        assert_eq!(url.expose(), "sqlite:///tmp/a%20b%3Fc%23d%25%C3%A9.db?mode=rwc");
    }

    #[test]
    fn the_master_key_lies_beside_a_file() {
        let beside = "/data/parlor.db".parse::<DatabaseLocation>().unwrap().default_master_key_file();
        assert_eq!(beside.as_deref(), Some(Path::new("/data/parlor.key")));
        assert_eq!("postgres://h/d".parse::<DatabaseLocation>().unwrap().default_master_key_file(), None);
    }
}
