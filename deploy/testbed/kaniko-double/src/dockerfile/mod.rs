//! Dockerfiles: text to stages.

pub(crate) mod expand;
mod instruction;
mod lines;
mod stages;
mod words;

pub(crate) use instruction::{Copy, Form, Instruction, Kind};
pub(crate) use stages::{Dockerfile, Plan, Stage, parse};

/// Why a Dockerfile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// An instruction that is not well formed.
    #[error("dockerfile parse error on line {line}: {reason}")]
    Line {
        /// Line where the instruction starts, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The file as a whole is wrong.
    #[error("{0}")]
    File(String),
    /// The real executor knows it, the double does not.
    #[error("{0}")]
    Unsupported(String),
}

#[cfg(test)]
mod tests;
