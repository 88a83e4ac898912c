//! What does a bouncer say it dropped?

use serde::Deserialize;

use crate::store::Metered;

/// `POST /v1/usage-metrics`; of what it holds only counts of packets and requests mean something to us.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "UsageMetrics"))]
pub(crate) struct Usage {
    #[serde(default)]
    remediation_components: Option<Vec<Component>>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "UsageComponent"))]
struct Component {
    #[serde(default)]
    metrics: Option<Vec<Window>>,
}

/// Counts of the time since the last report.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "UsageWindow"))]
struct Window {
    #[serde(default)]
    items: Option<Vec<Item>>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "UsageItem"))]
struct Item {
    #[serde(default)]
    name: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    value: f64,
}

impl Usage {
    /// The sums of all windows. What is no count (negative, not a number) adds nothing.
    pub(crate) fn sum(&self) -> Metered {
        let mut sum = Metered::default();
        let components = self.remediation_components.iter().flatten();
        let windows = components.flat_map(|component| component.metrics.iter().flatten());
        for item in windows.flat_map(|window| window.items.iter().flatten()) {
            let total = match (item.name.as_str(), item.unit.as_str()) {
                ("dropped", "byte") => &mut sum.dropped_bytes,
                ("dropped", _) => &mut sum.dropped_packets,
                ("processed", unit) if unit != "byte" => &mut sum.processed,
                _ => continue,
            };
            // Saturates at both ends; NaN becomes 0.
            *total = total.saturating_add(item.value as u64);
        }
        sum
    }
}
