//! `polyaxon-simulation`: simulates as many histories as it is told and says which promises they break.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool of developers with one screen of output"
)]

use std::process::ExitCode;

use clap::Parser;
use polyaxon_simulation::error::SimulationError;
use polyaxon_simulation::series::{self, Series};
use polyaxon_simulation::world::plant::Plant;

/// Simulates hub and agents under faults.
#[derive(Debug, Parser)]
struct Cli {
    /// How many histories.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Seed of the first one.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Print everything that happened.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<bool, SimulationError> {
    let series = series::run(Series {
        first_seed: cli.first_seed,
        seeds: cli.seeds,
        plant: Plant::Nothing,
        trace: cli.trace,
    })?;
    print!("{series}");
    Ok(series.violations.is_empty())
}
