//! What a sent form means.
use serde_json::Value;

use crate::auth::Params;
use crate::model::{Reply, RequestKind};

/// The field of the answer by choices to question `number`, and that of the answer in own words.
pub(super) fn fields(number: usize) -> (String, String) {
    (format!("choice-{number}"), format!("words-{number}"))
}

/// The reply that a form gives to a request.
///
/// # Errors
///
/// What is missing or wrong, as a sentence.
pub(super) fn of(params: &Params, request: &RequestKind) -> Result<Reply, &'static str> {
    let text = |name| params.text(name).map_err(|_| "The form is malformed.");
    match text("decision")? {
        Some("approve") => Ok(Reply::Approve),
        Some("always") => Ok(Reply::Always),
        Some("deny") => Ok(Reply::Deny { message: text("message")?.map(str::to_owned) }),
        Some("edited") => {
            let input: Value = serde_json::from_str(text("input")?.unwrap_or_default())
                .map_err(|_| "What you changed it to is no JSON.")?;
            Ok(Reply::Edited { input })
        }
        Some("answer") => match request {
            RequestKind::Question { questions, .. } => {
                let answers = (0..questions.len()).map(|number| answer(params, number));
                Ok(Reply::Answers { answers: answers.collect::<Result<_, _>>()? })
            }
            _ => Err("This is no question."),
        },
        _ => Err("Choose one of the buttons."),
    }
}

/// Own words count before choices, which are told by their numbers.
fn answer(params: &Params, number: usize) -> Result<String, &'static str> {
    let (choice, words) = fields(number);
    let values = |name| {
        let values = params.all(name).map(str::from_utf8).filter(|it| *it != Ok(""));
        values.collect::<Result<Vec<_>, _>>().map_err(|_| "The form is malformed.")
    };
    match values(&words)?.first() {
        Some(words) => Ok((*words).to_owned()),
        None => match values(&choice)? {
            chosen if chosen.is_empty() => Err("A question has no answer."),
            chosen => Ok(chosen.join(",")),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Choice, Question};

    fn reply(form: &str, request: &RequestKind) -> Result<Reply, &'static str> {
        of(&Params::parse(form.as_bytes()).unwrap(), request)
    }

    fn questions() -> RequestKind {
        let choices =
            ["Red", "Blue"].map(|label| Choice { label: label.into(), about: String::new() });
        let question = |text: &str| Question {
            text: text.into(),
            header: String::new(),
            several: true,
            choices: choices.to_vec(),
        };
        RequestKind::Question {
            questions: vec![question("One?"), question("Two?")],
            preview: String::new(),
        }
    }

    #[test]
    fn each_button_is_a_reply() {
        let plan = RequestKind::Plan { plan: "p".into(), preview: "p".into() };
        let deny = |message: Option<&str>| Reply::Deny { message: message.map(str::to_owned) };
        for (form, meant) in [
            ("decision=approve", Reply::Approve),
            ("decision=always", Reply::Always),
            ("decision=deny&message=", deny(None)),
            ("decision=deny&message=use+git", deny(Some("use git"))),
            ("decision=edited&input=%7B%22a%22:1%7D", Reply::Edited { input: json!({"a": 1}) }),
        ] {
            assert_eq!(reply(form, &plan), Ok(meant), "{form}");
        }
        for form in
            ["", "decision=maybe", "decision=edited&input=%7B", "decision=answer&choice-0=1"]
        {
            reply(form, &plan).unwrap_err();
        }
    }

    #[test]
    fn own_words_count_before_choices_and_no_question_is_left_out() {
        let questions = questions();
        let form = "decision=answer&choice-0=1&choice-0=2&words-0=&choice-1=1&words-1=Green";
        let answers = vec!["1,2".to_owned(), "Green".to_owned()];
        assert_eq!(reply(form, &questions), Ok(Reply::Answers { answers }));
        let none = "decision=answer&choice-0=1&words-1=";
        assert_eq!(reply(none, &questions), Err("A question has no answer."));
    }
}
