use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::backoff::Law;
use crate::cloudflared::CloudflaredError;
use crate::event::Note;
use crate::ngrok::NgrokError;

/// One step of a scripted session.
enum Step {
    Report(Report),
    /// Waits in virtual time.
    Sleep(u64),
    End(TunnelError),
    Panic,
    /// Ignores the request to close.
    Hang,
}

/// A provider whose sessions follow scripts; after the last it stays open until closed.
#[derive(Debug)]
struct Scripted {
    scripts: Mutex<VecDeque<Vec<Step>>>,
    running: Arc<AtomicU32>,
    openings_max: Option<(u32, Duration)>,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step")
    }
}

impl Provider for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn policy(&self) -> Policy {
        Policy {
            law: Law::default(),
            openings_max: self.openings_max,
            close_within: Duration::from_secs(5),
            reopen_when_not_served: true,
        }
    }

    fn run(&self, link: SessionLink) -> BoxFuture<'static, Result<(), TunnelError>> {
        let script = self.scripts.lock().unwrap().pop_front();
        let running = Arc::clone(&self.running);
        async move {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "one session at a time");
            let _leave = LeaveOnDrop(running);
            for step in script.unwrap_or_else(|| vec![opened("https://rest.example")]) {
                match step {
                    Step::Report(report) => link.report(report).await,
                    Step::Sleep(secs) => tokio::select! {
                        () = tokio::time::sleep(Duration::from_secs(secs)) => {}
                        () = link.closing().cancelled() => return Ok(()),
                    },
                    Step::End(error) => return Err(error),
                    Step::Panic => panic!("scripted"),
                    Step::Hang => pending().await,
                }
            }
            link.closing().cancelled().await;
            Ok(())
        }
        .boxed()
    }
}

struct LeaveOnDrop(Arc<AtomicU32>);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn opened(at: &str) -> Step {
    Step::Report(Report::Opened { url: url(at) })
}

fn gone() -> TunnelError {
    NgrokError::ConnectionLost("scripted".to_owned()).into()
}

fn rejected() -> TunnelError {
    NgrokError::AuthtokenMissing.into()
}

fn options() -> Options {
    Options::new(Arc::new(|ceiling: Duration| ceiling))
}

fn start(scripts: Vec<Vec<Step>>, options: Options) -> TunnelHandle {
    start_limited(scripts, options, None)
}

fn start_limited(
    scripts: Vec<Vec<Step>>,
    options: Options,
    openings_max: Option<(u32, Duration)>,
) -> TunnelHandle {
    let scripts = Mutex::new(scripts.into());
    let provider = Scripted { scripts, running: Arc::default(), openings_max };
    Tunnel::start(Arc::new(provider), options).0
}

/// The sentences told until (and with) the first that contains `last`.
async fn told_until(events: &mut broadcast::Receiver<TunnelEvent>, last: &str) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        told.push(events.recv().await.unwrap().to_string());
        if told.last().unwrap().contains(last) {
            return told;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_comes_up_is_lost_and_comes_back_under_a_new_address() {
    let script = vec![
        vec![opened("https://one.example"), Step::Sleep(120), Step::End(gone())],
        vec![opened("https://two.example")],
    ];
    let handle = start(script, options());
    let mut events = handle.events();
    let told = told_until(&mut events, "the tunnel is back").await;
    assert_eq!(
        told,
        [
            "opening the tunnel",
            "the tunnel is open at https://one.example/, checking it",
            "the tunnel is up at https://one.example/",
            "trying again now: the connection to ngrok ended: scripted",
            "opening the tunnel",
            "the tunnel is open at https://two.example/, checking it",
            "the public address changed from https://one.example/ to https://two.example/",
            "the tunnel is back at https://two.example/ after 0.0 s",
        ]
    );
    handle.close().await;
    assert!(matches!(*handle.state().borrow(), TunnelState::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_the_provider_mends_keeps_address_and_session() {
    let script = vec![vec![
        opened("https://one.example"),
        Step::Sleep(5),
        Step::Report(Report::Lost { cause: gone() }),
        Step::Sleep(3),
        opened("https://one.example"),
    ]];
    let handle = start(script, options());
    let mut events = handle.events();
    let mut state = handle.state();
    let lost = state.wait_for(|state| matches!(state, TunnelState::Reconnecting { .. }));
    let TunnelState::Reconnecting { url: kept, .. } = lost.await.unwrap().clone() else {
        panic!("reconnecting")
    };
    assert_eq!(kept, Some(url("https://one.example")));
    let told = told_until(&mut events, "is back").await;
    assert_eq!(told.last().unwrap(), "the tunnel is back at https://one.example/ after 3.0 s");
    assert!(!told.iter().any(|line| line.contains("changed")));
}

#[tokio::test(start_paused = true)]
async fn the_address_stays_known_while_a_new_session_is_opened() {
    let opening = || vec![Step::Sleep(7), Step::End(gone())];
    let script = vec![
        vec![opened("https://one.example"), Step::Sleep(5), Step::End(gone())],
        opening(),
        opening(),
        vec![opened("https://two.example")],
    ];
    let handle = start(script, options());
    let mut state = handle.state();
    state.wait_for(TunnelState::is_up).await.unwrap();
    let new = url("https://two.example");
    loop {
        state.changed().await.unwrap();
        let now = state.borrow_and_update();
        let address = now.url().expect("an address at all times");
        if *address == new {
            break;
        }
        assert_eq!(*address, url("https://one.example"), "{now:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_told_with_its_cure_and_still_closes() {
    let handle = start(vec![vec![Step::End(rejected())]], options());
    let mut state = handle.state();
    let failed = state.wait_for(TunnelState::is_final).await.unwrap().clone();
    let TunnelState::Failed { told, hint, .. } = failed else { panic!("failed") };
    assert_eq!(told, "no ngrok authtoken is configured");
    assert!(hint.unwrap().contains("gateway secrets set"));
    handle.close().await;
    handle.close().await;
    assert!(matches!(*handle.state().borrow(), TunnelState::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_does_not_pass_is_given_up() {
    let refused = || Step::End(CloudflaredError::Refused("no".to_owned()).into());
    let handle = start((0..3).map(|_| vec![refused()]).collect(), options());
    let mut state = handle.state();
    let failed = state.wait_for(TunnelState::is_final).await.unwrap().clone();
    let TunnelState::Failed { told, .. } = failed else { panic!("failed") };
    assert!(told.starts_with("given up after 3 tries: Cloudflare refused"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn the_first_reader_of_events_misses_nothing() {
    let handle = start(vec![vec![opened("https://one.example")]], options());
    handle.state().wait_for(TunnelState::is_up).await.unwrap();
    let told = told_until(&mut handle.events(), "is up").await;
    assert_eq!(told[0], "opening the tunnel");
    assert!(handle.events().is_empty(), "a second reader hears only what is new");
}

#[tokio::test(start_paused = true)]
async fn events_end_with_the_tunnel_for_every_reader() {
    use tokio::sync::broadcast::error::RecvError;
    let handle = start(vec![vec![opened("https://one.example"), Step::Hang]], options());
    handle.state().wait_for(TunnelState::is_up).await.unwrap();
    let (mut first, mut second) = (handle.events(), handle.events());
    handle.close().await;
    while first.recv().await.is_ok() {}
    while second.recv().await.is_ok() {}
    // The handle is still there; a reader that waits for the end must not wait for it.
    assert!(matches!(handle.events().recv().await, Err(RecvError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_provider_is_a_failure_and_not_the_end() {
    let handle = start(vec![vec![Step::Panic]], options());
    handle.state().wait_for(TunnelState::is_up).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_does_not_close_is_dropped_in_time() {
    let handle = start(vec![vec![opened("https://one.example"), Step::Hang]], options());
    handle.state().wait_for(TunnelState::is_up).await.unwrap();
    let asked = Instant::now();
    handle.close().await;
    assert_eq!(asked.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn openings_are_limited_and_failures_that_reached_nobody_are_free() {
    let ended = || vec![Step::End(CloudflaredError::EdgeRefused("no".to_owned()).into())];
    let offline = || vec![Step::End(CloudflaredError::NoInternet("no".to_owned()).into())];
    let mut scripts: Vec<_> = (0..20).map(|_| offline()).collect();
    scripts.extend((0..5).map(|_| ended()));
    let began = Instant::now();
    let handle = start_limited(scripts, options(), Some((5, Duration::from_secs(600))));
    handle.state().wait_for(TunnelState::is_up).await.unwrap();
    // The sixth that reached the service had to wait for the first to be ten minutes old.
    assert!(began.elapsed() >= Duration::from_secs(600), "{:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(900), "{:?}", began.elapsed());
}

/// Answers checks from a script, then well.
#[derive(Debug)]
struct ScriptedVerify(Mutex<VecDeque<Result<(), VerifyError>>>, AtomicU32);

impl ScriptedVerify {
    fn answering(answers: Vec<Result<(), VerifyError>>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(answers.into()), AtomicU32::default()))
    }
}

impl Verify for ScriptedVerify {
    fn verify<'a>(&'a self, _url: &'a Url) -> BoxFuture<'a, Result<(), VerifyError>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let answer = self.0.lock().unwrap().pop_front().unwrap_or(Ok(()));
        Box::pin(std::future::ready(answer))
    }
}

fn not_yet() -> Result<(), VerifyError> {
    Err(VerifyError::NotYet("no such name".to_owned()))
}

fn not_served() -> Result<(), VerifyError> {
    Err(VerifyError::NotServed("404".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn the_tunnel_is_up_only_after_its_address_was_checked() {
    let verify = ScriptedVerify::answering(vec![not_yet(), not_yet()]);
    let options = Options { verify: Arc::clone(&verify) as Arc<dyn Verify>, ..options() };
    let handle = start(vec![vec![opened("https://one.example")]], options);
    let began = Instant::now();
    let mut state = handle.state();
    let checking = state.wait_for(|state| match state {
        TunnelState::Verifying { problem, .. } => problem.is_some(),
        _ => false,
    });
    assert!(checking.await.unwrap().url().is_some());
    handle.state().wait_for(TunnelState::is_up).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!(verify.1.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_never_leads_here_is_opened_anew() {
    let verify = ScriptedVerify::answering((0..61).map(|_| not_served()).collect());
    let options = Options { verify, ..options() };
    let handle = start(vec![vec![opened("https://one.example")]], options);
    let mut state = handle.state();
    let up = state.wait_for(TunnelState::is_up).await.unwrap();
    assert_eq!(up.url(), Some(&url("https://rest.example")));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_counts_as_failed() {
    #[derive(Debug)]
    struct Hanging;
    impl Verify for Hanging {
        fn verify<'a>(&'a self, _url: &'a Url) -> BoxFuture<'a, Result<(), VerifyError>> {
            Box::pin(pending())
        }
    }
    let options = Options { verify: Arc::new(Hanging), ..options() };
    let handle = start(vec![vec![opened("https://one.example")]], options);
    let mut events = handle.events();
    let told = told_until(&mut events, "does not answer yet").await;
    assert!(told.last().unwrap().contains("within 10 s"));
}

#[tokio::test(start_paused = true)]
async fn an_address_is_checked_again_while_it_is_up() {
    let verify = ScriptedVerify::answering(vec![Ok(()), not_yet(), Ok(()), not_served()]);
    let reverify_every = Some(Duration::from_secs(300));
    let options = Options { verify: verify.clone(), reverify_every, ..options() };
    let handle = start(vec![vec![opened("https://one.example")]], options);
    let mut state = handle.state();
    state.wait_for(TunnelState::is_up).await.unwrap();
    let began = Instant::now();
    state.mark_unchanged();
    // One failed probe changes nothing; one that surely leads elsewhere does.
    state.wait_for(|state| matches!(state, TunnelState::Verifying { .. })).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(601));
    assert_eq!(verify.1.load(Ordering::SeqCst), 4);
    state.wait_for(TunnelState::is_up).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_tunnel_is_off_until_closed() {
    let (handle, _incoming) = Tunnel::start(Arc::new(crate::none::NoTunnel), options());
    handle.state().wait_for(|state| matches!(state, TunnelState::Off)).await.unwrap();
    handle.close().await;
    assert!(matches!(*handle.state().borrow(), TunnelState::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_flaps_are_each_over_within_their_wait_and_leave_nothing() {
    let flap = || vec![opened("https://one.example"), Step::Sleep(2), Step::End(gone())];
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    let handle = start((0..1000).map(|_| flap()).collect(), options());
    let mut events = handle.events();
    let mut ups = 0;
    let mut longest = Duration::ZERO;
    while ups < 1001 {
        match events.recv().await.unwrap() {
            TunnelEvent::Up { outage, .. } => {
                ups += 1;
                longest = longest.max(outage.unwrap_or_default());
            }
            TunnelEvent::Note(Note::LinesSuppressed { .. }) => unreachable!("not scripted"),
            _ => {}
        }
    }
    assert!(longest <= Duration::from_secs(31), "{longest:?}");
    handle.close().await;
    assert_eq!(metrics.num_alive_tasks(), before);
}
