//! What is asked of the queue of alerts?

use tripoint_api::path;
use tripoint_api::queue::{Facets, QueuePage, Sort};
use tripoint_api::series::Series;
use tripoint_api::views::{OwnedView, View, ViewList};
use tripoint_api::work::{BulkAnswer, BulkRequest};
use tripoint_model::Timestamp;

use super::events::QueueEvents;
use super::{Route, delete, get, of, post};

pub(super) const ROUTES: &[Route] = &[
    get(path::QUEUE, "A page of the queue: one line for each alert, searched by the filter language.")
        .asking(&[("filter", of::<String>), ("sort", of::<Sort>), ("limit", of::<u32>), ("after", of::<String>)])
        .gives::<QueuePage>(),
    get(path::QUEUE_FACETS, "How many alerts the filter takes, and by what.")
        .asking(&[("filter", of::<String>)])
        .gives::<Facets>(),
    get(path::QUEUE_SERIES, "How many alerts began in each stretch of time, a line for each severity.")
        .asking(&[("filter", of::<String>), ("since", of::<Timestamp>), ("until", of::<Timestamp>), ("buckets", of::<u32>)])
        .gives::<Series>(),
    get(
        path::QUEUE_WATCH,
        "Every line that is new or changed as a server-sent event `alert`; `gone` with the id of what the filter does not take, `reset` where too much was missed.",
    )
    .asking(&[("filter", of::<String>), ("since", of::<Timestamp>)])
    .gives_events::<QueueEvents>(),
    post(path::QUEUE_WORK, "The same work on many alerts; those in `versions` only if they have not changed since.").with::<BulkRequest>().gives::<BulkAnswer>(),
    get(path::VIEWS, "Kept searches: the caller's own, then those that others share.").gives::<ViewList>(),
    post(path::VIEWS, "Keeps a search, or changes it.").with::<View>().gives::<OwnedView>(),
    delete("/v1/views/{name}", "Drops a search of one's own."),
];
