//! Where sealed pieces are.

use std::path::Path as FilePath;

use bytes::Bytes;
use object_store::ObjectStoreExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use super::LogError;

/// The log store: a folder.
#[derive(Debug)]
pub struct Blobs {
    store: LocalFileSystem,
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
        Ok(Self { store })
    }

    /// Stores a piece, durably.
    pub(super) async fn put(&self, key: &str, bytes: Bytes) -> Result<(), LogError> {
        let failed = |error: object_store::Error| LogError::store(key, &error);
        let path = Path::from(key);
        self.store.put(&path, bytes.into()).await.map_err(failed)?;
        let file = self.store.path_to_filesystem(&path).map_err(failed)?;
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
        let found = self.store.get(&Path::from(key)).await.map_err(failed)?;
        found.bytes().await.map_err(failed)
    }
}
