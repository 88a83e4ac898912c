//! What is asked about exceptions?

use tripoint_api::{ExceptionList, ExceptionPreview, ExceptionRequest, path};
use tripoint_model::Exception;

use super::{Route, delete, get, post};

pub(super) const ROUTES: &[Route] = &[
    get(path::EXCEPTIONS, "Exceptions that have not expired.").gives::<ExceptionList>(),
    post(path::EXCEPTIONS, "Makes an exception.").with::<ExceptionRequest>().gives::<Exception>(),
    post(path::EXCEPTIONS_PREVIEW, "Says what an exception would cover; nothing is kept.")
        .with::<ExceptionRequest>()
        .gives::<ExceptionPreview>(),
    delete("/v1/exceptions/{id}", "Withdraws an exception."),
];
