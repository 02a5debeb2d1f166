//! Windows: not supported yet, and said so.
use super::ServiceError;

/// What is answered there. A Windows service would run outside the user's session, without the
/// credential vault and the tools of the user, so that it is not a matter of one more file.
pub(super) fn unsupported() -> ServiceError {
    ServiceError::Unsupported {
        system: "Windows".to_owned(),
        instead: "in Task Scheduler, make a task \"at log on\" that runs `gateway serve --no-open`"
            .to_owned(),
    }
}
