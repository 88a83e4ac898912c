//! How does Teams show a message, so that no text of a stranger is a link or markup?
//!
//! A workflow that waits for a webhook takes a message with an adaptive card
//! (<https://adaptivecards.io/explorer/RichTextBlock.html>). A `TextRun` is the one element that reads no Markdown.

use serde_json::{Value, json};
use tripoint_model::Level;
use tripoint_model::text::truncate;

use super::{Channel, Told};
use crate::notify::spec::Spec;
use crate::notify::wire::{Http, Wire};

pub(super) struct Teams;

impl Channel for Teams {
    fn name(&self) -> &'static str {
        "teams"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["url"]
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn requests(&self, _: &Spec, told: &Told<'_>) -> Vec<Wire> {
        let colour = match told.news.level() {
            Level::Critical | Level::High => "attention",
            Level::Medium => "warning",
            Level::Low | Level::Informational => "default",
        };
        let headline = json!({ "type": "TextRun", "text": told.news.headline(), "weight": "bolder", "color": colour });
        let mut blocks = vec![json!({ "type": "RichTextBlock", "inlines": [headline] })];
        // A run has no line ends, and the headline stands above.
        let lines = truncate(told.text, TEXT_MAX).0.lines();
        let lines = lines.filter(|line| !line.trim().is_empty() && *line != told.news.headline());
        blocks.extend(lines.map(|line| {
            json!({ "type": "RichTextBlock", "spacing": "none", "inlines": [{ "type": "TextRun", "text": line }] })
        }));
        let card: Value = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": { "width": "Full" },
            "body": blocks,
        });
        let body = json!({
            "type": "message",
            "attachments": [
                { "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card },
            ],
        });
        vec![Wire::Http(Http::json(&body))]
    }
}

/// A message has at most 28 KiB.
const TEXT_MAX: usize = 8 << 10;
