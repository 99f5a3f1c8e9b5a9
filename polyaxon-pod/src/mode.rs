//! File modes as `chmod` reads them: `755`, `+x`, `u=rw,go=r`.

use thiserror::Error;

/// A mode that `chmod` would not read either.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a file mode: write it like `755`, `+x` or `u=rw,go=r`")]
pub(crate) struct ModeError(String);

/// Applies `change` to the permission bits `mode`.
pub(crate) fn apply(change: &str, mode: u32) -> Result<u32, ModeError> {
    let wrong = || ModeError(change.to_owned());
    if !change.is_empty() && change.bytes().all(|byte| byte.is_ascii_digit()) {
        return u32::from_str_radix(change, 8)
            .ok()
            .filter(|bits| *bits <= 0o7777)
            .ok_or_else(wrong);
    }
    change
        .split(',')
        .try_fold(mode, |mode, clause| apply_clause(clause, mode))
        .ok_or_else(wrong)
}

fn apply_clause(clause: &str, mode: u32) -> Option<u32> {
    let at = clause.find(['+', '-', '='])?;
    let (who, rest) = clause.split_at(at);
    let mut letters = rest.chars();
    let operator = letters.next()?;
    let classes = classes(who)?;
    let mut bits = 0;
    for letter in letters {
        bits |= match letter {
            'r' => 0o444,
            'w' => 0o222,
            'x' => 0o111,
            'X' if mode & 0o111 != 0 => 0o111,
            'X' => 0,
            _ => return None,
        };
    }
    let bits = bits & classes;
    match operator {
        '+' => Some(mode | bits),
        '-' => Some(mode & !bits),
        '=' => Some((mode & !classes) | bits),
        _ => None,
    }
}

fn classes(who: &str) -> Option<u32> {
    if who.is_empty() {
        return Some(0o777);
    }
    who.chars().try_fold(0, |bits, letter| {
        Some(
            bits | match letter {
                'u' => 0o700,
                'g' => 0o070,
                'o' => 0o007,
                'a' => 0o777,
                _ => return None,
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("755", 0o644, 0o755)]
    #[case("0600", 0o644, 0o600)]
    #[case("+x", 0o644, 0o755)]
    #[case("u+x", 0o644, 0o744)]
    #[case("go-r", 0o644, 0o600)]
    #[case("u=rw,go=r", 0o777, 0o644)]
    #[case("a+X", 0o644, 0o644)]
    #[case("a+X", 0o744, 0o755)]
    fn modes_change_as_with_chmod(#[case] change: &str, #[case] before: u32, #[case] after: u32) {
        assert_eq!(apply(change, before), Ok(after));
    }

    #[rstest]
    #[case("")]
    #[case("rwx")]
    #[case("999")]
    #[case("77777")]
    #[case("q+x")]
    #[case("u+q")]
    #[case("+x,")]
    fn others_are_refused(#[case] change: &str) {
        assert_eq!(apply(change, 0o644), Err(ModeError(change.to_owned())));
    }
}
