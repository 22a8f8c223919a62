//! The deployment's master key: the one secret that everything else is derived from.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};
use units::Secret;

const LENGTH: usize = 32;

/// The deployment's master key, from which secret keys, resume tokens and webhook signatures are derived.
///
/// All nodes of a deployment share it. It is never stored in the database, so that whoever steals that has nothing.
#[derive(Clone)]
pub(crate) struct MasterKey(Prk);

/// Where the master key comes from. The text wins over the file.
#[derive(Debug, Clone, Default)]
pub struct MasterKeySource {
    /// The key itself: 64 hexadecimal digits.
    pub text: Option<Secret>,
    /// The file of the key, which the first start makes.
    pub file: Option<PathBuf>,
}

/// Why there is no master key. The text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MasterKeyError(String);

impl MasterKeySource {
    /// Reads the key, or makes its file; `None` when it has neither text nor file.
    ///
    /// # Errors
    /// When the key cannot be read or written.
    pub(crate) fn find_or_make(&self) -> Result<Option<MasterKey>, MasterKeyError> {
        match (&self.text, &self.file) {
            (Some(text), _) => MasterKey::from_text(text).map(Some),
            (None, Some(path)) => {
                MasterKey::read(path)?.map_or_else(|| MasterKey::create(path), Ok).map(Some)
            }
            (None, None) => Ok(None),
        }
    }
}

impl MasterKey {
    /// Draws a key that ends with the process.
    pub(crate) fn random() -> Self {
        Self::from_bytes(&random_bytes::<LENGTH>())
    }

    /// Reads a key from its text: 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the text is something else. The error does not repeat it.
    pub(crate) fn from_text(text: &Secret) -> Result<Self, MasterKeyError> {
        let mut bytes = [0; LENGTH];
        hex::decode_to_slice(text.expose().trim(), &mut bytes)
            .map_err(|_| MasterKeyError("the master key must be 64 hexadecimal digits".to_owned()))?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Reads the key from a file; `None` when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read, everyone may read it, or it holds something else.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, MasterKeyError> {
        let shown = path.display();
        let unreadable =
            |error| MasterKeyError(format!("the master key file {shown} cannot be read: {error}"));
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        if is_open_to_others(&file).map_err(unreadable)? {
            return Err(MasterKeyError(format!(
                "everyone may read the master key file {shown}: make it private with `chmod 600 {shown}`"
            )));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(unreadable)?;
        let key = Self::from_text(&Secret::new(text))
            .map_err(|error| MasterKeyError(format!("{shown} is no master key file: {error}")))?;
        Ok(Some(key))
    }

    /// Draws a key and writes it to a new file that only its owner may read.
    ///
    /// # Errors
    /// When the file cannot be written, or is there already.
    pub(crate) fn create(path: &Path) -> Result<Self, MasterKeyError> {
        let unwritable = |error| {
            MasterKeyError(format!("the master key file {} cannot be written: {error}", path.display()))
        };
        let bytes = random_bytes::<LENGTH>();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(unwritable)?;
        writeln!(file, "{}", hex::encode(bytes)).and_then(|()| file.sync_all()).map_err(unwritable)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Derives a key for one purpose by HKDF-SHA256 (RFC 5869). Different purposes give unrelated keys.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut derived = [0; 32];
        self.0
            .expand(&[purpose.as_bytes()], HKDF_SHA256)
            .and_then(|material| material.fill(&mut derived))
            .expect("32 bytes are within what HKDF can give");
        derived
    }

    fn from_bytes(bytes: &[u8; LENGTH]) -> Self {
        Self(Salt::new(HKDF_SHA256, b"parlor").extract(bytes))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

/// Draws bytes that nobody can guess.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    bytes
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> std::io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_key() -> MasterKey {
        MasterKey::from_text(&Secret::new("00".repeat(LENGTH))).unwrap()
    }

    #[test]
    fn a_purpose_always_gives_the_same_key_and_another_purpose_another() {
        assert_eq!(test_key().derive("a"), test_key().derive("a"));
        assert_ne!(test_key().derive("a"), test_key().derive("b"));
        assert_ne!(test_key().derive("a"), MasterKey::random().derive("a"));
    }

    /// A deployment's keys must survive an update of the server: this value never changes.
    #[test]
    fn derivation_is_the_one_of_the_first_version() {
        assert_eq!(
            hex::encode(test_key().derive("test")),
            "ee93d437c77bf6ff787282f44966565965412142b88c55a1b6df858d7824ce9a"
        );
    }

    #[test]
    fn anything_but_64_hexadecimal_digits_is_refused_without_repeating_it() {
        for text in ["", "hush", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            let error = MasterKey::from_text(&Secret::new(text)).unwrap_err().to_string();
            assert_eq!(error, "the master key must be 64 hexadecimal digits");
        }
        assert!(MasterKey::from_text(&Secret::new(format!(" {}\n", "aF".repeat(32)))).is_ok());
    }

    #[test]
    fn a_file_is_made_private_and_read_again() {
        let path = std::env::temp_dir().join(format!("parlor-master-key-{}", std::process::id()));
        assert!(MasterKey::read(&path).unwrap().is_none());
        let made = MasterKey::create(&path).unwrap();
        assert_eq!(MasterKey::read(&path).unwrap().unwrap().derive("a"), made.derive("a"));
        assert!(MasterKey::create(&path).is_err(), "a key must never be overwritten");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
            assert!(MasterKey::read(&path).unwrap_err().to_string().contains("chmod 600"));
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", test_key()), "MasterKey([redacted])");
    }
}
