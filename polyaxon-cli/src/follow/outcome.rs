//! What a command says after it followed a run.

use std::io;

use polyaxon_proto::runs::v1::{Run, Status};

use crate::app::App;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::view::failure::Extent;
use crate::view::summary;

/// The result of a run that ended. `with_log` adds the last lines of a failure's log.
pub(crate) fn summarise(app: &App, run: &Run, with_log: bool) -> io::Result<()> {
    let extent = Extent {
        log: with_log,
        excerpt: app.ui.talk_is_terminal(),
    };
    for line in summary::lines(run, extent) {
        app.ui.talk(line)?;
    }
    if matches!(run.status(), Status::Failed | Status::UpstreamFailed) {
        app.ui.next(format_args!(
            "the whole log: `polyaxon ops logs -uid {}`",
            run.uuid
        ))?;
    }
    Ok(())
}

/// After Ctrl-C.
pub(crate) fn goes_on(app: &App, uuid: &str) -> Outcome {
    app.ui.talk(format_args!(
        "the run goes on; follow it with `polyaxon ops logs -uid {uuid}`, stop it with `polyaxon ops stop -uid {uuid}`"
    ))?;
    Ok(Exit::Interrupted)
}
