//! Questions of an agent, and the choices it gives.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One question.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The question, in the agent's words; names the answer too.
    pub text: String,
    /// A word or two for it.
    pub header: String,
    /// Whether several choices may be taken.
    pub several: bool,
    /// The choices; none when any words will do.
    pub choices: Vec<Choice>,
}

/// One answer that the agent suggests.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The answer.
    pub label: String,
    /// What it means.
    pub about: String,
}

/// Why replies do not answer the questions.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoAnswer {
    /// Too many or too few.
    #[error("there are {questions} questions and {answers} answers: give one for each, in order")]
    Count {
        /// How many were asked.
        questions: usize,
        /// How many were answered.
        answers: usize,
    },
    /// Nothing but blanks.
    #[error("an answer is empty: take a choice, or use words of your own")]
    Empty,
    /// A number that no choice has.
    #[error("{number} is none of the {choices} choices: take one, or use words of your own")]
    NoChoice {
        /// The number.
        number: String,
        /// How many there are.
        choices: usize,
    },
}

/// What `replies` mean, one for each question in order: the number of a choice, its words, or words of
/// one's own; several are separated by commas where several may be taken.
///
/// # Errors
///
/// See [`NoAnswer`].
pub fn answers_to(
    questions: &[Question],
    replies: &[String],
) -> Result<BTreeMap<String, String>, NoAnswer> {
    if questions.len() != replies.len() {
        return Err(NoAnswer::Count { questions: questions.len(), answers: replies.len() });
    }
    let pairs = questions.iter().zip(replies);
    pairs.map(|(question, reply)| Ok((question.text.clone(), question.answer(reply)?))).collect()
}

impl Question {
    fn answer(&self, reply: &str) -> Result<String, NoAnswer> {
        let reply = reply.trim();
        if reply.is_empty() {
            return Err(NoAnswer::Empty);
        }
        if let Some(label) = self.choice(reply) {
            return Ok(label.to_owned());
        }
        let parts = || reply.split(',').map(str::trim);
        if self.several
            && let Some(labels) = parts().map(|part| self.choice(part)).collect::<Option<Vec<_>>>()
        {
            return Ok(labels.join(", "));
        }
        // Words are an answer; a number that fits no choice is a slip.
        let slips = |part: &&str| is_number(part) && self.choice(part).is_none();
        match parts().find(|part| !self.choices.is_empty() && slips(part)) {
            Some(number) => {
                Err(NoAnswer::NoChoice { number: number.to_owned(), choices: self.choices.len() })
            }
            None => Ok(reply.to_owned()),
        }
    }

    /// The choice of these words, or else of this number from 1.
    fn choice(&self, reply: &str) -> Option<&str> {
        let mut labels = self.choices.iter().map(|choice| choice.label.as_str());
        labels.clone().find(|label| label.to_lowercase() == reply.to_lowercase()).or_else(|| {
            let number: usize = reply.parse().ok().filter(|_| is_number(reply))?;
            labels.nth(number.checked_sub(1)?)
        })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str, several: bool, labels: &[&str]) -> Question {
        let choice = |label: &&str| Choice { label: (*label).into(), about: String::new() };
        let choices = labels.iter().map(choice).collect();
        Question { text: text.into(), header: String::new(), several, choices }
    }

    fn answer(question: &Question, reply: &str) -> Result<String, NoAnswer> {
        let all = answers_to(std::slice::from_ref(question), &[reply.to_owned()])?;
        Ok(all[&question.text].clone())
    }

    #[test]
    fn a_question_is_answered_by_number_by_its_choices_words_or_in_own_words() {
        let one = question("Which?", false, &["Red", "Blue"]);
        for (reply, meant) in [("2", "Blue"), (" red ", "Red"), ("Green, please", "Green, please")]
        {
            assert_eq!(answer(&one, reply).unwrap(), meant);
        }
        let several = question("Which?", true, &["S", "L", "XL, slim"]);
        for (reply, meant) in
            [("1,2", "S, L"), ("l", "L"), ("XL, slim", "XL, slim"), ("S, or M", "S, or M")]
        {
            assert_eq!(answer(&several, reply).unwrap(), meant);
        }
        // Words come before numbers.
        let numbers = question("How many?", false, &["2", "1"]);
        assert_eq!(answer(&numbers, "1").unwrap(), "1");
        assert_eq!(answer(&question("How many?", false, &[]), "7").unwrap(), "7");
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let one = question("Which?", false, &["Red", "Blue"]);
        let several = question("Which?", true, &["S", "L"]);
        assert_eq!(answer(&one, " "), Err(NoAnswer::Empty));
        for (question, reply, number) in
            [(&one, "3", "3"), (&one, "0", "0"), (&several, "1,9", "9")]
        {
            let wrong = NoAnswer::NoChoice { number: number.into(), choices: 2 };
            assert_eq!(answer(question, reply), Err(wrong));
        }
        let none = answers_to(&[one], &[]);
        assert_eq!(none, Err(NoAnswer::Count { questions: 1, answers: 0 }));
    }
}
