//! The binary `polyaxon-agent`.

fn main() {}
