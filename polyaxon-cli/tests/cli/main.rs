//! The command line against a hub in this process: exit statuses and every word that is printed.

mod check;
mod compile;
mod components;
mod convert;
mod docs;
mod error_pages;
mod fake_hub;
mod fmt;
mod follow;
mod hostile;
mod init;
mod ops;
mod process;
mod run;
mod runs;
mod sandbox;
mod schema;
mod settings;
mod trouble;
