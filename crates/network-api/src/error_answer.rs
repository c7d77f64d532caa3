//! Why a request has no better answer.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use weft_api::docker::ErrorBody;
use weft_verbs::{Error, Kind};

/// An answer that is not a success, in the engine's JSON.
#[derive(Debug)]
pub struct ErrorAnswer {
    status: StatusCode,
    body: ErrorBody,
}

impl ErrorAnswer {
    /// An answer with this status, and a sentence for a person.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { message: message.into(), exit_code: None } }
    }
}

impl From<Error> for ErrorAnswer {
    /// The statuses that the engine gives for errors of the same kind.
    fn from(error: Error) -> Self {
        let status = match error.kind {
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, body: ErrorBody { message: error.message, exit_code: error.exit_code } }
    }
}

impl IntoResponse for ErrorAnswer {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
