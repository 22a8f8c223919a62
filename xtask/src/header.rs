//! `cargo xtask header`: writes `include/parlor.h` from the C binding's sources, or checks that it is up to date.

use std::fs;
use std::path::Path;

use crate::project::{Version, root, target_dir};
use crate::{Result, command};

const HEADER: &str = "include/parlor.h";
const BINDING: &str = "bindings/c";

/// Writes the header.
pub fn write() -> Result {
    let path = root().join(HEADER);
    fs::create_dir_all(root().join("include"))?;
    fs::write(&path, generate()?)?;
    println!("header: wrote {HEADER}");
    Ok(())
}

/// Fails, and shows the difference, when the committed header is not what the sources give.
pub fn check() -> Result {
    let fresh = generate()?;
    let committed = fs::read_to_string(root().join(HEADER)).unwrap_or_default();
    if fresh == committed {
        println!("header: {HEADER} is up to date");
        return Ok(());
    }
    let fresh_path = target_dir().join("xtask/parlor.h");
    fs::create_dir_all(target_dir().join("xtask"))?;
    fs::write(&fresh_path, fresh)?;
    let mut diff = command::new("diff");
    diff.args(["-u", "--new-file", HEADER]).arg(&fresh_path).status()?;
    Err(format!("{HEADER} differs from the sources: run `cargo xtask header` and review the change").into())
}

/// Returns the names of the functions that the header declares.
pub fn declared_symbols() -> Result<Vec<String>> {
    Ok(bindings()?.dynamic_symbols_names().map(str::to_owned).collect())
}

fn generate() -> Result<String> {
    let mut header = Vec::new();
    bindings()?.write(&mut header);
    Ok(String::from_utf8(header)?)
}

fn bindings() -> Result<cbindgen::Bindings> {
    let binding = root().join(BINDING);
    let mut config = cbindgen::Config::from_file(binding.join("cbindgen.toml"))?;
    let version_macros = version_macros(&Version::read()?);
    config.after_includes.get_or_insert_default().push_str(&version_macros);
    for name in public_types(&binding.join("src"))? {
        config.export.rename.insert(name.clone(), snake_case(&name));
    }
    Ok(cbindgen::Builder::new().with_crate(&binding).with_config(config).generate()?)
}

fn version_macros(version: &Version) -> String {
    let Version { major, minor, patch } = version;
    format!(
        "\n/** The version of this header; `parlor_version_string()` tells the library's. */\n\
         #define PARLOR_VERSION_MAJOR {major}\n\
         #define PARLOR_VERSION_MINOR {minor}\n\
         #define PARLOR_VERSION_PATCH {patch}\n\
         #define PARLOR_VERSION_STRING \"{version}\"\n"
    )
}

/// The names of the public types that a C reader sees, from all sources below `folder`.
fn public_types(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            names.extend(public_types(&path)?);
        } else if path.extension().is_some_and(|it| it == "rs") {
            names.extend(types_in(&fs::read_to_string(&path)?)?);
        }
    }
    Ok(names)
}

fn types_in(source: &str) -> Result<Vec<String>> {
    let public = |vis: &syn::Visibility| matches!(vis, syn::Visibility::Public(_));
    let names = syn::parse_file(source)?.items.into_iter().filter_map(|item| match item {
        syn::Item::Struct(it) if public(&it.vis) => Some(it.ident),
        syn::Item::Enum(it) if public(&it.vis) => Some(it.ident),
        syn::Item::Union(it) if public(&it.vis) => Some(it.ident),
        syn::Item::Type(it) if public(&it.vis) => Some(it.ident),
        _ => None,
    });
    Ok(names.map(|ident| ident.to_string()).collect())
}

/// Returns a name in camelCase in snake_case.
pub fn snake_case(camel: &str) -> String {
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::{snake_case, types_in, version_macros};
    use crate::project::Version;

    #[test]
    fn types_get_c_names() {
        assert_eq!(snake_case("ParlorVideoFrame"), "parlor_video_frame");
        assert_eq!(snake_case("parlor_session"), "parlor_session");
    }

    #[test]
    fn only_public_types_are_renamed() {
        let source =
            "pub struct ParlorA; struct B; pub enum ParlorC { X } pub type ParlorD = u32; pub fn f() {}";
        assert_eq!(types_in(source).expect("valid"), ["ParlorA", "ParlorC", "ParlorD"]);
    }

    #[test]
    fn the_header_carries_the_version() {
        let macros = version_macros(&Version { major: 1, minor: 2, patch: 3 });
        for part in ["_MAJOR 1\n", "_MINOR 2\n", "_PATCH 3\n", "_STRING \"1.2.3\"\n"] {
            assert!(macros.contains(part), "{macros}");
        }
    }
}
