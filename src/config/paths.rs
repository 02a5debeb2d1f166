//! Paths of the config made absolute: `~` is the home, the rest starts where it was written.
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::{Cause, in_short};
use super::key::Origin;
use super::layers::Layers;
use super::schema::{self, Place};

/// Where paths start from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bases<'a> {
    pub(super) home: Option<&'a str>,
    pub(super) cwd: Option<&'a Path>,
}

/// Makes every path in `layers` absolute, or notes why that cannot be.
pub(super) fn resolve(bases: Bases<'_>, layers: &mut Layers) {
    let mut problems = Vec::new();
    for (key, (value, origin)) in &mut layers.values {
        let Place::Leaf(leaf) = schema::place(key) else {
            continue;
        };
        let (Some(kind), Some(text)) = (leaf.get("x-kind").and_then(Value::as_str), value.as_str())
        else {
            continue;
        };
        // A program without a slash is looked up in PATH; an empty text means "not set".
        if text.is_empty() || (kind == "program" && !text.contains(['/', '\\']) && text != "~") {
            continue;
        }
        match absolute(bases, origin, text) {
            Ok(path) => *value = Value::String(path.to_string_lossy().into_owned()),
            Err(reason) => problems.push((
                key.clone(),
                origin.clone(),
                Cause::BadValue {
                    found: in_short(value),
                    reason: Some(reason.to_owned()),
                    allowed: "an absolute path, or one that begins with `~/`".to_owned(),
                },
            )),
        }
    }
    for (key, origin, cause) in problems {
        layers.values.remove(&key);
        layers.problem(&key, origin, cause);
    }
}

fn absolute(bases: Bases<'_>, origin: &Origin, text: &str) -> Result<PathBuf, &'static str> {
    if text.contains('\0') {
        return Err("a path holds no NUL character");
    }
    if text == "~" || text.starts_with("~/") {
        let home = bases.home.filter(|home| Path::new(home).is_absolute());
        let home = home.ok_or("the home folder is not known, because HOME is not set")?;
        return Ok(Path::new(home).join(text[1..].trim_start_matches('/')));
    }
    if text.starts_with('~') {
        return Err("only your own home can be written with `~`");
    }
    let path = Path::new(text);
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let base = match origin {
        Origin::File { path, .. } => path.parent(),
        Origin::Default | Origin::Env { .. } | Origin::Flag { .. } => bases.cwd,
    };
    let base = base.filter(|base| base.is_absolute()).ok_or("it is not clear where it starts")?;
    Ok(base.join(path.strip_prefix(".").unwrap_or(path)))
}
