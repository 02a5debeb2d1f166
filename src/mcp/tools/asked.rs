//! An agent's open request, as a chat sees it: what is asked, how much that can do, who may answer.
use serde_json::{Value, json};

use super::Call;
use super::answer::{Answer, clean, one_line};
use super::output::{object, text};
use crate::model::{Question, Request, RequestKind, Task};

/// Longest plan shown, in characters.
const PLAN_CHARS_MAX: usize = 8_000;

/// What [`tell`] adds as the fact `request`.
pub(super) fn schema() -> Value {
    let choice = object(
        json!({ "label": text("The answer."), "about": text("What it means.") }),
        &["label", "about"],
    );
    let question = object(
        json!({
            "question": text("What is asked."),
            "several": { "type": "boolean", "description": "Whether several choices may be taken." },
            "choices": { "type": "array", "items": choice, "description": "Suggested answers." },
        }),
        &["question", "several", "choices"],
    );
    object(
        json!({
            "request_id": text("The open request; pass it to answer_task."),
            "kind": {
                "type": "string",
                "enum": ["permission", "question", "plan"],
                "description": "Leave to use a tool, questions, or leave to carry out a plan.",
            },
            "tool": text("The tool that the agent asks leave to use."),
            "class": {
                "type": "string",
                "enum": ["read", "write", "exec", "network", "destructive"],
                "description": "How much it can do.",
            },
            "preview": text("What it wants, in one line."),
            "questions": {
                "type": "array",
                "items": question,
                "description": "The questions, in the order of their answers.",
            },
            "plan": text("The plan."),
            "may_approve": {
                "type": "string",
                "enum": ["chat", "owner"],
                "description": "chat: answer_task may approve or answer it. owner: only the owner may.",
            },
            "page": text("Where the owner answers it on a paired device."),
            "expires_at": text("When silence becomes a refusal."),
        }),
        &["request_id", "kind", "preview", "may_approve", "expires_at"],
    )
}

/// Tells of `request`, to read and as a fact.
pub(super) fn tell(answer: &mut Answer, call: Call<'_>, task: &Task, request: &Request) {
    let chat = call.tasks.chat_may(&task.spec.project);
    let may = chat.approve(&request.kind);
    let preview = one_line(request.kind.preview(), 500);
    let mut fact = json!({
        "request_id": request.id.as_str(),
        "kind": request.kind.name(),
        "preview": preview,
        "may_approve": if may { "chat" } else { "owner" },
        "expires_at": request.expires_at.to_string(),
    });
    match &request.kind {
        RequestKind::Permission { tool, class, .. } => {
            let tool = one_line(tool, 100);
            answer.line(format!("The agent asks leave to use {tool} ({class}): {preview}"));
            fact["tool"] = json!(tool);
            fact["class"] = json!(class.name());
        }
        RequestKind::Question { questions, .. } => {
            answer.line("The agent asks:");
            for (number, question) in (1..).zip(questions) {
                ask(answer, number, question);
            }
            fact["questions"] = questions.iter().map(question_fact).collect();
        }
        RequestKind::Plan { plan, .. } => {
            let plan: String = clean(plan).chars().take(PLAN_CHARS_MAX).collect();
            answer.line(format!("The agent asks leave to carry out its plan:\n{plan}"));
            fact["plan"] = json!(plan);
        }
    }
    if let Some(page) = call.tasks.page_of(&request.id) {
        fact["page"] = json!(page);
    }
    answer.line(who(request, may, &owners_way(call, task, request)));
    answer.fact("request", fact);
}

/// Who may answer, and how. With the request's id, so that the answer is to what was read and not to
/// what came after it.
fn who(request: &Request, chat_may: bool, owner: &str) -> String {
    let (id, until) = (&request.id, request.expires_at);
    match (&request.kind, chat_may) {
        (RequestKind::Question { .. }, _) => format!(
            "Ask the user, then pass the answers to answer_task with request_id {id}, until {until}; \
             or {owner}."
        ),
        (_, true) => format!(
            "Tell the user, then approve or deny it by answer_task with request_id {id}, until \
             {until}; or {owner}."
        ),
        (RequestKind::Plan { .. }, false) => format!(
            "Only the owner can approve it, until {until}: {owner}. answer_task can deny it: with a \
             message the agent changes its plan, without one the plan becomes its answer."
        ),
        (RequestKind::Permission { .. }, false) => format!(
            "Only the owner can approve it, until {until}: {owner}. answer_task can deny it."
        ),
    }
}

/// How the owner answers a request: on a paired device, or by a command.
pub(super) fn owners_way(call: Call<'_>, task: &Task, request: &Request) -> String {
    let (task, id) = (&task.id, &request.id);
    let page = call.tasks.page_of(id);
    let page = page.map_or_else(String::new, |page| format!("{page} on a paired device, or "));
    let command = match request.kind {
        RequestKind::Question { .. } => {
            format!("`gateway tasks answer {task} --request {id} ANSWER` at the workstation")
        }
        RequestKind::Permission { .. } | RequestKind::Plan { .. } => format!(
            "`gateway tasks approve {task} --request {id}` or `gateway tasks deny {task} --request \
             {id}` at the workstation"
        ),
    };
    page + &command
}

fn ask(answer: &mut Answer, number: usize, question: &Question) {
    let several = if question.several { " (several may be taken)" } else { "" };
    answer.line(format!("{number}. {}{several}", one_line(&question.text, 1_000)));
    for (number, choice) in (1..).zip(&question.choices) {
        let (label, about) = (one_line(&choice.label, 200), one_line(&choice.about, 300));
        let dash = if about.is_empty() { "" } else { ": " };
        answer.line(format!("   {number}) {label}{dash}{about}"));
    }
}

fn question_fact(question: &Question) -> Value {
    let choice = |choice: &crate::model::Choice| json!({ "label": one_line(&choice.label, 200), "about": one_line(&choice.about, 300) });
    json!({
        "question": one_line(&question.text, 1_000),
        "several": question.several,
        "choices": question.choices.iter().map(choice).collect::<Vec<_>>(),
    })
}
