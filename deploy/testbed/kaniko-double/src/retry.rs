//! Whole operations that are tried again.

use std::fmt::Display;
use std::time::Duration;

use crate::log::Log;

/// Tries an operation again `times` times, after 1 s, 2 s, 4 s, ….
///
/// # Errors
///
/// What the last try said.
pub(crate) fn retry<T, E: Display>(
    times: u32,
    log: &Log,
    mut operation: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut pause = Duration::from_secs(1);
    for _ in 0..times {
        match operation() {
            Ok(value) => return Ok(value),
            Err(error) => {
                log.warn(format_args!(
                    "Retrying operation after {}s due to {error}",
                    pause.as_secs()
                ));
                std::thread::sleep(pause);
                pause *= 2;
            }
        }
    }
    operation()
}
