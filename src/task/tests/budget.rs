use super::*;
use crate::clock::Clock;
use crate::model::{Failure, FailureKind, TaskState};

fn costs(usd: f64) -> Item {
    Item::Usage { turns: 1, cost: Cost { usd: Some(usd), input_tokens: 10, output_tokens: 5 } }
}

fn turns(turns: u64) -> Item {
    Item::Usage { turns, cost: Cost::default() }
}

fn in_project(name: &str) -> NewTask {
    NewTask { project: Some(name.into()), ..new_task("x") }
}

impl FakeRun {
    /// As an agent ends that was stopped in its work.
    fn stop(self) {
        let verdict = Verdict::Unknown("it was interrupted".into());
        let ended = Ended { verdict, answer: None, notes: Vec::new() };
        self.finish.send(ended).unwrap();
    }

    async fn is_told_to_stop(&mut self) {
        let command = self.commands.recv().await.unwrap();
        assert_eq!(command, Command::Cancel(Pace::Orderly));
    }
}

impl Bench {
    async fn fails(&self, id: &TaskId) -> Failure {
        match self.reaches(id, "failed").await.state {
            TaskState::Failed { failure, .. } => failure,
            other => panic!("{other:?}"),
        }
    }

    /// The money that today has cost.
    fn spent(&self) -> f64 {
        self.store.read(|tx| tx.spending(self.clock.now())).unwrap().total()
    }

    fn until_tomorrow(&self) {
        let today = self.store.read(|tx| tx.spending(self.clock.now())).unwrap();
        self.clock.advance(today.ends_at.since(self.clock.now()));
    }
}

#[tokio::test]
async fn a_task_is_stopped_by_the_report_that_reaches_its_budget() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    run.report(1, vec![costs(2.0)]).await;
    run.report(2, vec![costs(4.99)]).await;
    run.report(3, vec![costs(5.25)]).await;
    run.is_told_to_stop().await;
    assert_eq!(bench.reaches(&task.id, "cancelling").await.run.unwrap().offset, 3);
    run.stop();
    let failure = bench.fails(&task.id).await;
    assert_eq!(failure.kind, FailureKind::BudgetExhausted);
    insta::assert_snapshot!(failure.message, @"the budget of the task is spent: $5.25 of $5.00 (budget.per_task_usd); hint: give the rest to a new task, or let the owner raise the limit");
    // The reports are totals, and each dollar counts once.
    assert!((bench.spent() - 5.25).abs() < 1e-9, "{}", bench.spent());
}

#[tokio::test]
async fn a_task_that_was_done_before_it_could_be_stopped_is_done_and_tells() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    run.report(1, vec![costs(5.25)]).await;
    run.is_told_to_stop().await;
    run.complete("all done");
    let task = bench.reaches(&task.id, "completed").await;
    let outcome = task.state.outcome().unwrap();
    assert_eq!(outcome.answer.as_deref(), Some("all done"));
    assert!(outcome.notes[0].contains("$5.25 of $5.00"), "{:?}", outcome.notes);
}

#[tokio::test]
async fn a_caller_may_lower_the_budget_and_never_raise_it() {
    let mut bench = Bench::new();
    bench.workspaces.budget.lock().unwrap().per_task_usd = Some(2.0);
    let asking = |usd| NewTask { budget_usd: Some(usd), ..new_task("x") };
    let refused = bench.engine.start(asking(2.01)).await.unwrap_err();
    assert_eq!(refused, StartError::BudgetTooHigh { asked: 2.01, limit: 2.0 });
    for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = bench.engine.start(asking(nothing)).await.unwrap_err();
        assert_eq!(refused, StartError::BudgetNotPositive, "{nothing}");
    }
    let task = bench.engine.start(asking(0.5)).await.unwrap().task;
    let mut run = bench.next_run().await;
    assert_eq!(run.job.budget_usd, Some(0.5), "the agent's own brake");
    run.report(1, vec![costs(0.5)]).await;
    run.is_told_to_stop().await;
    run.stop();
    let failure = bench.fails(&task.id).await;
    assert!(failure.message.contains("$0.50 of $0.50 (budget_usd of the task)"), "{failure:?}");
}

#[tokio::test]
async fn one_report_that_spends_the_day_ends_all_and_new_ones_wait_for_tomorrow() {
    let budget = Budget { per_task_usd: 20.0, per_day_usd: 25.0 };
    let mut bench = Bench::with(Settings { budget, ..settings() });
    let first = bench.start("one").await;
    let mut one = bench.next_run().await;
    let other = bench.engine.start(in_project("other")).await.unwrap().task;
    let mut two = bench.next_run().await;
    let queued = bench.start("three").await;
    one.report(1, vec![costs(15.0)]).await;
    two.report(1, vec![costs(10.5)]).await;
    one.is_told_to_stop().await;
    two.is_told_to_stop().await;
    one.stop();
    two.stop();
    let message = bench.fails(&first.id).await.message;
    let ends_at = bench.store.read(|tx| tx.spending(bench.clock.now())).unwrap().ends_at;
    let spent = "the budget of the day is spent: $25.50 of $25.00 (budget.per_day_usd)";
    let again =
        format!("there is money again at {ends_at}, or as soon as the owner raises the limit");
    assert_eq!(message, format!("{spent}; hint: {again}"));
    bench.fails(&other.id).await;

    let refused = bench.engine.start(new_task("four")).await.unwrap_err();
    assert_eq!((refused.to_string(), refused.again()), (spent.to_owned(), Some(again)));
    // What was accepted before is kept for tomorrow, and says why it waits.
    let standing = bench.engine.standing().clone();
    assert_eq!(standing.place_of(&queued.id), Some(1));
    assert_eq!(standing.waiting[0].held_back.as_ref(), Some(&message));
    // Neither is forgotten by a restart.
    let mut bench = bench.killed_and_restarted();
    assert!(matches!(bench.engine.start(new_task("five")).await, Err(StartError::DaySpent { .. })));
    assert_eq!(bench.engine.task(&queued.id).unwrap().unwrap().state.name(), "queued");
    bench.until_tomorrow();
    assert_eq!(bench.next_run().await.job.prompt, "three");
    bench.engine.start(in_project("other")).await.unwrap();
}

#[tokio::test]
async fn a_project_has_a_day_of_its_own_and_the_others_go_on() {
    let mut bench = Bench::new();
    bench.workspaces.budget.lock().unwrap().per_day_usd = Some(1.0);
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    let other = bench.engine.start(in_project("other")).await.unwrap().task;
    let elsewhere = bench.next_run().await;
    elsewhere.report(1, vec![costs(3.0)]).await;
    run.report(1, vec![costs(1.0)]).await;
    run.is_told_to_stop().await;
    run.stop();
    let failure = bench.fails(&task.id).await;
    assert!(failure.message.contains("$1.00 of $1.00 (projects.demo.budget.per_day_usd)"));
    assert!(matches!(bench.engine.start(new_task("y")).await, Err(StartError::DaySpent { .. })));
    elsewhere.complete("");
    bench.reaches(&other.id, "completed").await;
}

#[tokio::test]
async fn an_agent_gets_no_more_than_what_is_left_of_the_day() {
    let mut bench = Bench::new();
    bench.workspaces.budget.lock().unwrap().per_day_usd = Some(3.0);
    let first = bench.start("one").await;
    let run = bench.next_run().await;
    assert_eq!(run.job.budget_usd, Some(3.0));
    run.report(1, vec![costs(2.5)]).await;
    run.complete("");
    bench.reaches(&first.id, "completed").await;
    bench.start("two").await;
    assert_eq!(bench.next_run().await.job.budget_usd, Some(0.5));
}

#[tokio::test]
async fn a_cost_that_nobody_tells_is_unknown_and_spends_nothing() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let run = bench.next_run().await;
    run.report(1, vec![turns(1)]).await;
    run.report(2, vec![costs(0.25)]).await;
    // Told once, it is not unknown again.
    run.report(3, vec![turns(2)]).await;
    run.complete("");
    let task = bench.reaches(&task.id, "completed").await;
    assert_eq!((task.cost.usd, task.progress.turns), (Some(0.25), 2));
    let silent = bench.start("y").await;
    let run = bench.next_run().await;
    run.report(1, vec![turns(40)]).await;
    run.complete("");
    let silent = bench.reaches(&silent.id, "completed").await;
    assert_eq!((silent.cost.usd, silent.cost.to_string()), (None, "unknown".to_owned()));
    assert!((bench.spent() - 0.25).abs() < 1e-9);
}

#[tokio::test]
async fn a_projects_turns_and_minutes_hold_its_tasks() {
    let mut bench = Bench::new();
    *bench.workspaces.budget.lock().unwrap() =
        ProjectBudget { turns: Some(3), minutes: Some(5), ..ProjectBudget::default() };
    let asked = NewTask { timeout: Some(Duration::from_secs(1800)), ..new_task("x") };
    let admitted = bench.engine.start(asked).await.unwrap();
    assert_eq!(admitted.task.spec.timeout_secs, 300);
    assert_eq!(admitted.notes, ["the time limit was cut to the maximum of 5 minutes"]);
    let mut run = bench.next_run().await;
    assert_eq!(run.job.turns_max, Some(3));
    run.report(1, vec![turns(3)]).await;
    run.report(2, vec![turns(4)]).await;
    run.is_told_to_stop().await;
    run.stop();
    let failure = bench.fails(&admitted.task.id).await;
    assert_eq!(failure.kind, FailureKind::BudgetExhausted);
    assert!(failure.message.contains("more than its 3 turns (projects.demo.budget.turns)"));
    assert_eq!(bench.start("y").await.spec.timeout_secs, 300, "also when nothing is asked for");
}

#[tokio::test]
async fn a_budget_that_the_owner_lowers_holds_for_what_runs() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    run.report(1, vec![costs(3.0)]).await;
    bench.workspaces.budget.lock().unwrap().per_task_usd = Some(2.0);
    // No report comes, so that the engine has to look by itself.
    while bench.engine.task(&task.id).unwrap().unwrap().cost.usd.is_none() {
        tokio::task::yield_now().await;
    }
    bench.clock.advance(Duration::from_secs(30));
    run.is_told_to_stop().await;
    run.stop();
    let failure = bench.fails(&task.id).await;
    assert!(failure.message.contains("(projects.demo.budget.per_task_usd)"), "{failure:?}");
}

#[tokio::test]
async fn what_has_no_agent_yet_when_the_day_is_spent_has_failed_and_is_not_done() {
    let budget = Budget { per_task_usd: 5.0, per_day_usd: 4.0 };
    let mut bench = Bench::with(Settings { budget, ..settings() });
    bench.start("one").await;
    let run = bench.next_run().await;
    *bench.workspaces.never_ready.lock().unwrap() = true;
    let preparing = bench.engine.start(in_project("other")).await.unwrap().task;
    bench.reaches(&preparing.id, "running").await;
    run.report(1, vec![costs(4.5)]).await;
    assert_eq!(bench.fails(&preparing.id).await.kind, FailureKind::BudgetExhausted);
}
