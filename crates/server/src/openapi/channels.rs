//! What do people ask about the channels over which they are told?

use tripoint_api::channel::{
    ChannelList, ChannelPreview, ChannelTest, DeadLetters, PreviewRequest, Retried, RetryRequest,
};
use tripoint_api::path;
use tripoint_api::routing::{AlertRouting, Routing};

use super::{Route, get, of, post};

pub(super) const ROUTES: &[Route] = &[
    get(path::CHANNELS, "Every channel over which people are told, and how it fares.").gives::<ChannelList>(),
    get(path::ROUTING, "What goes where and when, as the configuration says it, and what is promised about alerts.")
        .gives::<Routing>(),
    get("/v1/alerts/{id}/routing", "Where an alert would be told if it were new now, and why; nothing is sent.")
        .gives::<AlertRouting>(),
    post("/v1/channels/{name}/test", "Sends a message that says that it is a test, now.").gives::<ChannelTest>(),
    post("/v1/channels/{name}/preview", "What would be sent of an alert, without secrets; nothing is sent.")
        .with::<PreviewRequest>()
        .gives::<ChannelPreview>(),
    get("/v1/channels/{name}/dead", "Messages that were given up, the newest first.")
        .asking(&[("limit", of::<u32>), ("after", of::<u64>)])
        .gives::<DeadLetters>(),
    post("/v1/channels/{name}/dead/retry", "Tries them again: these, or all.")
        .with::<RetryRequest>()
        .gives::<Retried>(),
];
