//! The state machine of a token family through the token endpoint, the store and the bearer check,
//! against the model of its rule.
use std::collections::HashMap;

use http::StatusCode;
use proptest::prelude::*;

use super::harness::*;
use crate::auth::OpaqueToken;
use crate::model::family_tests::{Model, Step, steps};

async fn follow(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut gateway = TestGateway::start();
    let client = gateway.mint().await;
    let mut pairs = vec![gateway.sign_in(&client).await];
    let mut numbers: HashMap<String, usize> = HashMap::from([(pairs[0].refresh.clone(), 0)]);
    let mut model = Model::new();
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
                model.pass(secs);
            }
            Step::Revoke(n) => {
                let token = &pairs[n % pairs.len()].refresh;
                let headers = [("authorization", basic(&client))];
                let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
                let answer = gateway.post_with("/revoke", &[("token", token)], &headers).await;
                prop_assert_eq!(answer.status, StatusCode::OK);
                model.revoked = true;
            }
            Step::Flush => gateway.server.flush_marks().await.unwrap(),
            Step::Restart => {
                gateway.server.flush_marks().await.unwrap();
                gateway = gateway.restart();
            }
        }
    }
    let digests = pairs.iter().map(|pair| OpaqueToken::new(&pair.refresh).digest());
    let kept = digests.map(|digest| gateway.store.read(|tx| tx.token(&digest)).unwrap());
    let kept: Vec<_> = kept.collect::<Option<_>>().expect("they are kept while the family lives");
    let living = kept.iter().filter(|(token, _)| token.superseded.is_none()).count();
    prop_assert_eq!(living, 1, "one refresh token lives");
    let generations = kept.iter().map(|(token, _)| usize::try_from(token.generation).unwrap());
    prop_assert!(generations.eq(0..pairs.len()));
    prop_assert_eq!(kept[0].1.revoked.is_some(), model.revoked);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_family_follows_the_rule_whatever_happens(steps in steps(25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(follow(steps))?;
    }
}
