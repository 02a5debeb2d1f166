//! MCP sessions: hijacked, guessed, fixed, kept beyond the grant that opened them.
use gateway::gateway::admin::Call;
use serde_json::json;

use crate::harness::*;

/// Two grants of one client and one of another.
async fn three(gateway: &TestGateway) -> [Tokens; 3] {
    let (client, other) = (gateway.mint("one").await, gateway.mint("other").await);
    [gateway.sign_in(&client).await, gateway.sign_in(&client).await, gateway.sign_in(&other).await]
}

#[tokio::test]
async fn a_session_answers_to_the_grant_that_opened_it_only() {
    let gateway = TestGateway::start().await;
    let [owners, same_client, other_client] = three(&gateway).await;
    let session = gateway.session(&owners.access).await;
    for stranger in [&same_client, &other_client] {
        assert_eq!(gateway.in_session(&stranger.access, &session).await, 404);
        for method in ["GET", "DELETE"] {
            let ask = Ask::new(method, "/mcp")
                .bearer(&stranger.access)
                .header("accept", "text/event-stream")
                .header("mcp-session-id", &session)
                .header("last-event-id", "0/0");
            assert_eq!(gateway.send(ask).await.status, 404, "{method}");
        }
    }
    assert_eq!(gateway.in_session(&owners.access, &session).await, 200);
}

#[tokio::test]
async fn a_session_without_its_token_is_nothing() {
    let gateway = TestGateway::start().await;
    let [tokens, ..] = three(&gateway).await;
    let session = gateway.session(&tokens.access).await;
    let message = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/list" });
    for (name, value) in [
        ("mcp-session-id", session.as_str()),
        ("cookie", &format!("mcp-session-id={session}")),
        ("authorization", &format!("Bearer {session}")),
    ] {
        assert_eq!(gateway.send(legacy(&message).header(name, value)).await.status, 401, "{name}");
    }
    let mut in_target = legacy(&message).bearer(&tokens.access);
    in_target.target = format!("/mcp?sessionId={session}&mcp-session-id={session}");
    assert_eq!(gateway.send(in_target).await.status, 400, "no session is taken from the address");
}

#[tokio::test]
async fn an_id_that_the_client_made_up_opens_no_session() {
    let gateway = TestGateway::start().await;
    let [tokens, ..] = three(&gateway).await;
    let session = gateway.session(&tokens.access).await;
    for id in [
        "1",
        "--resume",
        "-x",
        "../../etc/passwd",
        "00000000-0000-4000-8000-000000000000",
        &session.to_uppercase(),
        &session[..session.len() - 1],
        &format!("{session}0"),
        &format!("{session},{session}"),
        &"x".repeat(8_000),
        "%00",
    ] {
        // In capitals an id without letters is the same.
        if id != session {
            assert_eq!(gateway.in_session(&tokens.access, id).await, 404, "{id}");
        }
    }
    let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "t", "version": "1" } } });
    let fixed = legacy(&initialize).bearer(&tokens.access).header("mcp-session-id", "fixed");
    let answer = gateway.send(fixed).await;
    assert_ne!(answer.header("mcp-session-id"), "fixed");
    assert_eq!(gateway.in_session(&tokens.access, "fixed").await, 404);
}

#[tokio::test]
async fn ids_of_sessions_cannot_be_guessed_from_one_another() {
    let gateway = TestGateway::start().await;
    let [tokens, ..] = three(&gateway).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..12 {
        let session = gateway.session(&tokens.access).await;
        assert!(session.len() >= 32, "{session}");
        assert!(session.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{session}");
        assert!(seen.insert(session[..8].to_owned()), "{session}");
    }
}

#[tokio::test]
async fn a_session_does_not_outlive_its_grant() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    let session = gateway.session(&tokens.access).await;
    let fields = [("token", tokens.refresh.as_str())];
    let revoke = Ask::post("/revoke").form(&fields).header("authorization", &client.basic());
    assert_eq!(gateway.send(revoke).await.status, 200);
    assert_eq!(gateway.in_session(&tokens.access, &session).await, 401);
    let anew = gateway.sign_in(&client).await;
    assert_eq!(gateway.in_session(&anew.access, &session).await, 404, "another grant");
}

#[tokio::test]
async fn an_open_event_stream_ends_with_its_grant() {
    let gateway = TestGateway::start().await;
    let [tokens, ..] = three(&gateway).await;
    let session = gateway.session(&tokens.access).await;
    let legacy_stream = Ask::get("/mcp")
        .header("accept", "text/event-stream")
        .header("mcp-session-id", &session)
        .bearer(&tokens.access);
    let notifications = json!({ "notifications": { "resourcesListChanged": true } });
    let listen = modern("subscriptions/listen", notifications).bearer(&tokens.access);
    let mut open = Vec::new();
    for ask in [legacy_stream, listen] {
        let mut wire = gateway.wire().await;
        wire.write(&ask.bytes(&gateway.host)).await;
        let head = wire.head().await.unwrap();
        assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"));
        open.push(wire);
    }
    let revoke = Call::RevokeClient { client: "one".to_owned() };
    gateway.call(revoke).await;
    for mut wire in open {
        // The last chunk of a body (RFC 9112 §7.1): the stream is over, well before the connection.
        wire.body_end().await;
    }
}

#[tokio::test]
async fn a_session_goes_on_under_a_renewed_token_and_under_no_spent_one() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    let session = gateway.session(&tokens.access).await;
    let next = Tokens::of(&gateway.refresh(&client, &tokens.refresh).await);
    assert_eq!(gateway.in_session(&next.access, &session).await, 200);
    gateway.advance(61);
    assert_eq!(gateway.in_session(&tokens.access, &session).await, 401);
}

#[tokio::test]
async fn a_deleted_session_is_gone_and_takes_no_other_along() {
    let gateway = TestGateway::start().await;
    let [tokens, ..] = three(&gateway).await;
    let (one, two) = (gateway.session(&tokens.access).await, gateway.session(&tokens.access).await);
    let delete = Ask::new("DELETE", "/mcp").bearer(&tokens.access).header("mcp-session-id", &one);
    assert_eq!(gateway.send(delete).await.status, 204);
    assert_eq!(gateway.in_session(&tokens.access, &one).await, 404);
    assert_eq!(gateway.in_session(&tokens.access, &two).await, 200);
}

#[tokio::test]
async fn two_session_ids_in_one_request_do_not_mix_two_sessions() {
    let gateway = TestGateway::start().await;
    let [owners, _, others] = three(&gateway).await;
    let (own, foreign) =
        (gateway.session(&owners.access).await, gateway.session(&others.access).await);
    let message = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/list" });
    for pair in [[&foreign, &own], [&own, &foreign]] {
        let ask = pair.into_iter().fold(legacy(&message).bearer(&owners.access), |ask, id| {
            ask.header("mcp-session-id", id)
        });
        let answer = gateway.send(ask).await;
        let delivered_to_own = answer.status == 200 && pair[0] == &own;
        assert!(delivered_to_own || answer.status >= 400, "{pair:?}: {}", answer.status);
    }
    assert_eq!(gateway.in_session(&others.access, &foreign).await, 200, "the other's lives on");
}

#[tokio::test]
async fn an_event_stream_tells_nothing_to_who_has_no_token_for_it() {
    let gateway = TestGateway::start().await;
    let [tokens, ..] = three(&gateway).await;
    let session = gateway.session(&tokens.access).await;
    let stream =
        Ask::get("/mcp").header("accept", "text/event-stream").header("mcp-session-id", &session);
    assert_eq!(gateway.send(stream.clone()).await.status, 401);
    assert_eq!(gateway.send(stream.clone().bearer(&tokens.refresh)).await.status, 401);
    let mut wire = gateway.wire().await;
    wire.write(&stream.bearer(&tokens.access).bytes(&gateway.host)).await;
    let head = wire.head().await.unwrap();
    assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"));
    assert!(!head.has("access-control-allow-origin"));
}

#[tokio::test]
async fn a_flood_of_sessions_of_one_client_ends_none_of_another() {
    let gateway = TestGateway::start().await;
    let [flooding, _, other] = three(&gateway).await;
    let others = gateway.session(&other.access).await;
    for _ in 0..64 {
        gateway.session(&flooding.access).await;
    }
    assert_eq!(gateway.in_session(&other.access, &others).await, 200);
    gateway.call(Call::RevokeClient { client: "one".to_owned() }).await;
    assert_eq!(gateway.in_session(&other.access, &others).await, 200);
}
