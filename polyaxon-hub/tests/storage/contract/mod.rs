//! What every storage backend has to do, told once and run over each of them.

pub(crate) mod access;
pub(crate) mod agents;
pub(crate) mod components;
pub(crate) mod history;
pub(crate) mod logs;
pub(crate) mod runs;
mod samples;

/// Makes a test of each named function of a contract module; `$open` gives `(guard, storage)`.
macro_rules! contract {
    ($open:path, $module:ident: $($name:ident),+ $(,)?) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $name() {
                    let (_guard, storage) = $open().await;
                    super::super::contract::$module::$name(&storage).await;
                }
            )+
        }
    };
}
pub(crate) use contract;
