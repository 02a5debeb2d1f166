use axum::body::Body;
use http::{Method, Request, StatusCode, header};

use super::harness::*;
use crate::http::Origin;

const METADATA: [&str; 6] = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
];

#[tokio::test]
async fn every_discovery_path_answers_any_site_and_agrees_with_its_twin() {
    let gateway = TestGateway::start();
    let mut bodies = Vec::new();
    for path in METADATA {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        assert!(answer.header(header::ACCESS_CONTROL_EXPOSE_HEADERS).contains("WWW-Authenticate"));
        bodies.push(answer.json());
    }
    assert_eq!(bodies[0], bodies[1]);
    assert!(bodies[2..].iter().all(|body| *body == bodies[2]));
    assert_eq!(bodies[0]["authorization_servers"][0], bodies[2]["issuer"]);
}

#[tokio::test]
async fn the_documents_follow_the_name_that_was_asked() {
    let mut gateway = TestGateway::start();
    gateway.origin = Origin::new("http", "localhost:8765");
    let answer = gateway.get(METADATA[3]).await;
    assert_eq!(answer.json()["issuer"], "http://localhost:8765");
    assert_eq!(answer.json()["token_endpoint"], "http://localhost:8765/token");
}

#[tokio::test]
async fn head_and_preflight_answer_and_other_methods_are_405() {
    let gateway = TestGateway::start();
    let send = async |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path);
        gateway.send(request.body(Body::empty()).unwrap()).await
    };
    for path in METADATA {
        assert_eq!(send(Method::HEAD, path).await.status, StatusCode::OK);
        assert_eq!(send(Method::POST, path).await.status, StatusCode::METHOD_NOT_ALLOWED);
        let preflight = send(Method::OPTIONS, path).await;
        assert_eq!(preflight.status, StatusCode::NO_CONTENT);
        assert!(preflight.header(header::ACCESS_CONTROL_ALLOW_HEADERS).contains("Authorization"));
    }
    assert_eq!(send(Method::OPTIONS, "/token").await.status, StatusCode::NO_CONTENT);
    assert_eq!(send(Method::GET, "/token").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(send(Method::GET, "/revoke").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(send(Method::DELETE, "/authorize").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(send(Method::PUT, "/pair").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn no_other_site_may_read_what_the_owner_sees() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    for answer in [gateway.authorize(&client).await, gateway.get("/pair").await] {
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "");
    }
}
