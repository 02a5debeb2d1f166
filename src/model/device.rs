//! A paired device of the owner: a browser that holds a cookie of ours.
use serde::{Deserialize, Serialize};

use super::grant::TokenDigest;
use super::id::DeviceId;
use crate::clock::Timestamp;

/// A paired device.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its id, for lists and revocation.
    pub id: DeviceId,
    /// What it called itself, for the owner to recognise; never for rights.
    pub name: String,
    /// The digest of its cookie.
    pub cookie: TokenDigest,
    /// When it was paired.
    pub created_at: Timestamp,
    /// When its cookie ends.
    pub expires_at: Timestamp,
    /// When it last consented to something.
    pub last_used_at: Option<Timestamp>,
    /// When the owner revoked it.
    pub revoked_at: Option<Timestamp>,
}

impl Device {
    /// Whether it stands for the owner at `now`.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}
