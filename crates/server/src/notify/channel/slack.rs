//! How does Slack show a message, so that no text of a stranger is a link, a mention or markup?
//!
//! An incoming webhook (<https://api.slack.com/messaging/webhooks>). The blocks are `plain_text`, which knows no
//! markup; the fallback for notifications is escaped as Slack demands, with markup off.

use serde_json::json;
use tripoint_model::text::truncate;

use super::{Channel, Told};
use crate::notify::spec::Spec;
use crate::notify::wire::{Http, Wire};

pub(super) struct Slack;

impl Channel for Slack {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url"]
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn requests(&self, _: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let plain =
            |text: &str, bytes: usize| json!({ "type": "plain_text", "text": truncate(text, bytes).0, "emoji": false });
        let headline = told.news.headline();
        let body = json!({
            "text": escape(&headline),
            "mrkdwn": false,
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
            "blocks": [
                { "type": "header", "text": plain(&headline, HEADER_MAX) },
                { "type": "section", "text": plain(told.text, SECTION_MAX) },
            ],
        });
        vec![Wire::Http(Http::json(&body))]
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Characters of a header block; bytes are no fewer.
const HEADER_MAX: usize = 150;
/// Of a section.
const SECTION_MAX: usize = 3000;
