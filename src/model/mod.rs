//! What the gateway talks about: tasks, events, requests, clients, grants, devices; their states,
//! transitions and ids. No IO, no clock: moments are passed in.
//!
//! A new idea gets a file of its own here; a new state is a variant that carries exactly what is
//! true in it.
mod apply;
mod audience;
mod budget;
mod class;
mod client;
mod device;
mod estimate;
mod event;
#[cfg(test)]
pub(crate) mod family_tests;
mod grant;
mod id;
mod priority;
mod question;
mod request;
mod session;
mod task;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod testing;
mod text;
pub use self::apply::{Applied, Apply};
pub use self::audience::Audience;
pub use self::budget::{DaySpending, ProjectBudget, dollars};
pub use self::class::Class;
pub use self::client::{Client, ClientKind, ClientSecret, ProjectAccess, Registration};
pub use self::device::Device;
pub use self::estimate::Estimate;
pub use self::event::{Event, EventKind};
pub use self::grant::{
    AuthorizationCode, ROTATION_GRACE, RefreshVerdict, Revocation, RevocationReason, Scope, Scopes,
    Supersession, Token, TokenDigest, TokenFamily, TokenKind,
};
pub use self::id::{ClientId, DeviceId, FamilyId, InvalidId, RequestId, TaskId};
pub use self::priority::Priority;
pub use self::question::{Choice, NoAnswer, Question, answers_to};
pub use self::request::{Answer, Answerer, Decision, Reply, Request, RequestKind, RequestState};
pub use self::session::{FollowUp, LinkedSession, Resume};
pub use self::task::{
    Caller, CancelReason, ChangedFile, Cost, DiffStat, End, Failure, FailureKind,
    InvalidTransition, Outcome, Phase, Progress, Run, Task, TaskSpec, TaskState, Verdict,
    Workspace,
};
pub use self::text::steers;
