use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::*;
use crate::clock::{ManualClock, SeededEntropy, Timestamp};

fn trace() -> (Trace, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_153_266_120)));
    (Trace::new(clock.clone()), clock)
}

fn who(name: &str) -> Who {
    Who { id: format!("id-{name}").parse().unwrap(), name: Words::of(name) }
}

fn family(name: &str) -> FamilyId {
    let seed = name.bytes().fold(7_u64, |seed, byte| seed * 31 + u64::from(byte));
    FamilyId::random(&SeededEntropy::new(seed))
}

fn asked() -> Step {
    Step::ConsentAsked { host: Words::of("claude.ai") }
}

fn from(address: &str) -> Sender {
    Sender { from: Some(address.parse().unwrap()), tunnelled: true }
}

/// The texts of what a follower is told.
fn told(page: &Page) -> Vec<String> {
    let name = |entry: &Entry| entry.who.as_ref().map_or("-".into(), |who| who.name.to_string());
    page.entries.iter().map(|it| format!("{} {}", name(it), it.step.name())).collect()
}

/// Signs a client in up to its token.
fn signed_in(trace: &Trace, name: &str, sender: Sender) -> GrantTrace {
    trace.note(Party::Owners(who(name)), asked());
    trace.note(Party::Owners(who(name)), Step::ConsentAllowed);
    trace.token_issued(family(name), who(name), sender);
    trace.grant(&family(name), || who(name))
}

/// What is told when a minute is over, and not before.
async fn silence_of(trace: &Trace, clock: &ManualClock) -> Entry {
    let mut newest = trace.newest();
    let before = *newest.borrow();
    clock.advance(Duration::from_secs(59));
    let watching = trace.keep_watch();
    tokio::pin!(watching);
    assert!(futures::poll!(&mut watching).is_pending());
    assert_eq!(*newest.borrow(), before, "the time is not over yet");
    clock.advance(Duration::from_secs(1));
    tokio::select! {
        () = watching => unreachable!("it goes on for ever"),
        told = newest.wait_for(|now| *now > before) => drop(told.unwrap()),
    }
    trace.after(Some(before)).entries.pop().unwrap()
}

#[test]
fn a_hundred_thousand_steps_of_strangers_stay_in_their_own_small_lane() {
    let (trace, clock) = trace();
    signed_in(&trace, "Claude", from("203.0.113.7")).listed(8);
    let owners = trace.connections()[0].row.clone();
    for n in 0..100_000_u32 {
        let other = who(&format!("{n}{}", "x".repeat(300)));
        match n % 6 {
            0 => trace.note(Party::Stranger, Step::ResourceMetadataRead),
            1 => trace.note(Party::Claimed(other), Step::Registered),
            2 => trace.note(Party::Claimed(other), asked()),
            3 => trace.note(
                Party::Stranger,
                Step::AuthorizationRefused { why: Words::of(&"\u{202e}y".repeat(5000)) },
            ),
            4 => trace.note(Party::Claimed(who("Claude")), asked()),
            _ => trace.turned_away(None, Obstacle::NoToken),
        }
        clock.advance(Duration::from_millis(7));
    }
    assert_eq!(trace.connections()[0].row, owners);
    let state = trace.lock();
    assert_eq!(state.strangers.iter().count(), STRANGERS_MAX);
    let bytes: usize = state
        .strangers
        .iter()
        .map(|it| {
            let who = it.who.as_ref();
            let why = match &it.step {
                Step::AuthorizationRefused { why } => why.as_str().len(),
                _ => 0,
            };
            why + who.map_or(0, |who| who.id.as_str().len() + who.name.as_str().len())
        })
        .sum();
    assert!(bytes < STRANGERS_MAX * 1024, "{bytes}");
    drop(state);
    let page = trace.after(Some(3));
    assert!(page.entries.iter().any(|it| it.proven && it.step == Step::FirstCall));
    let asks = |it: &&Entry| it.who == Some(who("Claude")) && !it.proven;
    assert_eq!(page.entries.iter().filter(asks).count(), 1, "what repeats itself is one entry");
}

#[test]
fn what_repeats_itself_is_told_again_only_after_a_while() {
    let (trace, clock) = trace();
    let refuse = |why: &str| {
        let step = Step::AuthorizationRefused { why: Words::of(why) };
        trace.note(Party::Stranger, step);
    };
    for n in 0..18 {
        refuse(&format!("reason {n}"));
        clock.advance(Duration::from_millis(500));
    }
    assert_eq!(trace.after(None).cursor, 1, "what a stranger varies is no news");
    clock.advance(Duration::from_secs(1));
    refuse("the newest reason");
    let page = trace.after(Some(1));
    assert_eq!(told(&page), ["- authorization_refused"]);
    assert_eq!((page.entries[0].times, page.missed), (19, 0));
    // What keeps a request from the endpoint is one of a few kinds, and told by kind.
    trace.turned_away(None, Obstacle::Host);
    trace.turned_away(None, Obstacle::Origin);
    trace.turned_away(None, Obstacle::Host);
    assert_eq!(told(&trace.after(Some(page.cursor))), ["- call_refused", "- call_refused"]);
}

#[test]
fn how_a_client_came_stands_beside_the_owners_answer_and_outlives_the_strangers() {
    let (trace, clock) = trace();
    trace.note(Party::Claimed(who("Codex")), Step::Registered);
    trace.note(Party::Claimed(who("Codex")), asked());
    trace.note(
        Party::Claimed(who("Codex")),
        Step::TokenRefused { error: "invalid_grant", why: Words::of("a stranger tried") },
    );
    assert!(trace.connections().is_empty());
    trace.note(Party::Owners(who("Codex")), Step::ConsentAllowed);
    for n in 0..STRANGERS_MAX {
        trace.note(Party::Claimed(who(&n.to_string())), Step::Registered);
    }
    assert_eq!(trace.connections()[0].row, "registered → asked → allowed");
    trace.token_issued(family("one"), who("Codex"), from("127.0.0.1"));
    trace.grant(&family("one"), || who("Codex")).listed(8);
    let whole = "registered → asked → allowed → token issued → called → listed 8 tools";
    assert_eq!(trace.connections()[0].row, whole);
    // It signs in once more.
    clock.advance(Duration::from_secs(3600));
    trace.note(Party::Owners(who("Codex")), Step::TokenRenewed);
    assert_eq!(trace.connections()[0].row, whole);
    trace.note(Party::Owners(who("Codex")), asked());
    assert_eq!(trace.connections()[0].row, "registered → asked");
}

#[test]
fn a_follower_that_lags_is_told_what_is_left_and_how_much_is_not() {
    let (trace, clock) = trace();
    let cursor = trace.after(None).cursor;
    for n in 0..STRANGERS_MAX + 10 {
        trace.note(Party::Claimed(who(&n.to_string())), Step::Registered);
    }
    // What takes the place of its like is shown with how often it was, and is not missed.
    for _ in 0..3 {
        clock.advance(STRANGERS_QUIET);
        trace.note(Party::Claimed(who("12")), Step::Registered);
    }
    let page = trace.after(Some(cursor));
    assert_eq!((page.entries.len(), page.missed), (STRANGERS_MAX, 10));
    assert!(page.entries.is_sorted_by_key(|it| it.seq));
    let page = trace.after(Some(page.cursor));
    assert_eq!((page.entries.len(), page.missed), (0, 0));
    // Who comes new is told what was of late, and misses nothing.
    let page = trace.after(None);
    assert_eq!((page.entries.len(), page.missed), (RECENT, 0));
    assert_eq!(trace.after(Some(u64::MAX)).missed, 0);
}

#[test]
fn after_its_first_call_and_list_a_grant_is_traced_without_a_lock() {
    let (trace, _) = trace();
    let grant = signed_in(&trace, "Claude", from("203.0.113.7"));
    grant.answered(StatusCode::OK);
    grant.listed(8);
    // Looked up once more, it is the same.
    let again = trace.grant(&family("Claude"), || unreachable!("it is known"));
    let held = trace.lock();
    let newest = held.newest;
    for grant in [&grant, &again] {
        grant.answered(StatusCode::OK);
        grant.answered(StatusCode::NOT_FOUND);
        grant.listed(8);
    }
    assert_eq!(held.newest, newest);
}

#[test]
fn a_good_call_or_a_renewed_token_ends_what_was_refused_before() {
    let (trace, clock) = trace();
    let grant = signed_in(&trace, "Claude", from("203.0.113.7"));
    grant.listed(8);
    let whole = "asked → allowed → token issued → called → listed 8 tools";
    let row = || trace.connections()[0].row.clone();
    // However fast it goes, and whatever it was.
    for obstacle in [Obstacle::Outdated, Obstacle::Ended, Obstacle::OtherAddress] {
        for pause in [0, 400, 700, 5000] {
            clock.advance(Duration::from_millis(pause));
            grant.refused(obstacle);
            grant.answered(StatusCode::OK);
            assert_eq!(row(), whole);
        }
    }
    clock.advance(Duration::from_secs(1));
    grant.refused(Obstacle::Outdated);
    assert_eq!(row(), format!("{whole} → call refused"));
    trace.note(Party::Owners(who("Claude")), Step::TokenRenewed);
    assert_eq!(row(), whole);
    clock.advance(Duration::from_secs(1));
    grant.refused(Obstacle::OtherAddress);
    trace.note(Party::Owners(who("Claude")), Step::TokenRenewed);
    assert_eq!(row(), format!("{whole} → call refused"), "another token does not help there");
    // The row is the client's, whichever of its grants goes on.
    let other = trace.grant(&family("another"), || who("Claude"));
    other.answered(StatusCode::OK);
    clock.advance(Duration::from_secs(1));
    grant.refused(Obstacle::Ended);
    other.answered(StatusCode::FORBIDDEN);
    assert!(!row().contains("refused"), "{}", row());
    let cursor = trace.after(None).cursor;
    other.answered(StatusCode::OK);
    assert_eq!(trace.after(None).cursor, cursor, "it is told once");
}

#[test]
fn a_session_that_is_gone_is_no_refusal_and_too_many_requests_have_their_own_cure() {
    let (trace, _) = trace();
    let grant = signed_in(&trace, "Claude", from("203.0.113.7"));
    grant.answered(StatusCode::NOT_FOUND);
    assert_eq!(trace.connections()[0].row, "asked → allowed → token issued");
    grant.answered(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(trace.connections()[0].last.step, Step::CallRefused(Obstacle::TooMany));
}

#[test]
fn grants_are_remembered_up_to_a_bound() {
    let (trace, _) = trace();
    for n in 0..GRANTS_MAX + 5 {
        trace.token_issued(family(&n.to_string()), who("Claude"), from("203.0.113.7"));
        trace.grant(&family(&n.to_string()), || who("Claude")).answered(StatusCode::OK);
    }
    assert_eq!(trace.lock().grants.len(), GRANTS_MAX);
}

#[tokio::test]
async fn a_token_without_a_call_is_told_after_a_minute_and_not_again() {
    let (trace, clock) = trace();
    let grant = signed_in(&trace, "Claude", from("203.0.113.7"));
    let silence = silence_of(&trace, &clock).await;
    assert_eq!(silence.step, Step::NoCall { met: None, tunnelled: true });
    assert!(silence.step.to_string().contains("the tunnel's edge keeps its calls back"));
    assert!(silence.step.hint().unwrap().contains("gateway doctor --public"));
    assert_eq!(trace.lock().awaited.next_due(), None);
    assert_eq!(trace.connections()[0].row, "asked → allowed → token issued → no call");
    grant.answered(StatusCode::OK);
    assert_eq!(trace.connections()[0].row, "asked → allowed → token issued → called");
}

#[tokio::test]
async fn the_likely_cause_is_what_was_seen_of_the_client_meanwhile() {
    let cases: [(Obstacle, &str, &str); 5] = [
        (Obstacle::Path("/"), "instead of /mcp (404)", "must end in /mcp"),
        (Obstacle::Host, "does not answer to (421)", "server.allowed_hosts"),
        (Obstacle::Origin, "another origin (403)", "not a web page"),
        (Obstacle::TooMany, "too many requests (429)", "limits.requests_per_minute"),
        (Obstacle::NoToken, "without its token (401)", "Authorization header"),
    ];
    for (obstacle, cause, cure) in cases {
        let (trace, clock) = trace();
        let _silent = signed_in(&trace, "Claude", from("160.79.104.10"));
        // A hosted app's next request comes from its neighbour; another network's says nothing.
        trace.turned_away(Some("198.51.100.1".parse().unwrap()), Obstacle::Host);
        trace.turned_away(Some("160.79.107.99".parse().unwrap()), Obstacle::NoToken);
        trace.turned_away(Some("160.79.107.99".parse().unwrap()), obstacle);
        let step = silence_of(&trace, &clock).await.step;
        assert_eq!(step, Step::NoCall { met: Some(Cause::Near(obstacle)), tunnelled: true });
        let text = step.to_string();
        assert!(text.contains("; likely cause, seen from its network: it "), "{step}");
        assert!(text.ends_with(cause), "{step}");
        assert!(step.hint().unwrap().contains(cure), "{step}");
    }
}

#[tokio::test]
async fn what_was_seen_of_the_grant_itself_counts_more_than_what_its_network_did() {
    let (trace, clock) = trace();
    let grant = signed_in(&trace, "Claude", from("203.0.113.7"));
    // A stranger in its network, with what would explain more.
    trace.turned_away(Some("203.0.113.8".parse().unwrap()), Obstacle::OnlyHere);
    grant.answered(StatusCode::TOO_MANY_REQUESTS);
    trace.turned_away(Some("203.0.113.8".parse().unwrap()), Obstacle::Host);
    let step = silence_of(&trace, &clock).await.step;
    let cause = "; likely cause: it sent too many requests (429)";
    assert!(step.to_string().ends_with(cause), "{step}");
    let grant = signed_in(&trace, "Codex", from("127.0.0.1"));
    grant.answered(StatusCode::NOT_ACCEPTABLE);
    grant.refused(Obstacle::OtherAddress);
    let step = silence_of(&trace, &clock).await.step;
    assert!(step.to_string().ends_with("at another address of this gateway (401)"), "{step}");
    // A server that fails, and a scope that is lacking, keep nobody from calling.
    let grant = signed_in(&trace, "Inspector", from("127.0.0.1"));
    grant.answered(StatusCode::INTERNAL_SERVER_ERROR);
    grant.answered(StatusCode::FORBIDDEN);
    assert_eq!(trace.lock().awaited.next_due(), None);
}

#[tokio::test]
async fn who_shares_no_network_with_a_grant_says_nothing_about_it() {
    // Nobody knows where either is; or both are this machine, or a proxy on it.
    for address in [None, Some("127.0.0.1"), Some("::1"), Some("::ffff:127.0.0.1")] {
        let (trace, clock) = trace();
        let from = address.map(|address| address.parse().unwrap());
        let _silent = signed_in(&trace, "Claude", Sender { from, tunnelled: true });
        trace.turned_away(from, Obstacle::Host);
        let step = silence_of(&trace, &clock).await.step;
        assert_eq!(step, Step::NoCall { met: None, tunnelled: true }, "{address:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_mutes_nothing() {
    let (trace, clock) = trace();
    let set_back = || clock.set(Timestamp::from_millis(clock.now().as_millis() - 3_600_000));
    let grant = signed_in(&trace, "Claude", from("203.0.113.7"));
    set_back();
    // Whoever keeps watch looks at the clock, and then waits a minute of it at most.
    assert!(futures::poll!(std::pin::pin!(trace.keep_watch())).is_pending());
    assert_eq!(trace.lock().awaited.next_due(), Some(clock.now().after(Duration::from_secs(60))));
    for _ in 0..2 {
        let cursor = trace.after(None).cursor;
        set_back();
        grant.refused(Obstacle::Ended);
        trace.turned_away(None, Obstacle::NoToken);
        assert_eq!(told(&trace.after(Some(cursor))), ["Claude call_refused", "- challenged"]);
    }
}

#[test]
fn words_of_others_are_cut_and_steer_nothing() {
    let words = Words::of(&format!("Claude\u{1b}[2J\n\u{202e}{}", "z".repeat(500)));
    assert!(words.as_str().starts_with("Claude\u{fffd}[2J\u{fffd}\u{fffd}zz"), "{words}");
    assert_eq!(words.as_str().chars().count(), 200);
}
