//! How the sidecar tells the agent what stands in the Dockerfile of a build: in its log, since
//! nobody can look into a pod's volumes once its containers have ended.

/// Largest Dockerfile that is handed over, in bytes.
pub const MAX_DOCKERFILE: usize = 64 * 1024;

const LEAD: &str = "the Dockerfile `";

/// What the sidecar prints: one line that says whose text follows and how long it is, and the text.
/// `path` is that in the main container.
#[must_use]
pub fn hand_over(path: &str, text: &str) -> String {
    format!("{}{}\n{text}", lead(path), text.len())
}

/// The text in the log of a sidecar, if it handed over the file of this path and all of it is there.
#[must_use]
pub fn handed_over<'a>(log: &'a str, path: &str) -> Option<&'a str> {
    let lead = lead(path);
    let mut rest = log;
    loop {
        let (line, after) = rest.split_once('\n')?;
        let length = line.strip_prefix(&lead).map(str::parse::<usize>);
        if let Some(Ok(length)) = length {
            return after.get(..length);
        }
        rest = after;
    }
}

fn lead(path: &str) -> String {
    format!("{LEAD}{path}`, length in bytes: ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_cut_off_or_of_another_file_is_not_taken() {
        let log = format!("collected 1 files\n{}", hand_over("/a/b", "FROM c\n"));
        assert_eq!(handed_over(&log, "/a/b"), Some("FROM c\n"));
        assert_eq!(handed_over(&log, "/a"), None);
        assert_eq!(handed_over(&log[..log.len() - 1], "/a/b"), None);
        assert_eq!(handed_over("", "/a/b"), None);
        assert_eq!(
            handed_over("the Dockerfile `/a/b`, length in bytes: x\n", "/a/b"),
            None
        );
    }

    proptest! {
        /// Whatever is in the file and around it in the log.
        #[test]
        fn the_text_comes_out_as_it_went_in(before in "([a-z ]{0,9}\n){0,3}", text in ".*(\n.*){0,3}", after in ".*") {
            let log = format!("{before}{}\n{after}", hand_over("/plx-context/Dockerfile", &text));
            prop_assert_eq!(handed_over(&log, "/plx-context/Dockerfile"), Some(text.as_str()));
        }
    }
}
