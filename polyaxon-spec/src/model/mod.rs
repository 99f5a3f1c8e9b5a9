//! What a file may say: tables of fields, section by section, and the checker that reads a value tree by them.
//!
//! A section is a table in the file of its topic; the structs beside the tables are what later stages read.

mod checker;
mod container;
mod distributed;
mod document;
mod hyper_param;
mod init;
mod io;
mod kubernetes;
mod matrix;
mod orchestration;
mod path;
pub(crate) mod quantity;
mod root;
mod run;
mod sections;
mod shortcuts;
pub(crate) mod suggest;
mod table;

pub use init::{Git, Init, bad_image};
pub use io::{Io, Param};
pub(crate) use io::{RESERVED, param, read_ios};
pub use run::Environment;
pub use sections::{Plugins, Termination};
pub use suggest::nearest;
pub use table::{CustomKind, Field, Kind, Model, Object};

pub(crate) use checker::Checker;
pub(crate) use distributed::{is_replica, pods_of, replicas_of};
pub(crate) use document::{Document, check_is_mapping, refuse_errors};
pub(crate) use path::Path;
pub(crate) use root::{REFERENCES, ROOT, SHORTCUTS};
pub(crate) use run::{any_run, check_run, runtime_of, runtimes};
pub(crate) use sections::mount;
pub(crate) use shortcuts::PORT;
