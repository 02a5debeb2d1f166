//! Hands what libFuzzer makes up to the target that `GATEWAY_FUZZ` names.
#![no_main]

use std::sync::LazyLock;

use gateway::gateway::fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("GATEWAY_FUZZ").unwrap_or_default();
    let target = TARGETS.into_iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("GATEWAY_FUZZ names no target: {name:?}"))
});

fuzz_target!(|input: &[u8]| (TARGET.run)(input));
