//! The one task that writes, with group commit.
//!
//! Operations that wait while a commit is on its way share the next one. An operation that fails is undone alone;
//! nobody is answered before the commit is on disk.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::future::BoxFuture;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{migrations, row};
use crate::storage::StorageError;

/// Most operations of one commit.
const BATCH_OPERATIONS: usize = 64;
/// Longest time that a commit collects operations.
const BATCH_TIME: Duration = Duration::from_millis(5);
/// Operations that may wait; further callers wait for room.
const QUEUE: usize = 1024;

/// What a job leaves to be done once the commit has succeeded or failed.
struct Done {
    succeeded: bool,
    answer: Box<dyn FnOnce(Result<(), StorageError>) + Send>,
}

/// An operation; given an error instead of a connection it passes that on to its caller.
type Job = Box<
    dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, StorageError>) -> BoxFuture<'c, Done>
        + Send,
>;

/// Who writes.
#[derive(Clone)]
pub(super) enum Writer {
    /// A task of its own.
    Task(WriterTask),
    /// The caller, at once.
    Inline(Arc<Mutex<SqliteConnection>>),
}

/// Handle to the writing task.
#[derive(Clone)]
pub(super) struct WriterTask {
    jobs: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    sender: mpsc::WeakSender<Job>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// Opens the writing connection, migrates, and starts the task.
    pub(super) async fn start(options: &SqliteConnectOptions) -> Result<Self, StorageError> {
        let mut connection = options.connect().await.map_err(row::failed)?;
        migrations::run(&mut connection).await?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let task = tokio::spawn(drive(connection, receiver));
        Ok(Self::Task(WriterTask {
            sender: sender.downgrade(),
            jobs: Arc::new(Mutex::new(Some(sender))),
            task: Arc::new(Mutex::new(Some(task))),
        }))
    }

    /// Runs one operation inside a transaction and answers after its commit.
    pub(super) async fn run<T, F>(&self, operation: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        match self {
            Self::Task(task) => task.run(operation).await,
            Self::Inline(connection) => block_on(async {
                let mut connection = connection.lock().await;
                execute(&mut connection, "BEGIN").await?;
                let outcome = operation(&mut connection).await;
                let end = if outcome.is_ok() {
                    "COMMIT"
                } else {
                    "ROLLBACK"
                };
                execute(&mut connection, end).await?;
                outcome
            }),
        }
    }

    /// Finishes what was accepted and ends the task.
    pub(super) async fn close(&self) {
        if let Self::Task(task) = self {
            task.close().await;
        }
    }
}

impl WriterTask {
    async fn run<T, F>(&self, operation: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let outcome = match connection {
                    Ok(connection) => operation(connection).await,
                    Err(error) => Err(error),
                };
                Done {
                    succeeded: outcome.is_ok(),
                    answer: Box::new(move |commit| {
                        // The caller may have gone away; the write stands all the same.
                        let _ = answer.send(outcome.and_then(|value| commit.map(|()| value)));
                    }),
                }
            })
        });
        let sender = self.sender.upgrade().ok_or(StorageError::Closed)?;
        sender.send(job).await.map_err(|_| StorageError::Closed)?;
        drop(sender);
        result.await.map_err(|_| StorageError::Closed)?
    }

    async fn close(&self) {
        self.jobs.lock().await.take();
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }
}

async fn drive(mut connection: SqliteConnection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH_OPERATIONS {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        commit_batch(&mut connection, batch).await;
    }
    if let Err(error) = sqlx::Connection::close(connection).await {
        tracing::warn!(%error, "closing the database failed");
    }
}

async fn commit_batch(connection: &mut SqliteConnection, batch: Vec<Job>) {
    let mut rest = batch.into_iter().peekable();
    while rest.peek().is_some() {
        let started = Instant::now();
        let begun = execute(connection, "BEGIN IMMEDIATE").await;
        let mut waiting = Vec::new();
        for job in rest.by_ref() {
            waiting.push(match &begun {
                Ok(()) => run_in_savepoint(connection, job).await,
                Err(error) => job(Err(error.clone())).await,
            });
            if started.elapsed() >= BATCH_TIME {
                break;
            }
        }
        let committed = execute(connection, "COMMIT").await;
        if committed.is_err() {
            let _ = execute(connection, "ROLLBACK").await;
        }
        for done in waiting {
            (done.answer)(committed.clone());
        }
    }
}

async fn run_in_savepoint(connection: &mut SqliteConnection, job: Job) -> Done {
    if let Err(error) = execute(connection, "SAVEPOINT operation").await {
        return job(Err(error)).await;
    }
    let done = job(Ok(&mut *connection)).await;
    let undone = if done.succeeded {
        Ok(())
    } else {
        execute(connection, "ROLLBACK TO operation").await
    };
    match undone.and(execute(connection, "RELEASE operation").await) {
        Ok(()) => done,
        Err(error) => Done {
            succeeded: false,
            answer: Box::new(move |_| (done.answer)(Err(error))),
        },
    }
}

async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<(), StorageError> {
    sqlx::query(statement)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(row::failed)
}
