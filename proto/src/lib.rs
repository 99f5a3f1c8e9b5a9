//! The gRPC protocol between hub, agent and command line.
//!
//! Generated code is checked in under `src/generated`; `cargo run -p xtask -- proto` renews it.

mod redacted;
pub mod version;

/// Encoded `FileDescriptorSet` of all services, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptors.bin");

macro_rules! package {
    ($module:ident, $file:literal, $doc:literal) => {
        #[doc = $doc]
        pub mod $module {
            #[doc = $doc]
            #[expect(
                missing_docs,
                clippy::pedantic,
                clippy::allow_attributes,
                clippy::allow_attributes_without_reason,
                reason = "generated code; the .proto files hold the documentation"
            )]
            pub mod v1 {
                include!(concat!("generated/", $file));
            }
        }
    };
}

package!(hub, "polyaxon.hub.v1.rs", "Components and access.");
package!(runs, "polyaxon.runs.v1.rs", "Runs and their events.");
package!(
    agent,
    "polyaxon.agent.v1.rs",
    "Sessions, leases and reports."
);
package!(transfer, "polyaxon.transfer.v1.rs", "Logs and uploads.");
