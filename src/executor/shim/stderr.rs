//! The end of what an agent wrote to stderr.
use std::path::Path;

use gateway_os::disk::read_at;

use super::file;

/// The last words on stderr.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StderrEnd {
    /// The words; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// How many bytes came before them.
    pub dropped: u64,
}

/// The last bytes of stderr of the run in `folder`, at most `bytes_max` of them; empty when there are
/// none, or when there is no plain file. Cut between characters.
pub async fn end_of_stderr(folder: &Path, bytes_max: u64) -> StderrEnd {
    let path = folder.join(file::STDERR);
    let read = move || {
        // Whatever else an agent has put there, nobody waits for it.
        let size = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?.len();
        let start = size.saturating_sub(bytes_max);
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let bytes = read_at(&std::fs::File::open(&path).ok()?, start, bytes_max).ok()?;
        Some((start, bytes))
    };
    let Ok(Some((start, bytes))) = tokio::task::spawn_blocking(read).await else {
        return StderrEnd::default();
    };
    let is_inside = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    let torn = if start == 0 { 0 } else { bytes.iter().take(3).take_while(is_inside).count() };
    let text = String::from_utf8_lossy(&bytes[torn..]).into_owned();
    StderrEnd { text, dropped: start + torn as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_end_of_stderr_is_read_and_the_rest_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(end_of_stderr(folder.path(), 4096).await, StderrEnd::default());
        let path = folder.path().join(file::STDERR);
        std::fs::write(&path, format!("{}the cause", "x".repeat(10_000))).unwrap();
        let end = end_of_stderr(folder.path(), 4096).await;
        assert!(end.text.len() == 4096 && end.text.ends_with("the cause"));
        assert_eq!(end.dropped, 10_009 - 4096);
        std::fs::write(&path, "€€€").unwrap();
        let end = end_of_stderr(folder.path(), 5).await;
        assert_eq!(end, StderrEnd { text: "€".into(), dropped: 6 });
        let whole = end_of_stderr(folder.path(), 9).await;
        assert_eq!(whole, StderrEnd { text: "€€€".into(), dropped: 0 });
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(file::STDERR)).unwrap();
        assert_eq!(end_of_stderr(folder.path(), 10).await, StderrEnd::default());
    }
}
