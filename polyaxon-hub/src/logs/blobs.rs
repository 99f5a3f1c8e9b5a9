//! Where sealed pieces are.

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStoreExt as _;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::LogError;

/// The log store.
#[derive(Debug, Clone)]
pub struct Blobs(Store);

#[derive(Debug, Clone)]
enum Store {
    Folder(Arc<LocalFileSystem>),
    Memory(Arc<InMemory>),
}

impl Blobs {
    /// Opens the folder and makes it if it is absent.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn open(folder: &FilePath) -> Result<Self, LogError> {
        std::fs::create_dir_all(folder).map_err(|error| LogError::io(folder, &error))?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| LogError::store(&folder.display().to_string(), &error))?;
        Ok(Self(Store::Folder(Arc::new(store))))
    }

    /// A store that ends with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self(Store::Memory(Arc::default()))
    }

    /// Stores a piece, durably.
    pub(super) async fn put(&self, key: &str, bytes: Bytes) -> Result<(), LogError> {
        let failed = |error: object_store::Error| LogError::store(key, &error);
        let path = Path::from(key);
        let store = match &self.0 {
            Store::Folder(store) => store,
            Store::Memory(store) => {
                let put = store.put(&path, bytes.into()).await;
                return put.map(|_| ()).map_err(failed);
            }
        };
        store.put(&path, bytes.into()).await.map_err(failed)?;
        let file = store.path_to_filesystem(&path).map_err(failed)?;
        tokio::task::spawn_blocking(move || {
            let sync = |path: &FilePath| {
                std::fs::File::open(path)
                    .and_then(|file| file.sync_all())
                    .map_err(|error| LogError::io(path, &error))
            };
            sync(&file)?;
            // The folders of run, attempt and container may be new.
            file.ancestors().skip(1).take(4).try_for_each(sync)
        })
        .await
        .map_err(|_| LogError::Stopped)?
    }

    /// Reads a piece.
    pub(super) async fn get(&self, key: &str) -> Result<Bytes, LogError> {
        let failed = |error: object_store::Error| LogError::store(key, &error);
        let path = Path::from(key);
        let found = match &self.0 {
            Store::Folder(store) => store.get(&path).await,
            Store::Memory(store) => store.get(&path).await,
        };
        let found = found.map_err(failed)?;
        found.bytes().await.map_err(failed)
    }
}
