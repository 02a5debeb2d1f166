//! Secrets: in logs, on disk, in what is printed.
use crate::harness::*;

#[tokio::test]
async fn no_secret_of_a_sign_in_is_in_the_log_at_its_loudest() {
    let mut gateway = TestGateway::process("").await;
    let client = gateway.mint("one").await;
    let pairing = gateway.pairing().await;
    let cookie = gateway.device().await;
    let code = gateway.code(&client).await;
    let tokens = Tokens::of(&gateway.redeem(&client, &code).await);
    let next = Tokens::of(&gateway.refresh(&client, &tokens.refresh).await);
    assert_eq!(gateway.knock(&next.access).await, 200);
    let minted = gateway.mint_token("script", &[], &[], true).await;
    assert_eq!(gateway.knock(&minted).await, 200);
    let cookie = cookie.split_once('=').unwrap().1;
    let secrets = [
        client.secret.as_deref().unwrap(),
        &pairing.token,
        &pairing.code,
        cookie,
        &code,
        &tokens.access,
        &tokens.refresh,
        &next.access,
        &next.refresh,
        &minted,
        VERIFIER,
        "2planted_authtoken",
    ];
    // Also where they do not belong, and where something is wrong with them.
    for secret in secrets {
        gateway.send(Ask::get(&format!("/mcp?access_token={secret}"))).await;
        // One that can be told by its form is masked also where nobody expects it.
        if secret.starts_with("gw") {
            gateway.send(Ask::get(&format!("/{secret}/x"))).await;
        }
        gateway.send(Ask::get("/mcp").bearer(&format!("{secret}!"))).await;
        gateway.send(Ask::post("/token").form(&[("code", secret), ("code", secret)])).await;
        gateway.send(Ask::get("/pair").header("cookie", secret)).await;
    }
    gateway.end_program().await;
    let log = gateway.program().log();
    assert!(log.contains("answered"), "the log speaks of requests: {log}");
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is in the log");
    }
}

#[tokio::test]
async fn nothing_that_is_kept_on_disk_opens_the_door() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let cookie = gateway.device().await;
    let tokens = gateway.sign_in(&client).await;
    let minted = gateway.mint_token("script", &[], &[], true).await;
    let pairing = gateway.pairing().await;
    let mut folders = vec![gateway.folder().to_owned()];
    let mut kept = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_type().unwrap().is_file() {
                kept.extend(std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let cookie = cookie.split_once('=').unwrap().1;
    let secrets = [&minted, &tokens.access, &tokens.refresh, &pairing.token, &pairing.code, cookie];
    for secret in secrets {
        let secret = secret.as_bytes();
        assert!(!kept.windows(secret.len()).any(|it| it == secret));
    }
}
