//! The known word that a misspelt one probably means.

/// Longer words are not compared: nobody misspells a name of this length.
const MAX_CHARS: usize = 64;

/// Among more candidates than this only the first are looked at: advice must not cost more than what it is about.
pub(crate) const MAX_CANDIDATES: usize = 1_000;

/// The candidate nearest to `word`, if one is near enough to be meant: at most one edit for each three characters. Edits
/// are insertions, deletions, replacements, and swaps of neighbours; case counts for nothing. Of equally near ones the
/// first.
///
/// ```
/// use prana_core::nearest::nearest;
///
/// assert_eq!(nearest("ture", ["true", "false"]), Some("true"));
/// assert_eq!(nearest("purple", ["true", "false"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(MAX_CHARS + 1).flat_map(char::to_lowercase).collect();
    let allowed = word.len().div_ceil(3).min(4);
    let within = |candidate: &'a str| {
        let other: Vec<char> = candidate.chars().take(MAX_CHARS + 1).flat_map(char::to_lowercase).collect();
        let comparable = word.len() <= MAX_CHARS
            && other.len() <= MAX_CHARS
            && word.len().abs_diff(other.len()) <= allowed;
        let edits = comparable.then(|| edits(&word, &other, allowed)).flatten();
        edits.map(|edits| (edits, candidate))
    };
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter_map(within)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The number of edits between two words (restricted Damerau-Levenshtein), if it is no more than `allowed`.
fn edits(a: &[char], b: &[char], allowed: usize) -> Option<usize> {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        // A swap looks back two rows: when both are past the limit, so is all that follows.
        let is_past = |row: &[usize]| row.iter().all(|edits| *edits > allowed);
        if is_past(&row) && is_past(&above) {
            return None;
        }
        before = std::mem::replace(&mut above, row);
    }
    Some(above[b.len()]).filter(|edits| *edits <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let fields = ["key", "name", "type", "params", "settings", "on_error", "max_retries"];
        let cases = [
            ("tpye", Some("type")),
            ("param", Some("params")),
            ("onError", Some("on_error")),
            ("retries", None),
            ("max_retry", Some("max_retries")),
            ("KEY", Some("key")),
            ("", None),
            ("x", None),
        ];
        for (word, expect) in cases {
            assert_eq!(nearest(word, fields), expect, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), fields), None);
    }
}
