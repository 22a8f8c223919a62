//! `cargo xtask install`: the C library as a package that other builds find.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::project::{Version, root, target_dir};
use crate::{Result, command};

/// What a program links beside `libparlor.a`: libvpx from the system, the C++ runtime for the bundled OpenH264, and
/// what rustc reports as the native libraries of Rust's own runtime.
const STATIC_LIBRARIES: &[&str] = &["vpx", "stdc++", "gcc_s", "util", "rt", "pthread", "m", "dl", "c"];

/// Where to install, and which build.
#[derive(Debug, PartialEq, Eq)]
pub struct Destination {
    /// Where the files will be used.
    pub prefix: PathBuf,
    /// A folder put before `prefix` while installing, for those who make packages.
    pub destdir: Option<PathBuf>,
    /// The cargo profile.
    pub profile: String,
    /// Cargo features beside the default ones.
    pub features: Vec<String>,
}

impl Destination {
    /// Reads the options of the command line.
    pub fn parse(options: &[&str]) -> Result<Self> {
        let (mut prefix, mut destdir, mut profile) = (None, None, "release".to_owned());
        let (pairs, rest) = options.as_chunks::<2>();
        for [name, value] in pairs {
            match *name {
                "--prefix" => prefix = Some(PathBuf::from(value)),
                "--destdir" => destdir = Some(PathBuf::from(value)),
                "--profile" => profile = (*value).to_owned(),
                other => return Err(format!("install: unknown option {other}").into()),
            }
        }
        if !rest.is_empty() {
            return Err(format!("install: {} needs a value", rest.join(" ")).into());
        }
        let prefix = prefix.ok_or("install: --prefix is needed")?;
        Ok(Self { prefix, destdir, profile, features: Vec::new() })
    }

    /// The folder that is written to.
    fn folder(&self) -> Result<PathBuf> {
        let prefix = std::path::absolute(&self.prefix)?;
        Ok(match &self.destdir {
            Some(destdir) => std::path::absolute(destdir)?.join(prefix.strip_prefix("/").unwrap_or(&prefix)),
            None => prefix,
        })
    }
}

/// Builds the library and installs it; prints every file that it wrote.
pub fn run(destination: &Destination) -> Result {
    let mut build = command::cargo();
    build.args(["build", "--package", "parlor-c", "--profile", &destination.profile]);
    build.args(["--features", &destination.features.join(",")]);
    command::run(&mut build)?;
    let folder = destination.folder()?;
    for file in place(&destination.profile, &folder)? {
        command::say(&format!("installed {}", folder.join(file).display()));
    }
    Ok(())
}

/// Returns the folder that cargo builds a profile into.
fn built(profile: &str) -> PathBuf {
    target_dir().join(if profile == "dev" { "debug" } else { profile })
}

/// Installs what was built; returns every file that it wrote, within the folder.
pub fn place(profile: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let version = Version::read()?;
    let library = format!("libparlor.so.{version}");
    let soname = format!("libparlor.so.{}", version.major);
    let built = built(profile);
    let bindings = root().join("bindings/c");
    let mut tree = Tree { folder, written: Vec::new() };

    for header in ["parlor.h", "parlor.hpp"] {
        tree.copy(&root().join("include").join(header), &format!("include/{header}"), 0o644)?;
    }
    tree.copy(&built.join("libparlor.so"), &format!("lib/{library}"), 0o755)?;
    tree.link(&library, &format!("lib/{soname}"))?;
    tree.link(&soname, "lib/libparlor.so")?;
    tree.copy(&built.join("libparlor.a"), "lib/libparlor.a", 0o644)?;

    let version = version.to_string();
    let flags = STATIC_LIBRARIES.iter().map(|name| format!("-l{name}")).collect::<Vec<_>>().join(" ");
    let fill = |template: &Path| -> Result<String> {
        let values = [
            ("VERSION", version.as_str()),
            ("LIBRARY", &library),
            ("SONAME", &soname),
            ("STATIC_FLAGS", &flags),
            ("STATIC_LIBRARIES", &STATIC_LIBRARIES.join(";")),
        ];
        fill(&fs::read_to_string(template)?, &values)
            .map_err(|error| format!("{}: {error}", template.display()).into())
    };
    tree.write(&fill(&bindings.join("parlor.pc.in"))?, "lib/pkgconfig/parlor.pc")?;
    for file in ["parlor-config.cmake", "parlor-config-version.cmake"] {
        let template = bindings.join("cmake").join(format!("{file}.in"));
        tree.write(&fill(&template)?, &format!("lib/cmake/parlor/{file}"))?;
    }
    Ok(tree.written)
}

/// Replaces each `@NAME@`; fails when one is left that has no value.
fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), value);
    }
    match text.split('@').nth(1) {
        Some(unknown) => Err(format!("no value for @{unknown}@").into()),
        None => Ok(text),
    }
}

/// The folder being filled.
struct Tree<'a> {
    folder: &'a Path,
    written: Vec<PathBuf>,
}

impl Tree<'_> {
    fn copy(&mut self, from: &Path, to: &str, mode: u32) -> Result {
        let to = self.make_room(to)?;
        fs::copy(from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(mode))?;
        Ok(())
    }

    fn write(&mut self, text: &str, to: &str) -> Result {
        Ok(fs::write(self.make_room(to)?, text)?)
    }

    fn link(&mut self, target: &str, to: &str) -> Result {
        Ok(symlink(target, self.make_room(to)?)?)
    }

    /// Makes the file's folder, removes an older file of that name and notes the file as written.
    fn make_room(&mut self, to: &str) -> Result<PathBuf> {
        let path = self.folder.join(to);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path)?;
        }
        self.written.push(PathBuf::from(to));
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Destination, fill};

    #[test]
    fn the_options_are_read() {
        let parsed = Destination::parse(&["--prefix", "/usr", "--destdir", "out"]).expect("valid");
        assert_eq!((parsed.prefix.as_path(), parsed.profile.as_str()), (Path::new("/usr"), "release"));
        assert!(parsed.folder().expect("a working folder").ends_with("out/usr"));
        assert!(Destination::parse(&[]).is_err());
        assert!(Destination::parse(&["--prefix"]).is_err());
        assert!(Destination::parse(&["--prefix", "/usr", "--libdir", "x"]).is_err());
    }

    #[test]
    fn a_template_is_filled_completely() {
        assert_eq!(fill("v@A@ @A@-@B@", &[("A", "1"), ("B", "2")]).expect("filled"), "v1 1-2");
        let error = fill("@A@ @C@", &[("A", "1")]).expect_err("C has no value");
        assert!(error.to_string().contains("@C@"));
    }
}
