use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::ui::Ui;

/// Print a completion script for a shell
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon completion bash > ~/.local/share/bash-completion/completions/polyaxon
  polyaxon completion zsh > \"${fpath[1]}/_polyaxon\"
  polyaxon completion fish > ~/.config/fish/completions/polyaxon.fish")]
pub(crate) struct Arguments {
    /// The shell that will read the script
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, ui: &Ui) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "polyaxon",
        &mut script,
    );
    ui.data_bytes(&script)?;
    Ok(Exit::Succeeded)
}
