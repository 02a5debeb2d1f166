//! Grants that have a token and have not called yet.
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::obstacle::{Cause, Obstacle};
use super::step::{Step, Who};
use crate::clock::Timestamp;
use crate::model::FamilyId;

/// How long a first call is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Grants waited for at a time; each took the owner's consent. The oldest gives way.
const AWAITED_MAX: usize = 64;

/// Who sent a token request, as far as its way in tells.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// The client's address, where it is known.
    pub from: Option<IpAddr>,
    /// Whether it came through the tunnel.
    pub tunnelled: bool,
}

#[derive(Debug)]
struct Waiting {
    family: FamilyId,
    who: Who,
    sender: Sender,
    due: Timestamp,
    /// What explains its silence best.
    met: Option<Cause>,
}

impl Waiting {
    fn met(&mut self, cause: Cause) {
        self.met = Some(self.met.map_or(cause, |known| known.min(cause)));
    }
}

/// The grants that are waited for, oldest first.
#[derive(Debug, Default)]
pub(super) struct Awaited(VecDeque<Waiting>);

impl Awaited {
    pub(super) fn add(&mut self, family: FamilyId, who: Who, sender: Sender, now: Timestamp) {
        if self.0.len() >= AWAITED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Waiting { family, who, sender, due: now.after(PATIENCE), met: None });
    }

    pub(super) fn arrived(&mut self, family: &FamilyId) {
        self.0.retain(|waiting| waiting.family != *family);
    }

    /// Something stood in the way of a request of this grant.
    pub(super) fn met(&mut self, family: &FamilyId, obstacle: Obstacle) {
        if let Some(waiting) = self.0.iter_mut().find(|waiting| waiting.family == *family) {
            waiting.met(Cause::Own(obstacle));
        }
    }

    /// Something stood in the way of a request from an address, whoever sent it: the machines of a
    /// hosted app share a network, and seldom one address.
    pub(super) fn met_from(&mut self, from: Option<IpAddr>, obstacle: Obstacle) {
        let Some(from) = from.and_then(network) else { return };
        let near = |waiting: &&mut Waiting| waiting.sender.from.and_then(network) == Some(from);
        for waiting in self.0.iter_mut().filter(near) {
            waiting.met(Cause::Near(obstacle));
        }
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.0.iter().map(|waiting| waiting.due).min()
    }

    /// Those whose time is over, each with what is to be told of it. Who seems to be waited for any
    /// longer was asked before the clock was set back: his time begins anew.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<(Who, Step)> {
        for waiting in &mut self.0 {
            waiting.due = waiting.due.min(now.after(PATIENCE));
        }
        let (due, still): (VecDeque<_>, VecDeque<_>) =
            self.0.drain(..).partition(|waiting| waiting.due <= now);
        self.0 = still;
        let step = |it: &Waiting| Step::NoCall { met: it.met, tunnelled: it.sender.tunnelled };
        due.into_iter().map(|waiting| (waiting.who.clone(), step(&waiting))).collect()
    }
}

/// The network of an address: 20 bits of IPv4, 48 of IPv6. This machine is none: whatever runs on it,
/// a proxy too, has the same address.
fn network(address: IpAddr) -> Option<u128> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(u128::from(address.to_bits() >> 12)),
        IpAddr::V6(address) => Some((address.to_bits() >> 80) | (1 << 64)),
    }
}
