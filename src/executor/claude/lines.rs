//! What [`crate::executor::shim::OutputTail`] does not hold: lines that are too long for it.
use std::io::SeekFrom;
use std::path::Path;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::executor::shim::OutputLine;

/// Longest line that is read whole. Results of edits carry whole files, so a mebibyte is little.
const LINE_BYTES_MAX: u64 = 32 << 20;

/// The whole line; the error is a note about a line that is too long or cannot be read.
pub(super) async fn whole(run_dir: &Path, line: &OutputLine) -> Result<Vec<u8>, String> {
    if !line.is_cut() {
        return Ok(line.text.clone().into_bytes());
    }
    if line.bytes > LINE_BYTES_MAX {
        return Err(format!("a line of {} bytes was passed over", line.bytes));
    }
    let start = line.end.saturating_sub(line.bytes + u64::from(line.complete));
    read(&run_dir.join("stdout"), start, line.bytes)
        .await
        .map_err(|error| format!("a line of {} bytes could not be read: {error}", line.bytes))
}

async fn read(path: &Path, start: u64, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path).await?;
    file.seek(SeekFrom::Start(start)).await?;
    let mut found = Vec::new();
    file.take(bytes).read_to_end(&mut found).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_cut_in_memory_is_read_whole_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(5 << 20);
        std::fs::write(folder.path().join("stdout"), format!("first\n{long}\nlast\n")).unwrap();
        let bytes = long.len() as u64;
        let end = 6 + bytes + 1;
        let line = OutputLine { text: "xxx".into(), bytes, end, complete: true };
        assert!(line.is_cut());
        assert_eq!(whole(folder.path(), &line).await.unwrap(), long.as_bytes());
        let endless = OutputLine { bytes: LINE_BYTES_MAX + 1, ..line };
        let note = whole(folder.path(), &endless).await.unwrap_err();
        assert!(note.contains("passed over"), "{note}");
    }
}
