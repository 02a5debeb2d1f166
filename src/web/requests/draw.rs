//! How requests look.
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;

use super::{Asked, PATH, path_of, reply};
use crate::model::{
    Answer, Answerer, Class, Decision, Question, Request, RequestKind, RequestState, steers,
};
use crate::web::page::{Forms, respond, to_the_minute};

/// Most characters of a request that are shown. What nobody can read whole is not approved here.
const SHOWN_MAX: usize = 20_000;

/// Whether all of a request is shown.
pub(super) fn is_whole(kind: &RequestKind) -> bool {
    Shown::of(kind).whole
}

/// The list of what waits.
pub(super) fn list(open: &[Asked]) -> Response {
    let content = html! {
        h1 { "What your agents ask" }
        @if open.is_empty() { section { p { "Nothing waits for you." } } }
        @for asked in open {
            section {
                h2 { (wish(&asked.request.kind)) }
                p { (visible(asked.request.kind.preview())) }
                p.soft { (whose(asked)) }
                a.button href=(path_of(&asked.request.id)) { "Look at it" }
            }
        }
        p.soft { a href=(PATH) { "Look again" } }
    };
    respond(StatusCode::OK, "gateway: what your agents ask", Forms::Own, &content)
}

/// One request, with the form that answers it while it is open.
pub(super) fn one(asked: &Asked, proof: &str) -> Response {
    let request = &asked.request;
    let shown = Shown::of(&request.kind);
    let content = html! {
        h1 { (wish(&request.kind)) }
        p.soft { (whose(asked)) }
        @if !matches!(request.kind, RequestKind::Question { .. }) { section {
            @if let RequestKind::Permission { tool, class, .. } = &request.kind {
                dl {
                    dt { "Tool" } dd { strong { (visible(tool)) } }
                    dt { "It" } dd { (can(*class)) }
                    dt { "Asked" } dd { (to_the_minute(request.asked_at)) }
                }
            }
            (shown.markup)
        } }
        @match &request.state {
            RequestState::Open => (form(request, shown.whole, proof)),
            closed => (ended(closed)),
        }
        p.soft { a href=(PATH) { "Everything that waits" } }
    };
    respond(StatusCode::OK, "gateway: an agent asks", Forms::Own, &content)
}

fn form(request: &Request, whole: bool, proof: &str) -> Markup {
    let until = to_the_minute(request.expires_at);
    html! {
        section {
            form method="post" action=(path_of(&request.id)) {
                input type="hidden" name="proof" value=(proof);
                @match &request.kind {
                    RequestKind::Permission { input, .. } if whole => (permission(input)),
                    RequestKind::Permission { .. } => p.warn {
                        "It is too long to be read here, so it can only be denied here. "
                        code { "gateway tasks show" } " on your machine shows all of it."
                    },
                    RequestKind::Plan { .. } if whole => {
                        button type="submit" name="decision" value="approve" { "Carry it out" }
                    }
                    RequestKind::Plan { .. } => p.warn {
                        "The plan is too long to be read here. " code { "gateway tasks show" }
                        " on your machine shows all of it."
                    },
                    RequestKind::Question { questions, .. } => {
                        @for (number, question) in questions.iter().enumerate() {
                            (choices(number, question))
                        }
                        button type="submit" name="decision" value="answer" { "Answer" }
                    }
                }
                (refusal(&request.kind))
            }
        }
        p.soft { "Without an answer it counts as denied at " (until) "." }
    }
}

fn permission(input: &Value) -> Markup {
    html! {
        button type="submit" name="decision" value="approve" { "Allow" }
        button.plain type="submit" name="decision" value="always" {
            "Allow, and the very same again in this task"
        }
        details {
            summary { "Change it first" }
            label for="input" { "What it may do instead" }
            textarea id="input" name="input" rows="8" spellcheck="false" autocapitalize="off" {
                (escaped_json(input))
            }
            button.plain type="submit" name="decision" value="edited" { "Allow it changed like this" }
        }
    }
}

fn refusal(kind: &RequestKind) -> Markup {
    let (button, label) = match kind {
        RequestKind::Permission { .. } => ("Deny", "What it should do instead, if anything"),
        RequestKind::Plan { .. } => ("Do not carry it out", "What the plan should be instead"),
        RequestKind::Question { .. } => ("Do not answer", "What it should do without an answer"),
    };
    html! {
        label for="message" { (label) }
        textarea id="message" name="message" rows="2" maxlength="2000" {}
        button.plain type="submit" name="decision" value="deny" { (button) }
    }
}

fn choices(number: usize, question: &Question) -> Markup {
    let (choice, words) = reply::fields(number);
    let kind = if question.several { "checkbox" } else { "radio" };
    html! {
        fieldset {
            legend { (visible(&question.text)) }
            @if question.several { p.soft { "Several may be taken." } }
            @for (at, it) in (1_usize..).zip(&question.choices) {
                label.choice {
                    input type=(kind) name=(choice) value=(at);
                    span {
                        (visible(&it.label))
                        @if !it.about.is_empty() { br; small { (visible(&it.about)) } }
                    }
                }
            }
            label for=(words) { "In your own words" }
            textarea id=(words) name=(words) rows="1" maxlength="2000" {}
        }
    }
}

/// How a request that is no longer open ended.
fn ended(state: &RequestState) -> Markup {
    let text = match state {
        RequestState::Open => return html! {},
        RequestState::Answered { answer, at, .. } => {
            format!("{} {} at {}.", outcome(&answer.decision), by(answer), to_the_minute(*at))
        }
        RequestState::Withdrawn { at } => {
            format!("The agent no longer asks, since {}.", to_the_minute(*at))
        }
        RequestState::Expired { at, .. } => {
            format!("Nobody answered in time: it counts as denied since {}.", to_the_minute(*at))
        }
    };
    html! { section { p role="status" { strong { (text) } } } }
}

const fn outcome(decision: &Decision) -> &'static str {
    match decision {
        Decision::Allow => "Allowed",
        Decision::AllowEdited { .. } => "Allowed after a change",
        Decision::AllowAgain { .. } => "Allowed, and the very same again in this task,",
        Decision::Deny { .. } => "Denied",
        Decision::Answers { .. } => "Answered",
    }
}

const fn by(answer: &Answer) -> &'static str {
    match answer.by {
        Answerer::Terminal => "at the terminal",
        Answerer::Device { .. } => "on a paired device",
        Answerer::Chat { .. } => "in a chat",
        Answerer::Grant { .. } => "by an earlier answer",
    }
}

/// What of a request is shown, and whether that is all of it.
struct Shown {
    markup: Markup,
    whole: bool,
}

impl Shown {
    fn of(kind: &RequestKind) -> Self {
        let parts: Vec<(Option<&str>, String)> = match kind {
            RequestKind::Permission { input: Value::Object(fields), .. } => {
                let shown = |value: &Value| match value {
                    Value::String(text) => visible(text),
                    other => escaped_json(other),
                };
                fields.iter().map(|(name, value)| (Some(name.as_str()), shown(value))).collect()
            }
            RequestKind::Permission { input, .. } => vec![(None, escaped_json(input))],
            RequestKind::Plan { plan, .. } => vec![(None, visible(plan))],
            RequestKind::Question { .. } => Vec::new(),
        };
        let chars = parts
            .iter()
            .map(|(name, text)| name.map_or(0, |name| name.chars().count()) + text.chars().count());
        let whole = chars.sum::<usize>() <= SHOWN_MAX;
        let mut left = SHOWN_MAX;
        let mut cut = |text: &str| {
            let shown: String = text.chars().take(left).collect();
            left -= shown.chars().count();
            shown
        };
        let markup = html! {
            @for (name, text) in &parts {
                @if let Some(name) = name { label { (cut(&visible(name))) } }
                pre { (cut(text)) }
            }
            @if !whole { p.warn { "This is the beginning only." } }
        };
        Self { markup, whole }
    }
}

/// A heading that says what kind of answer is wanted.
const fn wish(kind: &RequestKind) -> &'static str {
    match kind {
        RequestKind::Permission { .. } => "May it do this?",
        RequestKind::Question { .. } => "It has a question",
        RequestKind::Plan { .. } => "May it carry out its plan?",
    }
}

fn whose(asked: &Asked) -> String {
    let (title, project, executor) =
        (visible(&asked.title), visible(&asked.project), visible(&asked.executor));
    format!("{executor} in {project}: {title}")
}

const fn can(class: Class) -> &'static str {
    match class {
        Class::Read => "reads files of the task",
        Class::Write => "changes files of the task",
        Class::Exec => "runs a program on your machine",
        Class::Network => "talks to other machines",
        Class::Destructive => "may delete things, or reach outside of the task's folder",
    }
}

/// A text of the agent, in which nothing hides: what steers or does not show stands as its number.
fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if steers(c) => format!("\\u{{{:x}}}", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

/// JSON that means the same, and in which nothing hides.
fn escaped_json(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut units = [0; 2];
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !steers(c) {
            shown.push(c);
        } else {
            // Such a character stands in a string only, where JSON knows it by its UTF-16 units.
            c.encode_utf16(&mut units)
                .iter()
                .for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_hides_in_a_text_and_json_means_the_same() {
        assert_eq!(visible("a\u{202e}b\u{200b}\n\u{1b}[0m"), "a\\u{202e}b\\u{200b}\n\\u{1b}[0m");
        let value = json!({ "command": "rm \u{202e}x\u{e0041}\n\u{feff}ä" });
        let shown = escaped_json(&value);
        assert!(!shown.chars().any(|c| c != '\n' && steers(c)), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }

    #[test]
    fn what_cannot_be_read_whole_is_told_apart() {
        let of =
            |text: &str| is_whole(&RequestKind::Plan { plan: text.into(), preview: text.into() });
        assert!(of(&"x".repeat(SHOWN_MAX)));
        assert!(!of(&"x".repeat(SHOWN_MAX + 1)));
    }
}
