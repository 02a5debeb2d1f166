use super::*;
use crate::model::Estimate;

async fn start(bench: &Bench, prompt: &str, priority: Priority) -> Task {
    let new = NewTask { priority, ..new_task(prompt) };
    bench.engine.start(new).await.unwrap().task
}

fn waiting(bench: &Bench) -> Vec<TaskId> {
    bench.engine.standing().waiting.iter().map(|waits| waits.id.clone()).collect()
}

#[tokio::test]
async fn urgent_overtakes_low_and_the_order_survives_a_restart() {
    let mut bench = Bench::new();
    let first = bench.start("first").await;
    let mut run = bench.next_run().await;
    let mut order = Vec::new();
    for priority in [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent] {
        bench.clock.advance(Duration::from_secs(1));
        order.push(start(&bench, priority.name(), priority).await.id);
    }
    order.reverse();
    assert_eq!(waiting(&bench), order);
    assert_eq!(bench.engine.standing().holding, std::slice::from_ref(&first.id));
    assert_eq!(bench.engine.standing().place_of(&order[3]), Some(4));

    bench = bench.killed_and_restarted();
    run = {
        drop(run);
        bench.next_run().await
    };
    assert_eq!(waiting(&bench), order);
    for priority in ["urgent", "high", "normal", "low"] {
        run.complete("");
        run = bench.next_run().await;
        assert_eq!(run.job.prompt, priority);
    }
    run.complete("");
    bench.reaches(&order[3], "completed").await;
    assert_eq!(*bench.engine.standing(), Standing::default());
}

#[tokio::test]
async fn a_task_that_waited_a_day_is_overtaken_by_nobody() {
    let mut bench = Bench::with(Settings { max_timeout: Duration::MAX, ..settings() });
    let long = NewTask { timeout: Some(Duration::from_secs(1_000_000)), ..new_task("first") };
    bench.engine.start(long).await.unwrap();
    let run = bench.next_run().await;
    let low = start(&bench, "low", Priority::Low).await;
    bench.clock.advance(Duration::from_hours(24));
    let urgent = start(&bench, "urgent", Priority::Urgent).await;
    assert_eq!(waiting(&bench), [low.id, urgent.id]);
    run.complete("");
    assert_eq!(bench.next_run().await.job.prompt, "low");
}

#[tokio::test]
async fn who_has_room_begins_at_once_although_others_wait_for_theirs() {
    let mut bench = Bench::new();
    bench.start("one").await;
    bench.next_run().await;
    let waits = start(&bench, "two", Priority::Urgent).await;
    let new = NewTask { project: Some("other".into()), ..new_task("three") };
    let newcomer = bench.engine.start(NewTask { priority: Priority::Low, ..new }).await.unwrap();
    // Its place came with its acceptance: it never stood in the queue.
    assert_eq!(waiting(&bench), [waits.id]);
    assert_eq!(bench.reaches(&newcomer.task.id, "running").await.spec.priority, Priority::Low);
}

#[tokio::test]
async fn an_estimate_comes_from_five_tasks_that_were_done_and_leaves_the_owners_time_out() {
    let mut bench = Bench::new();
    let mut estimates = Vec::new();
    for minutes in [2, 3, 4, 5, 6] {
        let task = bench.start("x").await;
        estimates.push(task.spec.estimate);
        let run = bench.next_run().await;
        run.report(1, vec![asks("r1")]).await;
        bench.reaches(&task.id, "needs_input").await;
        bench.clock.advance(Duration::from_secs(1000));
        let request = bench.store.read(|tx| tx.requests_of(&task.id)).unwrap().remove(0);
        bench.engine.answer(&request.id, Reply::Approve, Answerer::Terminal).await.unwrap();
        bench.clock.advance(Duration::from_secs(minutes * 60));
        run.complete("");
        bench.reaches(&task.id, "completed").await;
    }
    assert_eq!(estimates, [None; 5]);
    let task = bench.start("x").await;
    let expected = Estimate { median_secs: 240, p80_secs: 300, samples: 5 };
    assert_eq!(task.spec.estimate, Some(expected));
    // What did not come to its end tells nothing about how long that takes.
    bench.next_run().await;
    bench.engine.cancel(&task.id, "test".into()).await.unwrap();
    assert_eq!(bench.store.read(|tx| tx.estimate(&task.spec)).unwrap().unwrap().samples, 5);
}
