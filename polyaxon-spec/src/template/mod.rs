//! Templates in the reference's dialect.

pub mod python;
