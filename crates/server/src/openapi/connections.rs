//! What is asked about kept connections?

use tripoint_api::series::{Series, SeriesBy};
use tripoint_api::{ConnectionList, path};
use tripoint_model::{Direction, Observable, Timestamp};

use super::events::ConnectionEvents;
use super::{Route, get, of};

pub(super) const ROUTES: &[Route] = &[
    get(
        path::CONNECTIONS,
        "A page of the connections of the last hours, counted by application, peer and hour; the newest report first, also where a host reports hours late.",
    )
    .asking(&[
        ("application", of::<String>),
        ("peer", of::<Observable>),
        ("direction", of::<Direction>),
        ("host", of::<String>),
        ("since", of::<Timestamp>),
        ("until", of::<Timestamp>),
        ("limit", of::<u32>),
        ("after", of::<String>),
    ])
    .gives::<ConnectionList>(),
    get(path::CONNECTIONS_SERIES, "How many connections there were hour by hour; the most frequent have a line each.")
        .asking(&[
            ("by", of::<SeriesBy>),
            ("application", of::<String>),
            ("peer", of::<Observable>),
            ("direction", of::<Direction>),
            ("host", of::<String>),
            ("since", of::<Timestamp>),
            ("until", of::<Timestamp>),
        ])
        .gives::<Series>(),
    get(
        path::CONNECTIONS_WATCH,
        "What hosts report, as it is kept then, as server-sent events `connections`: a list each, at most four a second; `reset` where that was too much to tell.",
    )
    .asking(&[
        ("application", of::<String>),
        ("peer", of::<Observable>),
        ("direction", of::<Direction>),
        ("host", of::<String>),
        ("since", of::<Timestamp>),
        ("until", of::<Timestamp>),
    ])
    .gives_events::<ConnectionEvents>(),
];
