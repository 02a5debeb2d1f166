//! Sessions of terminals, handed over to a whole gateway.
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::gateway::admin::CallError;
use crate::model::LinkedSession;

fn of(n: u128, summary: &str) -> LinkedSession {
    LinkedSession {
        session_id: Uuid::from_u128(n),
        summary: summary.into(),
        current_task: None,
        git_branch: None,
        turns: None,
        files_modified: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_belongs_to_the_innermost_project_around_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("outer/inner");
    for made in [inner.join("src"), folder.path().join("elsewhere")] {
        std::fs::create_dir_all(made).unwrap();
    }
    let more = ["outer", "inner"].map(|name| {
        let path = if name == "outer" { folder.path().join(name) } else { inner.clone() };
        format!("projects.{name}.path = {:?}\n", path.display().to_string())
    });
    let more = Arc::new(Mutex::new(more.concat()));
    let gateway = Gateway::start(setup_that_reads(folder.path(), more)).await.unwrap();
    let push = async |session: LinkedSession, at: &Path| -> Result<Value, CallError> {
        gateway.owner().call(Call::PushSession { session, folder: at.to_owned() }).await
    };
    let first = push(of(1, "one"), &inner.join("src")).await.unwrap();
    assert_eq!((&first["project"], &first["updated"]), (&"inner".into(), &false.into()));
    let second = push(of(2, "two"), &folder.path().join("outer")).await.unwrap();
    assert_eq!(second["project"], "outer");
    let again = push(of(1, "three"), &inner).await.unwrap();
    assert_eq!((&again["task_id"], &again["updated"]), (&first["task_id"], &true.into()));
    for nowhere in [folder.path().join("elsewhere"), folder.path().join("gone")] {
        let refused = push(of(3, "x"), &nowhere).await.unwrap_err();
        assert!(refused.message.contains("lies in no project"), "{refused}");
        assert!(refused.hint.contains("gateway projects add"), "{}", refused.hint);
    }
    let list = Call::ListTasks { states: vec!["linked".to_owned()], project: None, limit: 9 };
    let listed = gateway.owner().call(list).await.unwrap();
    let titles: Vec<&str> = listed["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["two", "three"]);
    // Nobody runs there who could hear anything.
    let task = first["task_id"].as_str().unwrap().to_owned();
    let say = Call::Say { task, message: "hello".to_owned() };
    let refused = gateway.owner().call(say).await.unwrap_err();
    assert!(refused.message.contains("is linked: only a running task"), "{refused}");
    gateway.shut_down().await;
}
