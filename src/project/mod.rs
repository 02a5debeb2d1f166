//! The owner's projects: the registry, isolated workspaces for tasks, their commits and diffs.
//!
//! [`Registry`] is the closed list of folders that a task may work in. [`Workspaces`] keeps the git
//! contract: the owner's working files, index, stash, config, hooks and existing refs are never
//! written, and nothing that a repository holds (the owner's or the one an agent left behind) is
//! run. Its means:
//!
//! * [`Git`] never reads a repository's own configuration; git runs on *views* of the owner's
//!   repository (`view`) and on git directories that the gateway wrote itself (`bare`).
//! * A task works in `<work>/tree`, a clone with objects hard-linked or copied and no remote.
//! * The gateway keeps `<work>/gateway.git`: base, imported commits and the result.
//! * An agent's `.git` is read as plain files only (`agent`); its objects are copied into a
//!   quarantine and pass `index-pack --strict` before they count.
//!
//! A folder without git gets a repository of its own holding a copy (or, with
//! [`Isolation::None`], a record of its content), so that its diff works the same way.
mod agent;
mod apply;
mod author;
mod bare;
mod branch;
mod checkout;
mod diff;
mod error;
mod git;
mod import;
mod in_place;
mod index;
mod inspect;
mod kept;
mod leftovers;
mod name;
mod note;
mod objects;
mod oid;
mod owner;
mod path;
mod platform;
mod prepare;
mod publish;
mod read;
mod registry;
mod remove;
mod sensitive;
mod settle;
#[cfg(test)]
mod tests;
mod view;
mod workspace;
pub use self::apply::{ApplyRefusal, Merged, Work};
pub use self::branch::{BranchName, BranchPrefix, InvalidBranch};
pub use self::diff::{Diff, DiffOptions, DiffStat, FileChange};
pub use self::error::ProjectError;
pub use self::git::{Git, GitError, OwnerFolders};
pub use self::inspect::{Changes, GitState, Head, ProjectKind, ProjectState, WorkTree};
pub use self::name::{InvalidName, ProjectName};
pub use self::note::Note;
pub use self::oid::{ObjectFormat, Oid};
pub use self::path::RepoPath;
pub use self::prepare::{BaseSpec, Order};
pub use self::publish::Published;
pub use self::read::{Excerpt, Lines};
pub use self::registry::{Isolation, Project, Registry, RegistryError};
pub use self::remove::Removal;
pub use self::settle::{Commit, Settled};
pub use self::workspace::{Base, Limits, Workspace, Workspaces};
