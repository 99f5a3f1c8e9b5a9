//! Where in the Dockerfile an instruction of the log stands.

/// An instruction with the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// As written, continuation lines joined.
    pub text: String,
    /// Counts from 1.
    pub line: u32,
    /// Index of its stage; instructions before the first `FROM` have none.
    pub stage: Option<u32>,
}

/// The instructions of a Dockerfile, read as far as finding one again needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instructions(Vec<Instruction>);

/// Text without regard to blanks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

fn keyword(text: &str) -> String {
    text.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase()
}

/// Delimiters of the here-documents that an instruction opens.
fn here_documents(text: &str) -> Vec<String> {
    if !matches!(keyword(text).as_str(), "RUN" | "COPY" | "ADD") {
        return Vec::new();
    }
    text.split_whitespace()
        .filter_map(|word| word.strip_prefix("<<"))
        .map(|word| {
            word.trim_start_matches('-')
                .trim_matches(['"', '\''])
                .to_owned()
        })
        .filter(|word| word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'))
        .collect()
}

impl Instructions {
    /// Reads the text of a Dockerfile; what is not understood is passed over.
    pub fn read(text: &str) -> Self {
        let escape = text
            .lines()
            .map_while(|line| line.trim().strip_prefix('#'))
            .find_map(|comment| comment.trim().strip_prefix("escape=`").map(|_| '`'))
            .unwrap_or('\\');
        let mut found = Vec::new();
        let mut stage = None;
        let mut lines = (1_u32..).zip(text.lines());
        while let Some((number, line)) = lines.next() {
            let trimmed = line.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let mut joined = String::new();
            let mut part = trimmed;
            while let Some(open) = part.trim_end().strip_suffix(escape) {
                joined.push_str(open);
                let next = lines.by_ref().map(|(_, line)| line).find(|line| {
                    let line = line.trim();
                    !line.is_empty() && !line.starts_with('#')
                });
                part = next.unwrap_or_default();
            }
            joined.push_str(part);
            let joined = joined.trim().to_owned();
            for delimiter in here_documents(&joined) {
                lines
                    .by_ref()
                    .find(|(_, line)| line.trim_start_matches('\t').trim_end() == delimiter);
            }
            if keyword(&joined) == "FROM" {
                stage = Some(stage.map_or(0, |stage: u32| stage.saturating_add(1)));
            }
            found.push(Instruction {
                text: joined,
                line: number,
                stage,
            });
        }
        Self(found)
    }

    /// The instruction that the log names, the `nth` (from 0) of equal ones.
    pub fn find(&self, text: &str, stage: Option<u32>, nth: usize) -> Option<&Instruction> {
        let same = |instruction: &&Instruction| {
            instruction.text == text && (stage.is_none() || instruction.stage == stage)
        };
        self.0
            .iter()
            .filter(same)
            .nth(nth)
            .or_else(|| self.0.iter().find(same))
            .or_else(|| self.0.iter().find(|instruction| instruction.text == text))
            .or_else(|| {
                let mut alike = self
                    .0
                    .iter()
                    .filter(|instruction| words(&instruction.text).eq(words(text)));
                alike.next().filter(|_| alike.next().is_none())
            })
    }

    /// The `COPY` or `ADD` that asks for `path`, an absolute path inside of the executor.
    pub fn copying(&self, path: &str) -> Option<&Instruction> {
        let dependency = path.strip_prefix("/kaniko/deps/");
        self.0.iter().find(|instruction| {
            let Some((from, sources)) = copied(&instruction.text) else {
                return false;
            };
            let asks = sources.iter().any(|source| {
                let source = source.trim_start_matches("./").trim_matches('/');
                !source.is_empty() && path.ends_with(&format!("/{source}"))
            });
            let origin = match (dependency, from) {
                (None, None) => true,
                (Some(dependency), Some(from)) => {
                    let index = self.stage_of(from).map(|index| format!("{index}/"));
                    dependency.starts_with(&format!("{from}/"))
                        || index.is_some_and(|index| dependency.starts_with(&index))
                }
                _ => false,
            };
            asks && origin
        })
    }

    fn stage_of(&self, name: &str) -> Option<u32> {
        self.stages()
            .find(|(_, stage)| stage.is_some_and(|stage| stage.eq_ignore_ascii_case(name)))
            .map(|(index, _)| index)
    }

    fn stages(&self) -> impl Iterator<Item = (u32, Option<&str>)> {
        self.froms()
            .map(|(stage, words)| (stage, words.get(2).copied()))
    }

    fn froms(&self) -> impl Iterator<Item = (u32, Vec<&str>)> {
        self.0
            .iter()
            .filter(|instruction| keyword(&instruction.text) == "FROM")
            .filter_map(|instruction| {
                let words = instruction
                    .text
                    .split_whitespace()
                    .skip(1)
                    .filter(|word| !word.starts_with("--"))
                    .collect();
                instruction.stage.map(|stage| (stage, words))
            })
    }

    /// Base images in the order of the file, then those that `COPY --from` names; `ARG`s before
    /// the first `FROM` are filled in, names and numbers of stages are none. `arguments`
    /// (`NAME=value`) win over defaults.
    pub fn base_images(&self, arguments: &[String]) -> Vec<String> {
        let declared = self
            .0
            .iter()
            .take_while(|instruction| instruction.stage.is_none())
            .filter_map(|instruction| instruction.text.split_once(char::is_whitespace))
            .filter(|(word, _)| word.eq_ignore_ascii_case("ARG"))
            .flat_map(|(_, rest)| rest.split_whitespace());
        let values: Vec<(&str, &str)> = declared
            .map(|word| {
                let (name, default) = word.split_once('=').unwrap_or((word, ""));
                let given = arguments
                    .iter()
                    .filter_map(|argument| argument.split_once('='))
                    .find(|(given, _)| *given == name);
                (
                    name,
                    given.map_or(default.trim_matches('"'), |(_, value)| value),
                )
            })
            .collect();
        let mut names: Vec<String> = Vec::new();
        let mut images: Vec<String> = Vec::new();
        for (_, words) in self.froms() {
            let Some(image) = words.first().map(|image| fill(image, &values)) else {
                continue;
            };
            let is_stage = names.iter().any(|name| name.eq_ignore_ascii_case(&image));
            if !is_stage && !images.contains(&image) {
                images.push(image);
            }
            if let Some(name) = words.get(2) {
                names.push((*name).to_owned());
            }
        }
        let copied = self
            .0
            .iter()
            .filter_map(|instruction| copied(&instruction.text)?.0);
        for image in copied {
            let is_stage = names.iter().any(|name| name.eq_ignore_ascii_case(image))
                || image.bytes().all(|byte| byte.is_ascii_digit());
            if !is_stage && !images.iter().any(|known| known == image) {
                images.push(image.to_owned());
            }
        }
        images
    }
}

/// `$NAME`, `${NAME}` and `${NAME:-default}` replaced.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = text.to_owned();
    for (name, value) in values {
        filled = filled
            .replace(&format!("${{{name}}}"), value)
            .replace(&format!("${name}"), value);
        while let Some((before, after)) = filled.split_once(&format!("${{{name}:-")) {
            let (default, rest) = after.split_once('}').unwrap_or((after, ""));
            let chosen = if value.is_empty() { default } else { value };
            filled = format!("{before}{chosen}{rest}");
        }
    }
    filled
}

/// `--from` and the sources of a `COPY` or `ADD`.
fn copied(text: &str) -> Option<(Option<&str>, Vec<String>)> {
    if !matches!(keyword(text).as_str(), "COPY" | "ADD") {
        return None;
    }
    let (_, mut rest) = text.split_once(char::is_whitespace)?;
    let mut from = None;
    loop {
        rest = rest.trim_start();
        let Some(flag) = rest.strip_prefix("--") else {
            break;
        };
        let (flag, after) = flag.split_once(char::is_whitespace)?;
        from = flag.strip_prefix("from=").or(from);
        rest = after;
    }
    let mut words: Vec<String> = serde_json::from_str(rest)
        .unwrap_or_else(|_| rest.split_whitespace().map(str::to_owned).collect());
    words.pop();
    Some((from, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# syntax
ARG TAG=3
FROM acme/base:${TAG} AS build
RUN make \\
  # why
  all
COPY [\"a b.txt\", \"/x/\"]
RUN <<EOF
COPY not/this /one
EOF
FROM other:${V:-1}
RUN make   all
COPY --chown=1:1 --from=build /dist/app /app
COPY ./src/main.py /srv/
";

    #[test]
    fn instructions_are_found_with_their_line() {
        let file = Instructions::read(FILE);
        let line = |text: &str, nth| file.find(text, None, nth).map(|found| found.line);
        assert_eq!(line("RUN make   all", 0), Some(4));
        assert_eq!(line("RUN make   all", 1), Some(12));
        assert_eq!(line("RUN nothing", 0), None);
    }

    #[test]
    fn a_missing_path_leads_to_its_instruction() {
        let file = Instructions::read(FILE);
        let line = |path: &str| file.copying(path).map(|found| found.line);
        assert_eq!(line("/workspace/a b.txt"), Some(7));
        assert_eq!(line("/kaniko/deps/0/dist/app"), Some(13));
        assert_eq!(line("/workspace/dist/app"), None);
        assert_eq!(line("/workspace/src/main.py"), Some(14));
        assert_eq!(line("/workspace/not/this"), None);
    }

    #[test]
    fn base_images_are_those_of_the_stages() {
        let file = Instructions::read(
            "ARG V=2\nARG W\nFROM a:$V AS one\nFROM one\nFROM b:${W:-9}\nFROM a:${V}\n",
        );
        assert_eq!(file.base_images(&[]), ["a:2", "b:9"]);
        assert_eq!(file.base_images(&["V=7".to_owned()]), ["a:7", "b:9"]);
    }
}
