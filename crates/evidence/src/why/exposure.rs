//! What let the peer in?
use super::{Question, Subject};
use tripoint_model::why::Exposure;
pub(super) fn of(question: &Question<'_>, _subject: &Subject) -> Exposure {
    Exposure { listener: question.local.map(|l| l.to_string()), ..Exposure::default() }
}
