//! Asking a registry whether it has what a build says that it pushed.

mod ask;
mod confirm;
mod credentials;
mod manifest;
mod reference;
mod token;

pub use ask::{Answer, Registry, RegistryError};
pub use confirm::{Confirmation, LONGEST_PAUSE, PATIENCE};
pub use credentials::{Credentials, CredentialsError, of_folder as credentials_of};
pub use manifest::ImageSize;
pub use reference::{InvalidReference, Reference};
