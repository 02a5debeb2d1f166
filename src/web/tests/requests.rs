use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{StatusCode, header};
use serde_json::json;

use super::harness::*;
use crate::clock::Timestamp;
use crate::model::{
    Answer as Given, Answerer, Choice, Class, Decision, Question, Reply, Request, RequestId,
    RequestKind, RequestState,
};
use crate::web::{Asked, NotAnswered, Requests, path_of};

/// Requests on paper: answers are noted, and close their request.
#[derive(Debug, Default)]
pub(super) struct PaperRequests(Mutex<Vec<Asked>>, Mutex<Vec<(Reply, Answerer)>>);

impl PaperRequests {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, kind: RequestKind) -> RequestId {
        let mut all = self.lock();
        let id: RequestId = format!("{:026}", all.len() + 1).parse().unwrap();
        all.push(Asked {
            title: "Tidy \u{202e}up".into(),
            project: "my-api".into(),
            executor: "claude".into(),
            request: Request {
                id: id.clone(),
                task_id: "00000000000000000000000009".parse().unwrap(),
                agent_ref: "r".into(),
                kind,
                asked_at: Timestamp::from_millis(1_795_153_266_120),
                expires_at: Timestamp::from_millis(1_795_153_266_120 + 900_000),
                state: RequestState::Open,
            },
        });
        id
    }

    fn end(&self, id: &RequestId, state: RequestState) {
        let mut all = self.lock();
        all.iter_mut().find(|it| it.request.id == *id).unwrap().request.state = state;
    }

    fn given(&self) -> Vec<(Reply, Answerer)> {
        self.1.lock().unwrap().clone()
    }
}

impl Requests for PaperRequests {
    fn open(&self) -> BoxFuture<'_, Result<Vec<Asked>, NotAnswered>> {
        let is_open = |asked: &&Asked| asked.request.state == RequestState::Open;
        let open = self.lock().iter().filter(is_open).cloned().collect();
        std::future::ready(Ok(open)).boxed()
    }

    fn find<'a>(&'a self, id: &'a RequestId) -> BoxFuture<'a, Result<Option<Asked>, NotAnswered>> {
        let found = self.lock().iter().find(|it| it.request.id == *id).cloned();
        std::future::ready(Ok(found)).boxed()
    }

    fn answer<'a>(
        &'a self,
        id: &'a RequestId,
        reply: Reply,
        by: Answerer,
    ) -> BoxFuture<'a, Result<(), NotAnswered>> {
        let closed = self
            .lock()
            .iter()
            .any(|it| it.request.id == *id && it.request.state != RequestState::Open);
        if closed {
            let message = "The request was denied already.".to_owned();
            let status = StatusCode::CONFLICT;
            return std::future::ready(Err(NotAnswered { status, message })).boxed();
        }
        let decision = match &reply {
            Reply::Deny { .. } => Decision::Deny { message: "no".into() },
            _ => Decision::Allow,
        };
        let answer = Given { decision, by: by.clone() };
        let at = Timestamp::from_millis(1_795_153_266_120 + 60_000);
        self.end(id, RequestState::Answered { answer, at, delivered: true });
        self.1.lock().unwrap().push((reply, by));
        std::future::ready(Ok(())).boxed()
    }
}

fn command() -> RequestKind {
    RequestKind::Permission {
        tool: "Bash".into(),
        input: json!({ "command": "cargo test && \u{202e}rm <b>x</b>", "timeout": 60 }),
        preview: "cargo test".into(),
        class: Class::Exec,
    }
}

fn question() -> RequestKind {
    let choice = |label: &str| Choice { label: label.into(), about: "so it is".into() };
    let question = Question {
        text: "Which colour?".into(),
        header: "Colour".into(),
        several: false,
        choices: vec![choice("Red"), choice("Blue")],
    };
    RequestKind::Question { questions: vec![question], preview: "Which colour?".into() }
}

fn plan(text: &str) -> RequestKind {
    RequestKind::Plan { plan: text.into(), preview: "1. read".into() }
}

fn proof(page: &Answer) -> String {
    let rest = page.body.split_once("name=\"proof\" value=\"").expect("a form").1;
    rest.split_once('"').unwrap().0.to_owned()
}

fn main_of(page: &Answer) -> String {
    let main = page.body.split_once("<main>").unwrap().1.split_once("</main>").unwrap().0;
    main.replace("><", ">\n<").replace(&proof_or_nothing(page), "PROOF")
}

fn proof_or_nothing(page: &Answer) -> String {
    if page.body.contains("name=\"proof\"") { proof(page) } else { "no proof here".into() }
}

#[tokio::test]
async fn a_request_is_shown_whole_with_nothing_hidden_and_answered_by_one_tap() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let id = gateway.requests.ask(command());
    let list = gateway.get_with_cookie("/requests", &cookie).await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.body.contains(&path_of(&id)), "{}", list.body);
    let page = gateway.get_with_cookie(&path_of(&id), &cookie).await;
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    insta::assert_snapshot!("permission", main_of(&page));
    let fields = [("proof", proof(&page)), ("decision", "approve".into())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = gateway.post_with(&path_of(&id), &fields, &[("cookie", &cookie)]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, &*path_of(&id)));
    let device_id = gateway.server.devices().unwrap()[0].id.clone();
    assert_eq!(gateway.requests.given(), [(Reply::Approve, Answerer::Device { device_id })]);
    let page = gateway.get_with_cookie(&path_of(&id), &cookie).await;
    assert!(page.body.contains("Allowed on a paired device at 2026-11-20"), "{}", page.body);
    assert!(!page.body.contains("<form"), "what is answered is not asked again");
    let again = gateway.post_with(&path_of(&id), &fields, &[("cookie", &cookie)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(!gateway.get_with_cookie("/requests", &cookie).await.body.contains(&path_of(&id)));
}

#[tokio::test]
async fn questions_and_plans_are_answered_in_their_own_way() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let (asked, planned) =
        (gateway.requests.ask(question()), gateway.requests.ask(plan("1. read")));
    let page = gateway.get_with_cookie(&path_of(&asked), &cookie).await;
    insta::assert_snapshot!("question", main_of(&page));
    let fields = [("proof", proof(&page)), ("decision", "answer".into()), ("choice-0", "2".into())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let without = &fields[..2];
    let answer = gateway.post_with(&path_of(&asked), without, &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("A question has no answer."), "{}", answer.body);
    let answer = gateway.post_with(&path_of(&asked), &fields, &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);

    let page = gateway.get_with_cookie(&path_of(&planned), &cookie).await;
    insta::assert_snapshot!("plan", main_of(&page));
    let proof = proof(&page);
    let fields = [("proof", proof.as_str()), ("decision", "deny"), ("message", "test first")];
    gateway.post_with(&path_of(&planned), &fields, &[("cookie", &cookie)]).await;
    let replies: Vec<Reply> = gateway.requests.given().into_iter().map(|it| it.0).collect();
    let denied = Reply::Deny { message: Some("test first".into()) };
    assert_eq!(replies, [Reply::Answers { answers: vec!["2".into()] }, denied]);
}

#[tokio::test]
async fn nobody_but_a_paired_device_sees_or_answers_anything() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let id = gateway.requests.ask(command());
    let nothing = format!("{}7", "0".repeat(25));
    let forged = "__Host-gateway_device=gwd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for path in ["/requests".to_owned(), path_of(&id), format!("/requests/{nothing}")] {
        for cookie in ["", forged] {
            let page = gateway.get_with_cookie(&path, cookie).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(page.header(header::WWW_AUTHENTICATE).starts_with("Bearer "), "{path}");
            assert!(!page.body.contains("cargo") && !page.body.contains("my-api"), "{}", page.body);
        }
    }
    let proof = proof(&gateway.get_with_cookie(&path_of(&id), &cookie).await);
    let fields = [("proof", proof.as_str()), ("decision", "approve")];
    let answer = gateway.post(&path_of(&id), &fields).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "the page alone proves nothing");
    let device = gateway.server.devices().unwrap()[0].id.clone();
    gateway.server.revoke_device(&device).await.unwrap();
    let answer = gateway.post_with(&path_of(&id), &fields, &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "a revoked device is a stranger");
    assert_eq!(gateway.requests.given(), []);
}

#[tokio::test]
async fn only_the_page_that_this_device_was_shown_answers() {
    let gateway = TestGateway::start();
    let (cookie, other) = (gateway.pair().await, gateway.pair().await);
    let (id, second) = (gateway.requests.ask(command()), gateway.requests.ask(command()));
    let right = proof(&gateway.get_with_cookie(&path_of(&id), &cookie).await);
    let of_other = proof(&gateway.get_with_cookie(&path_of(&id), &other).await);
    let of_second = proof(&gateway.get_with_cookie(&path_of(&second), &cookie).await);
    for wrong in ["", "x", &of_other, &of_second] {
        let fields = [("proof", wrong), ("decision", "approve")];
        let answer = gateway.post_with(&path_of(&id), &fields, &[("cookie", &cookie)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    // Another site's form carries the cookie only if the browser is old, and never the origin.
    let fields = [("proof", right.as_str()), ("decision", "approve")];
    for headers in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let headers = [("cookie", cookie.as_str()), headers];
        let answer = gateway.post_with(&path_of(&id), &fields, &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert_eq!(gateway.requests.given(), []);
    let answer = gateway.post_with(&path_of(&id), &fields, &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_cannot_be_read_whole_is_not_approved_here() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let id = gateway.requests.ask(plan(&"x".repeat(30_000)));
    let page = gateway.get_with_cookie(&path_of(&id), &cookie).await;
    assert!(page.body.contains("too long to be read here"));
    assert!(!page.body.contains("value=\"approve\""), "no button for it");
    let proof = proof(&page);
    let fields = [("proof", proof.as_str()), ("decision", "approve")];
    let answer = gateway.post_with(&path_of(&id), &fields, &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "nor by a form made by hand");
    let fields = [("proof", proof.as_str()), ("decision", "deny")];
    let answer = gateway.post_with(&path_of(&id), &fields, &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_expired_request_says_so() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let id = gateway.requests.ask(command());
    let at = Timestamp::from_millis(1_795_153_266_120 + 900_000);
    gateway.requests.end(&id, RequestState::Expired { at, delivered: true });
    let page = gateway.get_with_cookie(&path_of(&id), &cookie).await;
    assert!(page.body.contains("Nobody answered in time"), "{}", page.body);
    assert!(!page.body.contains("<form"));
    let missing = gateway.get_with_cookie("/requests/nothing", &cookie).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}
