//! How much of a body is read before it is known to be worth it?

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;

use crate::door::timely::TooSlow;
use crate::refuse::{Refused, refuse};

/// The whole body; of a stranger a short one only.
pub(super) async fn read(body: Body, is_of_stranger: bool) -> Result<Bytes, Refused> {
    let room = if is_of_stranger { STRANGERS_BODY_MAX } else { BODY_MAX };
    to_bytes(body, room).await.map_err(|error| unread(&error, room))
}

/// Why a body could not be read.
fn unread(error: &(dyn std::error::Error + 'static), room: usize) -> Refused {
    let causes = std::iter::successors(Some(error), |error| error.source());
    if let Some(slow) = causes.into_iter().find_map(|cause| cause.downcast_ref::<TooSlow>()) {
        return refuse(StatusCode::REQUEST_TIMEOUT, "too-slow", slow.to_string());
    }
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "too-long", format!("a body here has at most {room} bytes"))
}

/// What people's bodies may have.
pub(crate) const BODY_MAX: usize = 1 << 20;
/// Names and passwords.
const STRANGERS_BODY_MAX: usize = 16 << 10;
