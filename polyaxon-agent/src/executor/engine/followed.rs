//! The output of a container that runs, until it has ended.
//!
//! What an engine sends to a follower is not all of the output. Podman 4 drops what stands behind a line that it
//! found half-written, and lines at random between the end of the container and that of the log. Asked for what there
//! is, it gives all of it, and only the last line may be half-written. So a follower rings the bell, and the output
//! comes from looks.

use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerStateStatusEnum;
use bollard::query_parameters::{InspectContainerOptions, LogsOptionsBuilder};
use futures::{StreamExt, stream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::failure::{settled, unavailable};
use super::output::{Pieces, pieces};
use crate::executor::{ExecutorError, LogPiece};

/// Looks are this many times as far apart as one takes, but not farther than [`Pace::longest`].
const SPARED: u32 = 10;

/// When a container's output is looked at.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Looks are at least so far apart. Longer than Linux holds up a write half-way, which is 200 ms.
    pause: Duration,
    /// A bell that is silent for so long may have missed the end of the container.
    silence: Duration,
    /// Looks are at most so far apart, whatever the bell says.
    longest: Duration,
}

const PACE: Pace = Pace {
    pause: Duration::from_millis(250),
    silence: Duration::from_secs(5),
    longest: Duration::from_secs(30),
};

/// Output from its start until the container has ended.
pub(super) fn until_the_end(docker: Docker, container: String) -> Pieces {
    paced(docker, container, PACE)
}

fn paced(docker: Docker, container: String, pace: Pace) -> Pieces {
    let followed = Followed {
        docker,
        container,
        pace,
        bell: None,
        look: None,
        rest: None,
        first_at_ns: None,
        given: 0,
        held: None,
        ended: false,
    };
    stream::try_unfold(followed, |mut followed| async move {
        let piece = followed.next().await?;
        Ok(piece.map(|piece| (piece, followed)))
    })
    .boxed()
}

struct Followed {
    docker: Docker,
    container: String,
    pace: Pace,
    /// Changes when there is something new.
    bell: Option<watch::Receiver<()>>,
    look: Option<Look>,
    /// Time until the next look; `None` before the first.
    rest: Option<Duration>,
    /// Time of the first piece.
    first_at_ns: Option<i64>,
    /// Bytes of output that were given out.
    given: u64,
    /// What stood last, and what was before it.
    held: Option<(u64, LogPiece)>,
    /// All was given out.
    ended: bool,
}

/// One reading of all there is.
struct Look {
    pieces: Pieces,
    /// The container ran when it began.
    is_running: bool,
    /// What the engine took for it.
    spent: Duration,
    /// Bytes before `ahead`.
    read: u64,
    /// Whether it is the last one is not known yet.
    ahead: Option<LogPiece>,
}

impl Followed {
    async fn next(&mut self) -> Result<Option<LogPiece>, ExecutorError> {
        while !self.ended {
            if self.look.is_none() {
                self.wait().await?;
                self.look = Some(Look::begin(&self.docker, &self.container).await?);
            }
            let Some(look) = &mut self.look else { continue };
            let begun = Instant::now();
            let piece = look.pieces.next().await.transpose()?;
            look.spent += begun.elapsed();
            let found = match piece {
                Some(piece) => {
                    let at_ns = *self.first_at_ns.get_or_insert(piece.at_ns);
                    if look.ahead.is_none() && piece.at_ns != at_ns {
                        return Err(rotated());
                    }
                    look.pass(piece)
                }
                None => self.end_look(),
            };
            if let Some(fresh) = found.and_then(|(read, piece)| self.fresh(read, &piece)) {
                return Ok(Some(fresh));
            }
        }
        Ok(None)
    }

    /// Until it is time for another look.
    async fn wait(&mut self) -> Result<(), ExecutorError> {
        let Some(rest) = self.rest else {
            return Ok(());
        };
        let mut bell = match self.bell.take() {
            Some(bell) => bell,
            None => bell(&self.docker, &self.container),
        };
        // Whether what is held is whole shows by itself.
        if self.held.is_none()
            && !rings(&mut bell, &self.docker, &self.container, self.pace).await?
        {
            self.bell = Some(bell);
            return Ok(());
        }
        tokio::time::sleep(self.pace.pause).await;
        // What it rings for until then is in the next look. It ends with the container, or breaks.
        let due = Instant::now() + rest.saturating_sub(self.pace.pause);
        let end = async { while bell.changed().await.is_ok() {} };
        if tokio::time::timeout_at(due, end).await.is_err() {
            self.bell = Some(bell);
        } else if is_running(&self.docker, &self.container).await? {
            tokio::time::sleep_until(due).await;
        }
        Ok(())
    }

    /// The last piece, if it is whole.
    fn end_look(&mut self) -> Option<(u64, LogPiece)> {
        let look = self.look.take()?;
        let rest = look.spent * SPARED;
        self.rest = Some(rest.clamp(self.pace.pause, self.pace.longest));
        self.ended = !look.is_running;
        let last = look.ahead.map(|piece| (look.read, piece));
        if self.ended || self.held == last {
            self.held = None;
            return last;
        }
        self.held = last.filter(|(read, piece)| read + length(piece) > self.given);
        None
    }

    /// What of a piece behind so many bytes was not given out yet.
    fn fresh(&mut self, read: u64, piece: &LogPiece) -> Option<LogPiece> {
        let end = read + length(piece);
        if end <= self.given {
            return None;
        }
        let known = usize::try_from(self.given.saturating_sub(read)).unwrap_or(usize::MAX);
        self.given = end;
        Some(LogPiece {
            data: piece.data.slice(known.min(piece.data.len())..),
            ..*piece
        })
    }
}

impl Look {
    async fn begin(docker: &Docker, container: &str) -> Result<Self, ExecutorError> {
        // Before it: what a container has written that has ended is all there.
        let is_running = is_running(docker, container).await?;
        Ok(Self {
            pieces: pieces(docker, container),
            is_running,
            spent: Duration::ZERO,
            read: 0,
            ahead: None,
        })
    }

    /// Takes the next piece in and gives the one before it, which is whole.
    fn pass(&mut self, piece: LogPiece) -> Option<(u64, LogPiece)> {
        let before = self.ahead.replace(piece)?;
        let read = self.read;
        self.read += length(&before);
        Some((read, before))
    }
}

fn length(piece: &LogPiece) -> u64 {
    piece.data.len() as u64
}

/// Whether it rang, or broke. It did not when the container has ended, or when it is time for a look whatever it says.
async fn rings(
    bell: &mut watch::Receiver<()>,
    docker: &Docker,
    container: &str,
    pace: Pace,
) -> Result<bool, ExecutorError> {
    let begun = Instant::now();
    while begun.elapsed() < pace.longest {
        if tokio::time::timeout(pace.silence, bell.changed())
            .await
            .is_ok()
        {
            return Ok(true);
        }
        if !is_running(docker, container).await? {
            break;
        }
    }
    Ok(false)
}

/// Changes when there is output, also once at its beginning if there was.
fn bell(docker: &Docker, container: &str) -> watch::Receiver<()> {
    let options = LogsOptionsBuilder::default()
        .stdout(true)
        .stderr(true)
        .tail("1")
        .follow(true)
        .build();
    let mut pieces = docker.logs(container, Some(options)).boxed();
    let (sender, receiver) = watch::channel(());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                () = sender.closed() => return,
                piece = pieces.next() => match piece {
                    Some(Ok(_)) => sender.send_replace(()),
                    _ => return,
                },
            }
        }
    });
    receiver
}

async fn is_running(docker: &Docker, container: &str) -> Result<bool, ExecutorError> {
    let found = settled(|| docker.inspect_container(container, None::<InspectContainerOptions>))
        .await
        .map_err(unavailable("looking at a container"))?;
    let state = found.state.unwrap_or_default();
    // One that is being stopped writes on.
    Ok(state.running == Some(true)
        || matches!(
            state.status,
            Some(ContainerStateStatusEnum::PAUSED | ContainerStateStatusEnum::STOPPING)
        ))
}

/// Who starts over finds out what is missing by the times.
fn rotated() -> ExecutorError {
    ExecutorError::Unavailable {
        action: "reading the log".to_owned(),
        reason: "the engine has dropped its beginning".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::extract::{Query, State};
    use axum::http::Uri;
    use axum::response::{IntoResponse, Response};

    use super::*;

    /// What followers get.
    #[derive(Clone, Copy)]
    enum Bell {
        /// Nothing, for ever.
        Silent,
        /// One line, then the end.
        BreaksOff,
        /// Lines, for ever.
        Rings,
    }

    struct Engine {
        bell: Bell,
        /// What there is at each look; the container has ended at the last.
        looks: &'static [&'static [&'static str]],
        /// From this one on its beginning is another one.
        rotated: usize,
        /// How many there were.
        looked: Mutex<usize>,
    }

    fn frames(lines: &[&str], second: u8) -> Vec<u8> {
        let mut body = Vec::new();
        for line in lines {
            let line = format!("1970-01-01T00:00:0{second}Z {line}");
            body.extend([1, 0, 0, 0]);
            body.extend(u32::try_from(line.len()).expect("short").to_be_bytes());
            body.extend(line.as_bytes());
        }
        body
    }

    async fn answer(
        State(engine): State<Arc<Engine>>,
        uri: Uri,
        Query(query): Query<HashMap<String, String>>,
    ) -> Response {
        if uri.path().ends_with("/json") {
            let looked = *engine.looked.lock().expect("a number");
            let runs = looked + 1 < engine.looks.len();
            return axum::Json(serde_json::json!({"State": {"Running": runs}})).into_response();
        }
        if query.get("follow").is_none_or(|follow| follow != "true") {
            let mut looked = engine.looked.lock().expect("a number");
            let look = engine.looks.get(*looked).expect("no look after the end");
            let second = if *looked < engine.rotated { 1 } else { 2 };
            *looked += 1;
            return frames(look, second).into_response();
        }
        let line = || Ok::<_, std::io::Error>(Bytes::from(frames(&["anything\n"], 1)));
        match engine.bell {
            Bell::Silent => Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()),
            Bell::BreaksOff => Body::from(frames(&["anything\n"], 1)),
            Bell::Rings => {
                let lines = stream::unfold((), move |()| async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    Some((line(), ()))
                });
                Body::from_stream(lines)
            }
        }
        .into_response()
    }

    async fn read(bell: Bell, looks: &'static [&'static [&'static str]]) -> String {
        let (text, error) = read_rotated(bell, looks, usize::MAX).await;
        assert_eq!(error, None);
        text
    }

    /// What comes, and the error at its end.
    async fn read_rotated(
        bell: Bell,
        looks: &'static [&'static [&'static str]],
        rotated: usize,
    ) -> (String, Option<String>) {
        let folder = tempfile::tempdir().expect("folder");
        let socket = folder.path().join("engine.sock");
        let engine = Arc::new(Engine {
            bell,
            looks,
            rotated,
            looked: Mutex::default(),
        });
        let routes = Router::new().fallback(answer).with_state(engine);
        let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await });
        let path = socket.to_str().expect("text");
        let docker = Docker::connect_with_unix(path, 120, &super::super::API).expect("a client");
        let pace = Pace {
            pause: Duration::from_millis(5),
            silence: Duration::from_millis(10),
            longest: Duration::from_millis(20),
        };
        let mut pieces = paced(docker, "main".to_owned(), pace);
        let (mut text, mut error) = (Vec::new(), None);
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => text.extend(piece.data),
                Err(found) => error = Some(found.to_string()),
            }
        }
        serving.abort();
        (String::from_utf8(text).expect("text"), error)
    }

    #[tokio::test]
    async fn a_half_written_line_is_not_given_out_whatever_the_follower_says() {
        for bell in [Bell::Silent, Bell::BreaksOff, Bell::Rings] {
            let read = read(
                bell,
                &[
                    &[],
                    &["one\n"],
                    // Podman ends the half of a line.
                    &["one\n", "tw\n"],
                    &["one\n", "two\n"],
                    &["one\n", "two\n"],
                    &["one\n", "two\n", "two\n"],
                    &["one\n", "two\n", "two and more\n", "three"],
                    &["one\n", "two\n", "two and more\n", "three", " four\n"],
                ],
            );
            assert_eq!(read.await, "one\ntwo\ntwo and more\nthree four\n");
        }
    }

    #[tokio::test]
    async fn a_container_that_has_ended_is_read_once() {
        for looks in [[&[] as &[&str]], [&["one\n", "two\n"]]] {
            let looks: &'static [&'static [&'static str]] = Box::leak(Box::new(looks));
            let wanted = looks.concat().concat();
            assert_eq!(read(Bell::Silent, looks).await, wanted);
        }
    }

    #[tokio::test]
    async fn who_follows_a_log_that_is_rotated_has_to_start_over() {
        let looks = &[
            &["one\n", "two\n", "three\n"] as &[&str],
            &["two\n", "three\n", "four\n"],
        ];
        let (text, error) = read_rotated(Bell::Silent, looks, 1).await;
        assert_eq!(text, "one\ntwo\n");
        assert!(error.is_some_and(|error| error.contains("dropped its beginning")));
    }
}
