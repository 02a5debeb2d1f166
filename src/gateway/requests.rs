//! What agents ask, as the owner's pages see it.
use futures::FutureExt;
use futures::future::BoxFuture;
use http::StatusCode;

use super::tools::EngineTasks;
use crate::model::{Answerer, Reply, Request, RequestId};
use crate::store::{Store, StoreError};
use crate::task::AnswerError;
use crate::web::{Asked, NotAnswered, Requests};

/// Most open requests in one answer.
const OPEN_MAX: u32 = 200;

/// Everything that agents ask now, oldest first.
pub(super) fn open(store: &Store) -> Result<Vec<Asked>, StoreError> {
    let open = store.read(|tx| tx.open_requests(OPEN_MAX))?;
    open.into_iter().filter_map(|request| asked(store, request).transpose()).collect()
}

fn find(store: &Store, id: &RequestId) -> Result<Option<Asked>, StoreError> {
    match store.read(|tx| tx.request(id))? {
        Some(request) => asked(store, request),
        None => Ok(None),
    }
}

fn asked(store: &Store, request: Request) -> Result<Option<Asked>, StoreError> {
    let task = store.task(&request.task_id)?;
    Ok(task.map(|task| Asked {
        title: task.spec.title(),
        project: task.spec.project.clone(),
        executor: task.spec.executor.clone(),
        request,
    }))
}

impl Requests for EngineTasks {
    fn open(&self) -> BoxFuture<'_, Result<Vec<Asked>, NotAnswered>> {
        std::future::ready(open(&self.store).map_err(|error| failed(&error))).boxed()
    }

    fn find<'a>(&'a self, id: &'a RequestId) -> BoxFuture<'a, Result<Option<Asked>, NotAnswered>> {
        std::future::ready(find(&self.store, id).map_err(|error| failed(&error))).boxed()
    }

    fn answer<'a>(
        &'a self,
        id: &'a RequestId,
        reply: Reply,
        by: Answerer,
    ) -> BoxFuture<'a, Result<(), NotAnswered>> {
        let answered = async move { self.engine.answer(id, reply, by).await };
        answered.map(|answered| answered.map(|_| ()).map_err(|error| not_answered(&error))).boxed()
    }
}

fn not_answered(error: &AnswerError) -> NotAnswered {
    let status = match error {
        AnswerError::NotFound => StatusCode::NOT_FOUND,
        AnswerError::Closed(_) | AnswerError::TaskOver(_) => StatusCode::CONFLICT,
        AnswerError::NotYours(_) => StatusCode::FORBIDDEN,
        AnswerError::Unfit(_) | AnswerError::NoAnswer(_) => StatusCode::BAD_REQUEST,
        AnswerError::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        AnswerError::Store(error) => return failed(error),
    };
    let text = error.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    NotAnswered { status, message: format!("{first}{}.", chars.as_str()) }
}

fn failed(error: &StoreError) -> NotAnswered {
    tracing::error!(%error, "a page of requests failed");
    let message = "The gateway cannot answer at the moment.".to_owned();
    NotAnswered { status: StatusCode::SERVICE_UNAVAILABLE, message }
}
