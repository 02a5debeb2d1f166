//! Who may answer what.
use std::collections::BTreeSet;

use crate::model::{Answerer, Class, Reply, RequestKind};

/// The classes that a chat may approve in a project: reading and writing, unless the owner's
/// configuration says otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChatMay(BTreeSet<Class>);

impl ChatMay {
    /// Nothing at all, as for a project that is no longer configured.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether a chat may approve this request; denying and answering questions it always may.
    #[must_use]
    pub fn approve(&self, request: &RequestKind) -> bool {
        match request {
            RequestKind::Permission { class, .. } => self.0.contains(class),
            RequestKind::Question { .. } => true,
            RequestKind::Plan { .. } => false,
        }
    }
}

impl Default for ChatMay {
    fn default() -> Self {
        Self::from_iter([Class::Read, Class::Write])
    }
}

impl FromIterator<Class> for ChatMay {
    fn from_iter<T: IntoIterator<Item = Class>>(classes: T) -> Self {
        Self(classes.into_iter().collect())
    }
}

/// A reply that only the owner may give.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotYours {
    /// Approving a request of this class.
    #[error("only the owner may approve what is {0}")]
    Class(Class),
    /// Letting an agent leave its plan mode.
    #[error("only the owner may let the agent carry out its plan")]
    Plan,
    /// Changing what the agent asked for, or allowing it for later too.
    #[error("only the owner may change a request or allow it for later too")]
    Terms,
}

/// Whether `by` may give this reply to this request.
///
/// # Errors
///
/// What the owner alone may do.
pub fn check(
    by: &Answerer,
    request: &RequestKind,
    reply: &Reply,
    chat: &ChatMay,
) -> Result<(), NotYours> {
    if !matches!(by, Answerer::Chat { .. }) {
        return Ok(());
    }
    match (reply, request) {
        // To refuse, and to say what was asked, gives an agent no power.
        (Reply::Deny { .. } | Reply::Answers { .. }, _) => Ok(()),
        (Reply::Edited { .. } | Reply::Always, _) => Err(NotYours::Terms),
        (Reply::Approve, _) if chat.approve(request) => Ok(()),
        (Reply::Approve, RequestKind::Permission { class, .. }) => Err(NotYours::Class(*class)),
        (Reply::Approve, RequestKind::Question { .. } | RequestKind::Plan { .. }) => {
            Err(NotYours::Plan)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn permission(class: Class) -> RequestKind {
        RequestKind::Permission {
            tool: "T".into(),
            input: Value::Null,
            preview: String::new(),
            class,
        }
    }

    #[test]
    fn a_chat_approves_what_its_project_lets_it_and_denies_anything() {
        let chat = Answerer::Chat { client_id: "phone".parse().unwrap() };
        let plan = RequestKind::Plan { plan: "1".into(), preview: "1".into() };
        let all: ChatMay = Class::ALL.into_iter().collect();
        let deny = Reply::Deny { message: None };
        for class in Class::ALL {
            let request = permission(class);
            let by_default = check(&chat, &request, &Reply::Approve, &ChatMay::default());
            assert_eq!(by_default.is_ok(), class <= Class::Write, "{class}");
            assert!(check(&chat, &request, &Reply::Approve, &ChatMay::nothing()).is_err());
            assert!(check(&chat, &request, &Reply::Approve, &all).is_ok());
            assert!(check(&chat, &request, &deny, &ChatMay::nothing()).is_ok());
            let edited = Reply::Edited { input: json!({}) };
            for reply in [edited, Reply::Always] {
                assert_eq!(check(&chat, &request, &reply, &all), Err(NotYours::Terms));
            }
        }
        assert_eq!(check(&chat, &plan, &Reply::Approve, &all), Err(NotYours::Plan));
        assert!(check(&chat, &plan, &deny, &all).is_ok());
    }

    #[test]
    fn the_owner_may_give_every_reply() {
        for reply in [Reply::Approve, Reply::Always, Reply::Edited { input: json!({}) }] {
            let request = permission(Class::Destructive);
            let nothing = ChatMay::nothing();
            assert_eq!(check(&Answerer::Terminal, &request, &reply, &nothing), Ok(()));
        }
    }
}
