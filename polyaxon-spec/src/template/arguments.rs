//! Arguments of filters, which may be given in order or by name.

use minijinja::value::{Kwargs, Rest};
use minijinja::{Error, ErrorKind, Value as Var};

/// Arguments by their places in the list of names; what was not given is undefined.
pub(super) struct Arguments {
    values: Vec<Var>,
}

impl Arguments {
    /// Reads arguments in order and by name, and refuses others than the known ones.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the engine gives them to filters by value"
    )]
    pub(super) fn read(given: Rest<Var>, named: Kwargs, known: &[&str]) -> Result<Self, Error> {
        let mut values = given.0;
        if values.len() > known.len() {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        for name in known.iter().skip(values.len()) {
            let value = named.get::<Option<Var>>(name)?;
            values.push(value.unwrap_or(Var::UNDEFINED));
        }
        named.assert_all_used()?;
        Ok(Self { values })
    }

    /// The argument at a place, if it was given.
    pub(super) fn get(&self, place: usize) -> Option<&Var> {
        self.values.get(place).filter(|value| !value.is_undefined())
    }

    /// Whether the argument at a place is given and true.
    pub(super) fn is_true(&self, place: usize) -> bool {
        self.get(place).is_some_and(Var::is_true)
    }

    /// The argument at a place as a size, or the default.
    pub(super) fn size(&self, place: usize, default: usize) -> Result<usize, Error> {
        match self.get(place) {
            None => Ok(default),
            Some(value) => value
                .as_usize()
                .ok_or_else(|| wrong(format!("`{value}` is no size"))),
        }
    }
}

/// An operation that cannot be carried out.
pub(super) fn wrong(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason.into())
}
