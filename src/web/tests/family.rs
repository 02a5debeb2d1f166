//! The state machine of a token family, against a model of the rule in DESIGN §4.4.
use std::collections::HashMap;

use http::StatusCode;
use proptest::prelude::*;

use super::harness::*;

#[derive(Clone, Debug)]
enum Step {
    /// Presents the refresh token of a pair, by its number.
    Refresh(usize),
    /// Presents the access token of a pair.
    Use(usize),
    /// Lets seconds pass.
    Wait(u64),
    /// Writes the last-use marks.
    Flush,
    /// Restarts the gateway after an orderly end.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..6).prop_map(Step::Refresh),
        4 => (0_usize..6).prop_map(Step::Use),
        2 => prop_oneof![Just(1_u64), Just(30), Just(60), Just(61), Just(3_600)].prop_map(Step::Wait),
        1 => Just(Step::Flush),
        1 => Just(Step::Restart),
    ]
}

/// What the rule says, kept apart from how it is implemented.
#[derive(Default)]
struct Model {
    /// When each pair was replaced; the last one was not.
    replaced_at: Vec<Option<u64>>,
    newest_used: bool,
    revoked: bool,
    now: u64,
}

impl Model {
    fn in_grace(&self, n: usize) -> bool {
        self.replaced_at[n].is_some_and(|at| self.now - at <= 60)
    }

    fn is_previous_of_unseen(&self, n: usize) -> bool {
        n + 2 == self.replaced_at.len() && !self.newest_used
    }

    /// The number of the pair that refreshing with pair `n` answers with.
    fn refresh(&mut self, n: usize) -> Option<usize> {
        if self.revoked {
            return None;
        }
        if n + 1 == self.replaced_at.len() {
            self.replaced_at[n] = Some(self.now);
            self.replaced_at.push(None);
            self.newest_used = false;
            return Some(n + 1);
        }
        if self.in_grace(n) || self.is_previous_of_unseen(n) {
            return Some(n + 1);
        }
        self.revoked = true;
        None
    }

    fn admits(&mut self, n: usize) -> bool {
        let newest = n + 1 == self.replaced_at.len();
        let good = !self.revoked && (newest || self.in_grace(n) || self.is_previous_of_unseen(n));
        self.newest_used |= good && newest;
        good
    }
}

async fn follow(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut gateway = TestGateway::start();
    let client = gateway.mint().await;
    let mut pairs = vec![gateway.sign_in(&client).await];
    let mut numbers: HashMap<String, usize> = HashMap::from([(pairs[0].refresh.clone(), 0)]);
    let mut model = Model { replaced_at: vec![None], ..Model::default() };
    for step in steps {
        match step {
            Step::Refresh(n) => {
                let n = n % pairs.len();
                let answer = gateway.refresh(&client, &pairs[n].refresh).await;
                let Some(expected) = model.refresh(n) else {
                    prop_assert_eq!(answer.error(), "invalid_grant");
                    continue;
                };
                prop_assert_eq!(answer.status, StatusCode::OK);
                let next = Tokens::of(&answer);
                let fresh = numbers.len();
                let number = *numbers.entry(next.refresh.clone()).or_insert(fresh);
                prop_assert_eq!(number, expected, "one token has one successor");
                if number == pairs.len() {
                    pairs.push(next);
                }
            }
            Step::Use(n) => {
                let n = n % pairs.len();
                let admitted = gateway.check(&pairs[n].access).is_ok();
                prop_assert_eq!(admitted, model.admits(n), "pair {} of {}", n, pairs.len());
            }
            Step::Wait(secs) => {
                gateway.advance(secs);
                model.now += secs;
            }
            Step::Flush => gateway.server.flush_marks().await.unwrap(),
            Step::Restart => {
                gateway.server.flush_marks().await.unwrap();
                gateway = gateway.restart();
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_family_follows_the_rule_whatever_happens(steps in proptest::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(follow(steps))?;
    }
}
