//! The hub's messages as documents (`-o json`) and rows. Field names are part of the interface.

pub(crate) mod access;
pub(crate) mod attempts;
pub(crate) mod build;
pub(crate) mod component;
pub(crate) mod failure;
pub(crate) mod finding;
pub(crate) mod log;
pub(crate) mod name;
pub(crate) mod result;
pub(crate) mod run;
pub(crate) mod summary;
