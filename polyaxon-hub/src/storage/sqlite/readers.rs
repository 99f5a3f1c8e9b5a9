//! Connections for reading.

use std::sync::Arc;

use futures::executor::block_on;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use sqlx::sqlite::{
    SqliteConnection, SqliteQueryResult, SqliteRow, SqliteStatement, SqliteTypeInfo,
};
use sqlx::{Either, Error, Execute, Executor, SqlStr, Sqlite, SqlitePool};
use tokio::sync::Mutex;

use super::row;
use crate::storage::StorageError;

/// Where queries go that only read.
#[derive(Debug, Clone)]
pub(super) enum Readers {
    /// Beside the writer.
    Pool(SqlitePool),
    /// The one connection, on the caller's thread.
    Inline(Arc<Mutex<SqliteConnection>>),
}

impl Readers {
    /// Runs several queries on one connection.
    pub(super) async fn run<T, F>(&self, queries: F) -> Result<T, StorageError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>,
    {
        match self {
            Self::Pool(pool) => {
                let mut connection = pool.acquire().await.map_err(row::failed)?;
                queries(&mut connection).await
            }
            Self::Inline(connection) => block_on(async {
                let mut connection = connection.lock().await;
                queries(&mut connection).await
            }),
        }
    }

    pub(super) async fn close(&self) {
        if let Self::Pool(pool) = self {
            pool.close().await;
        }
    }
}

impl<'p> Executor<'p> for &'_ Readers {
    type Database = Sqlite;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<SqliteQueryResult, SqliteRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Self::Database>,
    {
        match self {
            Readers::Pool(pool) => pool.fetch_many(query),
            Readers::Inline(connection) => {
                let connection = Arc::clone(connection);
                let rows = async move {
                    let rows: Vec<_> = block_on(async {
                        let mut connection = connection.lock().await;
                        connection.fetch_many(query).collect().await
                    });
                    stream::iter(rows)
                };
                rows.flatten_stream().boxed()
            }
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<SqliteRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Self::Database>,
    {
        match self {
            Readers::Pool(pool) => pool.fetch_optional(query),
            Readers::Inline(connection) => {
                let connection = Arc::clone(connection);
                let row = async move {
                    block_on(async {
                        let mut connection = connection.lock().await;
                        connection.fetch_optional(query).await
                    })
                };
                row.boxed()
            }
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [SqliteTypeInfo],
    ) -> BoxFuture<'e, Result<SqliteStatement, Error>>
    where
        'p: 'e,
    {
        match self {
            Readers::Pool(pool) => pool.prepare_with(sql, parameters),
            Readers::Inline(connection) => {
                let connection = Arc::clone(connection);
                let statement = async move {
                    block_on(async {
                        let mut connection = connection.lock().await;
                        connection.prepare_with(sql, parameters).await
                    })
                };
                statement.boxed()
            }
        }
    }
}
