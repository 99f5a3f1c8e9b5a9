//! The promises hold in many histories, and the checker sees each of them broken.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use polyaxon_simulation::check::check;
use polyaxon_simulation::series::{self, Series};
use polyaxon_simulation::world::plant::Plant;
use polyaxon_simulation::world::run::{Prepared, simulate};

/// Histories where nobody says how many.
const HISTORIES: u64 = 200;

/// Histories in which a planted bug must be found.
const TRIES: u64 = 400;

/// Number of histories: `POLYAXON_SIM_SEEDS`, which `make test` sets, or as many as fit into a test of one crate.
fn histories() -> u64 {
    let wanted = std::env::var("POLYAXON_SIM_SEEDS").ok();
    wanted
        .and_then(|wanted| wanted.parse().ok())
        .unwrap_or(HISTORIES)
}

#[test]
fn the_promises_hold() {
    let results = series::run(Series {
        first_seed: 0,
        seeds: histories(),
        plant: Plant::Nothing,
        trace: false,
    })
    .unwrap();
    println!("{results}");
    assert!(results.violations.is_empty(), "{results}");
}

#[test]
fn a_seed_is_a_history() {
    let prepared = Prepared::new().unwrap();
    for seed in 0..20 {
        let trace = || {
            simulate(&prepared, seed, Plant::Nothing)
                .unwrap()
                .history
                .to_string()
        };
        assert!(
            trace() == trace(),
            "the history of seed {seed} is not always the same"
        );
    }
}

/// Runs histories with a bug until one breaks a promise; it must be this one and no other.
fn finds(plant: Plant, invariant: u8) {
    let prepared = Prepared::new().unwrap();
    for seed in 0..TRIES {
        let outcome = simulate(&prepared, seed, plant).unwrap();
        let violations = check(&outcome.history);
        if violations.is_empty() {
            continue;
        }
        let broken: BTreeSet<u8> = violations
            .iter()
            .map(|violation| violation.invariant)
            .collect();
        assert_eq!(
            broken,
            BTreeSet::from([invariant]),
            "seed {seed}: {violations:#?}"
        );
        return;
    }
    panic!("{plant:?} was not found in {TRIES} histories");
}

macro_rules! planted {
    ($($name:ident: $plant:ident breaks $invariant:literal;)*) => {
        $(#[test]
        fn $name() {
            finds(Plant::$plant, $invariant);
        })*
    };
}

planted! {
    a_forgotten_run_is_found: ForgottenRun breaks 1;
    a_run_that_is_there_twice_is_found: BlindToKeys breaks 2;
    a_second_object_is_found: SecondObject breaks 3;
    an_attempt_that_comes_too_early_is_found: EarlyEnd breaks 4;
    a_second_end_is_found: TwoEnds breaks 5;
    a_rank_that_falls_is_found: LateStart breaks 6;
    a_stale_write_that_counts_is_found: BlindToFences breaks 7;
    an_epoch_that_stands_is_found: StandingEpoch breaks 8;
    a_stop_that_is_not_obeyed_is_found: DeafToStops breaks 9;
    an_outcome_that_is_cleared_away_is_found: TidyCluster breaks 13;
    a_lost_log_message_is_found: LostLogMessage breaks 14;
    an_unanswered_object_is_found: SilentSync breaks 15;
    a_restart_that_changes_runs_is_found: NoGrace breaks 16;
    a_slot_that_leaks_is_found: CountedSlots breaks 17;
}
