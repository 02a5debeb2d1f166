//! What an agent asks for, by how much it can do, and who may answer it (DESIGN §4.5).
//!
//! Pure functions over words that an agent chose. One rule: what cannot be told is taken for worse
//! than it may be, never for better. A new tool of an agent is an arm in [`class_of`], a new program
//! a word in `shell.rs`.
mod answerers;
mod class;
mod git;
mod place;
mod shell;

pub use self::answerers::{ChatMay, NotYours, check};
pub use self::class::{class_of, file_of};
