//! The types of inputs and outputs.

pub mod image;
