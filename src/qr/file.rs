//! `--qr-file`: a code in an image file that only its owner reads.
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::QrCode;

/// An image format that a code can be written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QrFormat {
    /// Portable Network Graphics.
    Png,
    /// Scalable Vector Graphics.
    Svg,
}

/// Why a code was not written to a file.
#[derive(Debug, thiserror::Error)]
pub enum QrFileError {
    /// The name ends in something other than `.png` or `.svg`.
    #[error("cannot tell an image format from the name {}: it must end in .png or .svg", path.display())]
    UnknownFormat {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The image could not be made.
    #[error("cannot draw the QR code as PNG: {0}")]
    Png(#[from] png::EncodingError),
    /// The file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl QrFileError {
    /// What the user can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::UnknownFormat { .. } => "name the file like `--qr-file connect.png`",
            Self::Png(_) => "use a name that ends in .svg",
            Self::Write { .. } => "choose a file in a folder that exists and is yours to write",
        }
    }
}

impl QrFormat {
    /// The format that a file's extension names, in either case.
    ///
    /// # Errors
    ///
    /// Returns [`QrFileError::UnknownFormat`] for any other extension, or none.
    pub fn from_path(path: &Path) -> Result<Self, QrFileError> {
        let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("png") => Ok(Self::Png),
            Some("svg") => Ok(Self::Svg),
            _ => Err(QrFileError::UnknownFormat { path: path.to_owned() }),
        }
    }
}

impl QrCode {
    /// Writes the code to `path` in the format of its extension, readable by the owner only.
    ///
    /// The file appears whole or not at all: a reader never sees half an image, and what stood
    /// there before is replaced, mode included. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// Returns [`QrFileError`]; nothing has been written then.
    pub fn write_file(&self, path: &Path) -> Result<(), QrFileError> {
        let image = match QrFormat::from_path(path)? {
            QrFormat::Png => self.to_png()?,
            QrFormat::Svg => self.to_svg().into_bytes(),
        };
        replace(path, &image).map_err(|source| QrFileError::Write { path: path.to_owned(), source })
    }
}

fn replace(path: &Path, image: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // tempfile makes its files for the owner only (0600 on Unix).
    let mut file = tempfile::Builder::new().prefix(".qr-").tempfile_in(folder)?;
    file.write_all(image)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    fn code() -> QrCode {
        QrCode::from_text("https://gateway.example/mcp#token").unwrap()
    }

    #[test]
    fn the_extension_chooses_the_format() {
        let folder = tempfile::tempdir().unwrap();
        for (name, start) in [("a.png", b"\x89PNG".as_slice()), ("b.SVG", b"<svg")] {
            let path = folder.path().join(name);
            code().write_file(&path).unwrap();
            assert!(fs::read(&path).unwrap().starts_with(start), "{name}");
        }
    }

    #[test]
    fn another_extension_is_refused_by_name_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["code.gif", "code", ".png", "png"] {
            let error = code().write_file(&folder.path().join(name)).unwrap_err();
            assert!(matches!(error, QrFileError::UnknownFormat { .. }), "{name}: {error}");
            assert!(error.to_string().ends_with("it must end in .png or .svg"), "{error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_others_could_read_is_replaced_by_one_they_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code.png");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        code().write_file(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/code.png");
        let error = code().write_file(&path).unwrap_err();
        assert!(error.to_string().contains("missing/code.png"), "{error}");
    }
}
