//! One sentence on what happened and one on what to change, for people who do not know Kaniko.

mod hint;
mod message;
mod plain;

pub(super) use hint::hint;
pub(super) use message::message;

use super::class::Retry;
use super::registry_error;

/// What the sentences speak of.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject<'a> {
    /// The executor's or the platform's words, without prefixes.
    pub(super) words: &'a str,
    /// The instruction that failed.
    pub(super) instruction: Option<&'a str>,
    /// Exit status of the executor.
    pub(super) exit_code: Option<i32>,
    /// A path that was not found.
    pub(super) missing_path: Option<&'a str>,
    /// The verdict.
    pub(super) retry: Option<Retry>,
}

/// Characters of foreign words quoted in a sentence.
const MAX_QUOTED: usize = 300;

/// Characters of an instruction in a sentence; it is shown whole elsewhere.
const MAX_INSTRUCTION: usize = 120;

fn quoted(words: &str) -> String {
    let line = words.lines().next().unwrap_or_default().trim();
    let line = match line.split_once(", last error: ") {
        Some((attempts, error)) if attempts.starts_with("unable to complete operation") => error,
        _ => line,
    };
    cut(line, MAX_QUOTED)
}

fn cut(text: &str, most: usize) -> String {
    let mut kept: String = text.chars().take(most).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

fn after<'a>(words: &'a str, mark: &str) -> Option<&'a str> {
    words.split_once(mark).map(|(_, rest)| rest.trim())
}

fn word_after<'a>(words: &'a str, mark: &str) -> Option<&'a str> {
    after(words, mark)?.split_whitespace().next()
}

impl Subject<'_> {
    /// The registry that an error is about; where the error names an image, that of the image,
    /// since logins may be asked for elsewhere.
    fn registry(&self) -> String {
        let of_image = registry_error::image(self.words).map(|image| plain::registry(&image));
        of_image
            .or_else(|| registry_error::host(self.words).map(plain::host))
            .unwrap_or_else(|| "the registry".to_owned())
    }

    fn image(&self, otherwise: &str) -> String {
        registry_error::image(self.words)
            .map_or_else(|| otherwise.to_owned(), |image| format!("`{image}`"))
    }

    fn at(&self) -> String {
        self.instruction.map_or_else(String::new, |instruction| {
            format!(" at `{}`", cut(instruction, MAX_INSTRUCTION))
        })
    }

    fn the_instruction(&self) -> String {
        self.instruction.map_or_else(
            || "a command of the Dockerfile".to_owned(),
            |instruction| format!("`{}`", cut(instruction, MAX_INSTRUCTION)),
        )
    }

    fn path(&self) -> String {
        let path = self.missing_path.unwrap_or_default();
        let path = path.strip_prefix("/workspace/").unwrap_or(path);
        match path.strip_prefix("/kaniko/deps/") {
            Some(path) => path
                .split_once('/')
                .map_or(path, |(_, path)| path)
                .to_owned(),
            None => path.to_owned(),
        }
    }
}
