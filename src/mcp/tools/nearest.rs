//! The name somebody probably meant.

/// The nearest of `known` to `name`, when one is near enough to be a slip.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Bounded: the name comes from outside and the distance takes time in its length.
    let name: String = name.chars().take(100).collect::<String>().to_lowercase();
    let scored =
        known.into_iter().map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), other));
    let best = scored.max_by(|(one, _), (two, _)| one.total_cmp(two))?;
    (best.0 > 0.75).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_none() {
        let known = ["wait_seconds", "task_id", "cursor"];
        assert_eq!(nearest("wait_secs", known), Some("wait_seconds"));
        assert_eq!(nearest("taskId", known), Some("task_id"));
        assert_eq!(nearest("zzz", known), None);
    }
}
