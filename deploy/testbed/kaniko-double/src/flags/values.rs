//! Values of flags, and the words for values that cannot be read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::log::{self, Format, Level};

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing {}: invalid syntax",
            log::quote(text)
        )),
    }
}

pub(super) fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| {
        format!(
            "strconv.ParseInt: parsing {}: invalid syntax",
            log::quote(text)
        )
    })
}

/// A duration as `336h`, `1h30m` or `1.5s`; a number without a unit is an error unless it is 0.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {}", log::quote(text));
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let seconds = match unit {
            "" => {
                return Err(format!(
                    "time: missing unit in duration {}",
                    log::quote(text)
                ));
            }
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => {
                return Err(format!(
                    "time: unknown unit {} in duration {}",
                    log::quote(unit),
                    log::quote(text)
                ));
            }
        };
        total += Duration::try_from_secs_f64(number * seconds).map_err(|_| invalid())?;
        rest = after;
    }
    Ok(total)
}

pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("invalid argument value. expect key=value, got {text}"))
}

/// Adds `old=new;other=new2`; a registry may have several replacements.
pub(super) fn registry_map(
    text: &str,
    map: &mut BTreeMap<String, Vec<String>>,
) -> Result<(), String> {
    for part in text.split(';') {
        let (from, to) = pair(part)?;
        map.entry(from).or_default().push(to);
    }
    Ok(())
}

pub(super) fn image_format(text: &str) -> Result<String, String> {
    match text {
        "" | "docker" | "oci" => Ok(text.to_owned()),
        _ => Err("must be either \"docker\" or \"oci\"".to_owned()),
    }
}

pub(super) fn snapshot_mode(text: &str) -> Result<(), String> {
    match text {
        "full" => Ok(()),
        _ => Err(format!("{text} is not a valid snapshot mode")),
    }
}

pub(super) fn verbosity(text: &str) -> Result<Level, String> {
    Level::from_verbosity(text)
        .ok_or_else(|| format!("not a valid logrus Level: {}", log::quote(text)))
}

impl Format {
    /// The format when none was asked for.
    pub(crate) const DEFAULT: Self = Self::Color;
}
