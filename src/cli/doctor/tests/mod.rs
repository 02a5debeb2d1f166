//! One broken set-up per test: the check that finds it, how bad it is, the cause and the cure.
mod everything;
mod lab;
mod machine;
mod programs;
mod state;
mod ways_in;
