//! Questions of the program's tool `AskUserQuestion`, read from its input and answered in it.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::{Choice, Question};

/// The tool.
pub(super) const TOOL: &str = "AskUserQuestion";
/// More questions, or choices of one, than the program has ever asked.
const MANY: usize = 20;

/// The questions of an input; none when it is not of the known shape.
pub(super) fn of(input: &Value) -> Option<Vec<Question>> {
    let asked = input.get("questions")?.as_array()?;
    let questions: Vec<Question> = asked.iter().map(question).collect::<Option<_>>()?;
    // The answers are named by the questions' words.
    let is_named_once =
        |at: usize| questions[..at].iter().all(|other| other.text != questions[at].text);
    let fits = (1..=MANY).contains(&questions.len()) && (0..questions.len()).all(is_named_once);
    fits.then_some(questions)
}

fn question(asked: &Value) -> Option<Question> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let given = asked.get("options").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let choice = |option: &Value| {
        let about = text(option, "description").unwrap_or_default();
        Some(Choice { label: text(option, "label")?, about })
    };
    let choices: Vec<Choice> = given.iter().map(choice).collect::<Option<_>>()?;
    let words = text(asked, "question").filter(|words| !words.trim().is_empty())?;
    (choices.len() <= MANY).then(|| Question {
        text: words,
        header: text(asked, "header").unwrap_or_default(),
        several: asked.get("multiSelect").and_then(Value::as_bool).unwrap_or(false),
        choices,
    })
}

/// The input with the answers in it, as the program takes them.
pub(super) fn answered(input: &Value, answers: &BTreeMap<String, String>) -> Value {
    let mut input = input.clone();
    if let Value::Object(fields) = &mut input {
        fields.insert("answers".to_owned(), json!(answers));
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_with_their_choices_and_whether_several_may_be_taken() {
        let input = json!({"questions": [
            {"question": "Which?", "header": "Color", "multiSelect": true,
                "options": [{"label": "Red", "description": "warm"}, {"label": "Blue"}]},
            {"question": "Why?"}]});
        let questions = of(&input).unwrap();
        assert_eq!((questions[0].header.as_str(), questions[0].several), ("Color", true));
        let red = Choice { label: "Red".into(), about: "warm".into() };
        assert_eq!(questions[0].choices[0], red);
        assert_eq!((questions[1].several, questions[1].choices.len()), (false, 0));
    }

    #[test]
    fn what_cannot_be_answered_by_name_is_no_question() {
        let one = json!({"question": "Which?"});
        for questions in [
            json!(7),
            json!([]),
            json!([{}]),
            json!([{"question": " "}]),
            json!([one, one]),
            json!([{"question": "x", "options": [{}]}]),
            json!(vec![json!({"question": "x"}); 21]),
        ] {
            assert_eq!(of(&json!({ "questions": questions })), None, "{questions}");
        }
        assert_eq!(of(&Value::Null), None);
    }
}
