//! A container's output on its way to the hub: nothing is lost, nothing is sent as new twice.

mod follow;
mod position;
mod shipper;
mod window;

pub use follow::{Readers, follow};
pub use position::{Fresh, Position};
pub use shipper::{Feed, Shipper};
pub use window::{Answer, Chunk, ContainerKey, MAX_CHUNK, MAX_UNACKED, Window};
