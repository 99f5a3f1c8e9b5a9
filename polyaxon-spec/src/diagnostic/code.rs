//! The stable names of the rules.

/// Which rule a diagnostic is about. Prints as `PX0101`; a code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum Code {
    /// The text is larger than the limit.
    TooLarge,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text contains bytes that no text has.
    NotText,
    /// The text is not YAML.
    Syntax,
    /// The file says nothing.
    Empty,
    /// The file holds a second document.
    SecondDocument,
    /// A key is given twice; the last one counts.
    DuplicateKey,
    /// Nesting, aliases or the number of values exceed a limit.
    Limit,
    /// A tag, alias, merge key or key that cannot be read.
    UnsupportedYaml,
    /// A number that does not fit.
    BadNumber,
    /// Plain text that YAML 1.1, by which files are read, and 1.2 take differently.
    VersionsDiffer,

    /// The document is not a mapping.
    NotAMapping,
    /// A `kind` that does not exist.
    UnknownKind,
    /// A field that does not exist.
    UnknownField,
    /// A value of the wrong type.
    WrongType,
    /// A value outside of what the field allows.
    BadValue,
    /// A field that is missing.
    MissingField,
    /// Fields that exclude each other.
    Conflict,
    /// A field that is kept for old files and does nothing.
    Deprecated,
    /// An input or output that contradicts itself.
    BadIo,

    /// A reference that cannot be parsed.
    BadReference,
    /// More than one reference.
    TooManyReferences,
    /// References that lead back to themselves.
    ReferenceCycle,
    /// A reference that has not been fetched.
    UnresolvedReference,
    /// A component or version that does not exist.
    UnknownComponent,

    /// A `-P` argument that cannot be parsed.
    BadParamFlag,
    /// A required input or output without a param.
    MissingParam,
    /// A param whose value does not fit its type.
    WrongParamType,
    /// A param that nothing declares.
    UndeclaredParam,
    /// A param that cannot be turned into an initializer.
    BadInitializer,
    /// A `--queue` or queue name that cannot be parsed.
    BadQueue,

    /// Nothing to run.
    NoRun,
    /// A `runPatch` that does not fit the run.
    BadRunPatch,
    /// A template that has to be edited first.
    TemplateEnabled,
    /// A `{{ }}` that is not well formed.
    TemplateSyntax,
    /// A `{{ }}` that cannot be evaluated.
    TemplateFailed,
    /// A connection that the catalog does not have.
    UnknownConnection,
    /// A namespace that the agent does not manage.
    UnknownNamespace,
    /// A preset that does not exist.
    UnknownPreset,
    /// A run that cannot be planned.
    CannotPlan,
    /// Something that this version does not support.
    Unsupported,

    /// A setting of the agent that is wrong.
    BadAgentConfig,
    /// Something that the policy of the agent denies.
    PolicyDenied,
    /// A flag of the executor that is refused.
    RefusedFlag,
    /// A Dockerfile that cannot be generated.
    BadDockerfile,
}

impl Code {
    /// The printed form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "PX0101",
            Self::NotUtf8 => "PX0102",
            Self::NotText => "PX0103",
            Self::Syntax => "PX0104",
            Self::Empty => "PX0105",
            Self::SecondDocument => "PX0106",
            Self::DuplicateKey => "PX0107",
            Self::Limit => "PX0108",
            Self::UnsupportedYaml => "PX0109",
            Self::BadNumber => "PX0110",
            Self::VersionsDiffer => "PX0111",
            Self::NotAMapping => "PX0201",
            Self::UnknownKind => "PX0202",
            Self::UnknownField => "PX0203",
            Self::WrongType => "PX0204",
            Self::BadValue => "PX0205",
            Self::MissingField => "PX0206",
            Self::Conflict => "PX0207",
            Self::Deprecated => "PX0208",
            Self::BadIo => "PX0209",
            Self::BadReference => "PX0301",
            Self::TooManyReferences => "PX0302",
            Self::ReferenceCycle => "PX0303",
            Self::UnresolvedReference => "PX0304",
            Self::UnknownComponent => "PX0305",
            Self::BadParamFlag => "PX0401",
            Self::MissingParam => "PX0402",
            Self::WrongParamType => "PX0403",
            Self::UndeclaredParam => "PX0404",
            Self::BadInitializer => "PX0405",
            Self::BadQueue => "PX0406",
            Self::NoRun => "PX0501",
            Self::BadRunPatch => "PX0502",
            Self::TemplateEnabled => "PX0503",
            Self::TemplateSyntax => "PX0504",
            Self::TemplateFailed => "PX0505",
            Self::UnknownConnection => "PX0506",
            Self::UnknownNamespace => "PX0507",
            Self::UnknownPreset => "PX0508",
            Self::CannotPlan => "PX0509",
            Self::Unsupported => "PX0510",
            Self::BadAgentConfig => "PX0601",
            Self::PolicyDenied => "PX0602",
            Self::RefusedFlag => "PX0603",
            Self::BadDockerfile => "PX0604",
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn printed_codes_are_unique() {
        let printed: HashSet<_> = Code::iter().map(Code::as_str).collect();
        assert_eq!(printed.len(), Code::iter().count());
    }
}
