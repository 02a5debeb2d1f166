use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::cloudflared::CloudflaredError;
use crate::ngrok::NgrokError;

fn passing() -> TunnelError {
    NgrokError::HeartbeatLost.into()
}

fn in_use() -> TunnelError {
    NgrokError::DomainInUse { message: String::new() }.into()
}

fn whole() -> Backoff {
    Backoff::new(Law::default(), Arc::new(|ceiling: Duration| ceiling))
}

fn waited(decision: Decision) -> Duration {
    match decision {
        Decision::Wait(wait) => wait,
        Decision::GiveUp { tries } => panic!("given up after {tries}"),
    }
}

#[tokio::test(start_paused = true)]
async fn ceilings_stay_at_a_second_for_a_minute_and_then_grow_to_thirty() {
    let mut backoff = whole();
    let began = Instant::now();
    let mut waits = Vec::new();
    while began.elapsed() < Duration::from_secs(180) {
        let wait = waited(backoff.decide(Instant::now(), &passing()));
        waits.push((began.elapsed(), wait));
        tokio::time::advance(wait).await;
    }
    assert_eq!(waits[0].1, Duration::from_millis(500));
    let (young, old): (Vec<_>, Vec<_>) =
        waits.iter().partition(|(at, _)| *at < Duration::from_secs(60));
    assert!(young.iter().skip(1).all(|(_, wait)| *wait == Duration::from_secs(1)));
    let old: Vec<u64> = old.iter().map(|(_, wait)| wait.as_secs()).collect();
    assert_eq!(old[..6], [2, 4, 8, 16, 30, 30]);
}

#[tokio::test(start_paused = true)]
async fn the_first_try_after_a_stable_time_is_free_and_flapping_is_not() {
    let mut backoff = whole();
    backoff.up(Instant::now());
    tokio::time::advance(Duration::from_secs(60)).await;
    backoff.lost(Instant::now());
    assert_eq!(waited(backoff.decide(Instant::now(), &passing())), Duration::ZERO);
    backoff.up(Instant::now());
    tokio::time::advance(Duration::from_secs(1)).await;
    backoff.lost(Instant::now());
    assert_eq!(waited(backoff.decide(Instant::now(), &passing())), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_domain_in_use_is_retried_from_five_to_sixty_seconds_for_five_minutes() {
    let mut backoff = whole();
    let began = Instant::now();
    let mut waits = Vec::new();
    let tries = loop {
        match backoff.decide(Instant::now(), &in_use()) {
            Decision::Wait(wait) => {
                waits.push(wait.as_secs());
                tokio::time::advance(wait).await;
            }
            Decision::GiveUp { tries } => break tries,
        }
    };
    assert_eq!(waits[..5], [5, 10, 20, 40, 60]);
    assert!(began.elapsed() >= Duration::from_secs(300));
    assert!(began.elapsed() <= Duration::from_secs(360));
    assert_eq!(tries as usize, waits.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn another_failure_begins_the_count_anew() {
    let mut backoff = whole();
    let untrusted = || -> TunnelError {
        NgrokError::UntrustedTls { address: String::new(), reason: String::new() }.into()
    };
    let now = Instant::now();
    for _ in 0..2 {
        waited(backoff.decide(now, &untrusted()));
    }
    waited(backoff.decide(now, &passing()));
    for _ in 0..2 {
        waited(backoff.decide(now, &untrusted()));
    }
    assert_eq!(backoff.decide(now, &untrusted()), Decision::GiveUp { tries: 3 });
}

#[test]
fn never_is_never() {
    let mut backoff = whole();
    let cause = CloudflaredError::Missing { searched: Vec::new() }.into();
    assert_eq!(backoff.decide(Instant::now(), &cause), Decision::GiveUp { tries: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_budget_spaces_openings_and_takes_a_refund() {
    let mut budget = OpeningBudget::new(Some((5, Duration::from_secs(600))));
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(budget.earliest(Instant::now()), Instant::now());
        budget.spend(Instant::now());
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    assert_eq!(budget.earliest(Instant::now()), began + Duration::from_secs(600));
    budget.refund();
    assert_eq!(budget.earliest(Instant::now()), Instant::now());
    let unlimited = OpeningBudget::new(None);
    assert_eq!(unlimited.earliest(began), began);
}

proptest! {
    #[test]
    fn every_wait_lies_within_its_rule(
        steps in prop::collection::vec((0_u64..120_000, 0_u8..4, 0.0_f64..=1.0), 1..60),
    ) {
        let share = Arc::new(Mutex::new(0.0));
        let drawn = Arc::clone(&share);
        let jitter = move |ceiling: Duration| ceiling.mul_f64(*drawn.lock().unwrap());
        let law = Law::default();
        let mut backoff = Backoff::new(law, Arc::new(jitter));
        let began = Instant::now();
        let mut now = began;
        for (gap, kind, fraction) in steps {
            *share.lock().unwrap() = fraction;
            now += Duration::from_millis(gap);
            let cause = match kind {
                0 | 1 => passing(),
                2 => in_use(),
                _ => CloudflaredError::RateLimited(String::new()).into(),
            };
            let young = now.duration_since(began) < law.fast_for;
            match (backoff.decide(now, &cause), cause.retry()) {
                (Decision::Wait(wait), Retry::Law) => {
                    let cap = if young { law.fast_cap } else { law.slow_cap };
                    prop_assert!(wait <= cap);
                }
                (Decision::Wait(wait), Retry::Rule(rule)) => {
                    prop_assert!(wait >= rule.floor && wait <= rule.cap);
                }
                (Decision::GiveUp { .. }, Retry::Rule(rule)) => {
                    prop_assert!(rule.tries.is_some() || rule.within.is_some());
                }
                (decision, retry) => prop_assert!(false, "{decision:?} for {retry:?}"),
            }
        }
    }
}
