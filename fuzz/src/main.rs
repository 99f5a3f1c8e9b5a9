//! One fuzz target per run: `POLYAXON_FUZZ_TARGET` names it. Its seeds go into the folder `POLYAXON_FUZZ_CORPUS` first.
#![no_main]

mod seeds;
mod targets;

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<targets::Target> = OnceLock::new();

fn start() {
    let name = std::env::var("POLYAXON_FUZZ_TARGET").expect("POLYAXON_FUZZ_TARGET names a target");
    let target = targets::ALL
        .iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("no target `{name}`; there are {}", targets::names()));
    assert!(TARGET.set(*target).is_ok(), "started twice");
    if let Ok(corpus) = std::env::var("POLYAXON_FUZZ_CORPUS") {
        for (index, seed) in seeds::of(target.name).iter().enumerate() {
            let path = Path::new(&corpus).join(format!("seed-{index:03}"));
            std::fs::write(path, seed).expect("the corpus can be written");
        }
    }
}

fuzz_target!(init: start(), |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        (target.run)(data);
    }
});
