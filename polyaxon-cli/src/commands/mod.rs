//! One command per file: its arguments, whose comments are the help text, and what it does.

pub(crate) mod admin;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod completion;
pub(crate) mod components;
pub(crate) mod config;
pub(crate) mod convert;
pub(crate) mod fmt;
pub(crate) mod init;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod ops;
pub(crate) mod project;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod version;
pub(crate) mod whoami;
