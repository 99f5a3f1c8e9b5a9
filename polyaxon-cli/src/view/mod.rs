//! The hub's messages as documents (`-o json`) and rows. Field names are part of the interface.

pub(crate) mod access;
pub(crate) mod name;
pub(crate) mod run;
