//! Which names a mistyped one may have meant.

/// Most names offered.
const MOST: usize = 3;
/// Similarity, from 0 to 1, below which a name is no help.
const SIMILAR: f64 = 0.7;

/// The candidates most like `name`, best first; equally good ones in the order given.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| (score(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score >= SIMILAR)
        .collect();
    scored.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    scored.truncate(MOST);
    scored.into_iter().map(|(_, candidate)| candidate).collect()
}

fn score(name: &str, candidate: &str) -> f64 {
    let extends = !name.is_empty() && (candidate.starts_with(name) || name.starts_with(candidate));
    strsim::jaro_winkler(name, candidate).max(if extends { SIMILAR } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first_and_far_ones_not_at_all() {
        let all = ["kaniko", "kaniko-cache", "slack", "notifier"];
        assert_eq!(nearest("kanico", all), ["kaniko", "kaniko-cache"]);
        assert_eq!(nearest("KANIKO", all), ["kaniko", "kaniko-cache"]);
        assert_eq!(nearest("slak", all), ["slack"]);
        assert!(nearest("zzz", all).is_empty());
        assert_eq!(nearest("0.2", ["latest", "0.1"]), ["0.1"]);
        assert_eq!(nearest("aaa", ["aaab", "aaac", "aaad", "aaae"]).len(), 3);
    }
}
