//! Expansion of variables and removal of quotes in the words of an instruction.

use std::collections::BTreeMap;

/// Values of variables; a name that is missing is unset.
pub(crate) type Variables = BTreeMap<String, String>;

/// Expands a word; unset variables become empty.
///
/// # Errors
///
/// A reason in the words of the parser: an open brace or quote, or an unset `${name:?}`.
pub(crate) fn expand(word: &str, variables: &Variables, escape: char) -> Result<String, String> {
    let mut reader = Reader {
        chars: word.chars().collect(),
        at: 0,
        variables,
        escape,
    };
    let expanded = reader
        .until(None)
        .map_err(|reason| format!("failed to process {}: {reason}", crate::log::quote(word)))?;
    Ok(expanded)
}

struct Reader<'a> {
    chars: Vec<char>,
    at: usize,
    variables: &'a Variables,
    escape: char,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    /// Reads up to a closing character, which is consumed, or to the end.
    fn until(&mut self, close: Option<char>) -> Result<String, String> {
        let mut out = String::new();
        loop {
            let Some(c) = self.next() else {
                return if close.is_none() {
                    Ok(out)
                } else {
                    Err("syntax error: missing '}'".to_owned())
                };
            };
            match c {
                c if Some(c) == close => return Ok(out),
                '\'' => self.single_quoted(&mut out)?,
                '"' => self.double_quoted(&mut out)?,
                '$' => out.push_str(&self.variable()?),
                c if c == self.escape => match self.next() {
                    Some(next) => out.push(next),
                    None => out.push(c),
                },
                c => out.push(c),
            }
        }
    }

    fn single_quoted(&mut self, out: &mut String) -> Result<(), String> {
        loop {
            match self.next() {
                None => {
                    return Err(
                        "unexpected end of statement while looking for matching single-quote"
                            .to_owned(),
                    );
                }
                Some('\'') => return Ok(()),
                Some(c) => out.push(c),
            }
        }
    }

    fn double_quoted(&mut self, out: &mut String) -> Result<(), String> {
        loop {
            match self.next() {
                None => {
                    return Err(
                        "unexpected end of statement while looking for matching double-quote"
                            .to_owned(),
                    );
                }
                Some('"') => return Ok(()),
                Some('$') => out.push_str(&self.variable()?),
                Some(c) if c == self.escape => match self.peek() {
                    Some(next) if next == '"' || next == '$' || next == self.escape => {
                        self.at += 1;
                        out.push(next);
                    }
                    _ => out.push(c),
                },
                Some(c) => out.push(c),
            }
        }
    }

    /// What follows a dollar sign.
    fn variable(&mut self) -> Result<String, String> {
        if self.peek() != Some('{') {
            let name = self.name();
            return Ok(if name.is_empty() {
                "$".to_owned()
            } else {
                self.value(&name).unwrap_or_default()
            });
        }
        self.at += 1;
        let name = self.name();
        if name.is_empty() {
            return Err("syntax error: bad substitution".to_owned());
        }
        match self.next() {
            None => Err("syntax error: missing '}'".to_owned()),
            Some('}') => Ok(self.value(&name).unwrap_or_default()),
            Some(':') => match self.next() {
                Some(operator) => self.modified(&name, operator, true),
                None => Err("syntax error: missing '}'".to_owned()),
            },
            Some(operator) => self.modified(&name, operator, false),
        }
    }

    fn modified(
        &mut self,
        name: &str,
        operator: char,
        empty_is_unset: bool,
    ) -> Result<String, String> {
        let word = self.until(Some('}'))?;
        let value = self
            .value(name)
            .filter(|value| !(empty_is_unset && value.is_empty()));
        match operator {
            '-' => Ok(value.unwrap_or(word)),
            '+' => Ok(value.map(|_| word).unwrap_or_default()),
            '?' => value.ok_or_else(|| {
                if word.is_empty() {
                    format!("{name}: is not allowed to be unset")
                } else {
                    format!("{name}: {word}")
                }
            }),
            other => Err(format!("unsupported modifier ({other}) in substitution")),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if !(c == '_' || c.is_ascii_alphanumeric()) {
                break;
            }
            name.push(c);
            self.at += 1;
        }
        name
    }

    fn value(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}
