//! What an old file says about its image, as a `build` section.

use super::Old;
use super::node::{boolean, entry, list, map, text, text_at};
use crate::diagnostic::Code;
use crate::yaml::{Mapping, Node, Scalar, Value};

/// The component that builds.
const COMPONENT: &str = "kaniko";
/// Where an uploaded folder is, seen from the context of the build.
const UPLOADS: &str = "{{ globals.uuid }}/uploads";
/// Where the code of the image was.
const CODE: &str = "/code";
/// What early files had without saying so.
const LANGUAGE: &str = "en_US.UTF-8";
/// Files that steps could use because they were copied before the code.
const SPECIAL: &[&str] = &[
    "polyaxon_requirements.txt",
    "requirements.txt",
    "polyaxon_conda_env.yaml",
    "polyaxon_conda_env.yml",
    "conda_env.yaml",
    "conda_env.yml",
    "polyaxon_setup.sh",
    "setup.sh",
];
/// Fields of `run` that are about the image.
pub(super) const IMAGE_FIELDS: &[&str] = &["image", "steps", "build_steps", "env_vars", "git"];

type Fields = Vec<(&'static str, Node)>;

impl Old {
    /// `build`, for a file that also runs something.
    pub(super) fn build_section(&mut self, root: &Mapping) -> Option<(&'static str, Node)> {
        let (section, at, fields) = self.image_section(root)?;
        let mut build = vec![("hubRef", text(COMPONENT))];
        build.extend(self.build(section, &at, &fields));
        self.note(
            &at,
            section,
            "the image is built by a run of its own, in the section `build`",
            "name the registry in `build.connection`, and what the image is called in `build.params.destination`",
        );
        Some(("build", map(build)))
    }

    /// A file that only builds is an operation of the component that builds.
    pub(super) fn build_alone(&mut self, node: &Node, root: &Mapping) -> Fields {
        let Some((section, at, fields)) = self.image_section(root) else {
            self.error(
                Code::MissingField,
                node,
                "build",
                "there is no image to build",
            )
            .help = Some("add `build: {image: ...}`".into());
            return Vec::new();
        };
        self.note(
            &at,
            section,
            "the image is built by the component `kaniko`",
            "name the image and its registry: `params: {destination: {value: ..., connection: ...}}`",
        );
        let mut operation = vec![("hubRef", text(COMPONENT))];
        operation.extend(self.build(section, &at, &fields));
        operation
    }

    /// The section that says what the image is made of: `build`, or in the earliest files `run`.
    fn image_section(&mut self, root: &Mapping) -> Option<(&'static str, Node, Mapping)> {
        let of =
            |name: &str| entry(root, name).filter(|node| matches!(node.value, Value::Mapping(_)));
        if let Some(build) = of("build") {
            if let Some(run) = of("run").and_then(|run| run.value.as_mapping()) {
                for name in IMAGE_FIELDS {
                    if let Some(written) = run.get(*name) {
                        let message =
                            format!("`run.{name}` and `build` both say what the image is");
                        self.error(
                            Code::Conflict,
                            &written.key,
                            &format!("run.{name}"),
                            message,
                        );
                    }
                }
            }
            let key = root.get("build")?.key.clone();
            return Some(("build", key, build.value.as_mapping()?.clone()));
        }
        let run = of("run")?;
        let fields = run.value.as_mapping()?;
        fields.contains_key("image").then(|| {
            let fields = fields
                .iter()
                .filter(|(name, _)| IMAGE_FIELDS.contains(&name.as_str()))
                .map(|(name, written)| (name.clone(), written.clone()))
                .collect();
            Some(("run", root.get("run")?.key.clone(), fields))
        })?
    }

    /// Params and initializers of the run that builds.
    fn build(&mut self, section: &str, at: &Node, fields: &Mapping) -> Fields {
        const KNOWN: &[&str] = &[
            "image",
            "steps",
            "build_steps",
            "env_vars",
            "git",
            "ref",
            "branch",
            "commit",
            "dockerfile",
            "context",
            "backend",
            "nocache",
            "lang_env",
        ];
        for (name, written) in fields {
            if !KNOWN.contains(&name.as_str()) {
                self.no_form(&written.key, &format!("{section}.{name}"));
            }
        }
        let repository = entry(fields, "git").and_then(|git| self.repository(section, git, fields));
        let code = repository
            .as_ref()
            .map_or_else(|| UPLOADS.to_owned(), |(folder, _)| folder.clone());
        let mut inits: Vec<Node> = repository.into_iter().map(|(_, init)| init).collect();
        if inits.is_empty() {
            self.note(
                at,
                section,
                "the code of the working directory is a part of the image",
                "this version uploads no folders: bring the code with an entry `git` in `build.runPatch.init`",
            );
        }
        let mut params = Vec::new();
        if let Some(dockerfile) = entry(fields, "dockerfile") {
            params.extend(self.written_dockerfile(section, fields, dockerfile, &code));
        } else {
            inits.extend(self.generated_dockerfile(section, at, fields, &code));
        }
        if entry(fields, "nocache").is_some_and(|value| value.to_json() == true) {
            params.push(("cache", map(vec![("value", boolean(false))])));
        }
        let mut build = Vec::new();
        if !params.is_empty() {
            build.push(("params", map(params)));
        }
        if !inits.is_empty() {
            build.push(("runPatch", map(vec![("init", list(inits))])));
        }
        build
    }

    /// The folder of the code, and the initializer that brings it.
    fn repository(
        &mut self,
        section: &str,
        git: &Node,
        fields: &Mapping,
    ) -> Option<(String, Node)> {
        let nested = git.value.as_mapping();
        let url = match nested {
            Some(nested) => entry(nested, "url").or_else(|| entry(nested, "git")),
            None => Some(git),
        };
        let Some(url) = url.filter(|url| url.value.as_text().is_some()) else {
            self.error(
                Code::WrongType,
                git,
                &format!("{section}.git"),
                "`git` takes an url",
            );
            return None;
        };
        let revision = ["ref", "commit", "revision", "branch"]
            .into_iter()
            .find_map(|name| {
                entry(fields, name).or_else(|| nested.and_then(|nested| entry(nested, name)))
            });
        let address = url.value.as_text().unwrap_or_default();
        let last = address
            .trim_end_matches('/')
            .rsplit(['/', ':'])
            .next()
            .unwrap_or_default();
        let folder = last.split('.').next().unwrap_or_default().to_owned();
        let mut source = vec![("url", url.clone())];
        source.extend(revision.map(|revision| ("revision", as_text(revision))));
        Some((folder, map(vec![("git", map(source))])))
    }

    /// A Dockerfile of the code.
    fn written_dockerfile(
        &mut self,
        section: &str,
        fields: &Mapping,
        dockerfile: &Node,
        code: &str,
    ) -> Fields {
        for name in ["image", "build_steps", "steps", "env_vars", "lang_env"] {
            if let Some(written) = fields.get(name) {
                let message = format!("`{name}` and `dockerfile` both say how the image is made");
                self.error(
                    Code::Conflict,
                    &written.key,
                    &format!("{section}.{name}"),
                    message,
                );
            }
        }
        let folder = entry(fields, "context")
            .and_then(|context| context.value.as_text())
            .unwrap_or(".");
        let folder = folder.trim_start_matches("./").trim_end_matches('/');
        let root = format!("{{{{ globals.artifacts_path }}}}/{code}");
        let context = match folder {
            "" | "." => root.clone(),
            folder => format!("{root}/{folder}"),
        };
        let path = dockerfile
            .value
            .as_text()
            .unwrap_or_default()
            .trim_start_matches("./");
        let value = |text: &str| map(vec![("value", text_at(text, dockerfile))]);
        vec![
            ("context", value(&context)),
            ("dockerfile", value(&format!("{root}/{path}"))),
        ]
    }

    /// A Dockerfile from the fields of the file, in the order that they had.
    fn generated_dockerfile(
        &mut self,
        section: &str,
        at: &Node,
        fields: &Mapping,
        code: &str,
    ) -> Option<Node> {
        let Some(image) = entry(fields, "image") else {
            self.error(
                Code::MissingField,
                at,
                section,
                "there is no image to start from",
            )
            .help = Some("add `image:`".into());
            return None;
        };
        let mut dockerfile = vec![("image", image.clone())];
        if let Some(variables) = entry(fields, "env_vars") {
            self.check_pairs(section, variables);
            dockerfile.push(("env", as_pairs(variables)));
        }
        let language = match entry(fields, "lang_env") {
            Some(language) => Some(language.clone()),
            None => (section == "run").then(|| text(LANGUAGE)),
        };
        dockerfile.extend(language.map(|language| ("langEnv", language)));
        let steps = entry(fields, "build_steps").or_else(|| entry(fields, "steps"));
        if let Some(steps) = steps {
            let (copied, run) = with_files(steps, code);
            if !copied.is_empty() {
                dockerfile.push(("copy", list(copied)));
            }
            dockerfile.push(("run", run));
        }
        dockerfile.push(("workdir", text(CODE)));
        dockerfile.push(("workdirPath", text(code)));
        Some(map(vec![("dockerfile", map(dockerfile))]))
    }

    fn check_pairs(&mut self, section: &str, variables: &Node) {
        let Value::Sequence(items) = &variables.value else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            if !matches!(&item.value, Value::Sequence(pair) if pair.len() == 2) {
                let field = format!("{section}.env_vars[{index}]");
                self.error(
                    Code::BadValue,
                    item,
                    &field,
                    "a variable is a list of two: name and value",
                );
            }
        }
    }
}

/// Variables whose names and values are text, as they have to be now.
fn as_pairs(variables: &Node) -> Node {
    let Value::Sequence(items) = &variables.value else {
        return variables.clone();
    };
    let pairs = items.iter().map(|item| match &item.value {
        Value::Sequence(pair) => Node {
            value: Value::Sequence(pair.iter().map(scalar_as_text).collect()),
            span: item.span.clone(),
        },
        _ => item.clone(),
    });
    Node {
        value: Value::Sequence(pairs.collect()),
        span: variables.span.clone(),
    }
}

fn scalar_as_text(node: &Node) -> Node {
    match &node.value {
        Value::Scalar(scalar) if *scalar != Scalar::Null => as_text(node),
        _ => node.clone(),
    }
}

/// A value that has to be text now, as it was written.
fn as_text(node: &Node) -> Node {
    match node.value.as_text() {
        Some(_) => node.clone(),
        None => text_at(node.written().unwrap_or_default(), node),
    }
}

/// The files that steps use, to be copied before them, and the steps; scripts become executable first.
fn with_files(steps: &Node, code: &str) -> (Vec<Node>, Node) {
    let Value::Sequence(items) = &steps.value else {
        return (Vec::new(), steps.clone());
    };
    let mut copied: Vec<String> = Vec::new();
    let mut run = Vec::new();
    for step in items {
        for (file, is_script) in step.value.as_text().map(files_of).unwrap_or_default() {
            if copied.contains(&file) {
                continue;
            }
            if is_script {
                run.push(text(&format!("chmod +x {file}")));
            }
            copied.push(file);
        }
        run.push(step.clone());
    }
    let copied = copied
        .iter()
        .map(|file| {
            list(vec![
                text(&format!("{code}/{file}")),
                text(&format!("{CODE}/{file}")),
            ])
        })
        .collect();
    let run = Node {
        value: Value::Sequence(run),
        span: steps.span.clone(),
    };
    (copied, run)
}

/// The files of the code that a step names, each with whether it is run.
fn files_of(step: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut words = step
        .split_whitespace()
        .map(|word| word.trim_end_matches([';', '&']))
        .peekable();
    while let Some(word) = words.next() {
        if matches!(word, "-r" | "--requirement") {
            if let Some(file) = words.peek().filter(|file| is_relative(file)) {
                found.push(((*file).trim_start_matches("./").to_owned(), false));
                words.next();
            }
            continue;
        }
        let file = word.trim_start_matches("./");
        let is_script = word.starts_with("./");
        if is_relative(word) && (is_script || SPECIAL.contains(&file)) && !file.is_empty() {
            found.push((file.to_owned(), is_script));
        }
    }
    found
}

fn is_relative(file: &str) -> bool {
    !file.starts_with(['/', '-', '$', '~']) && !file.contains("..") && !file.contains("://")
}
