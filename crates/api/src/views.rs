//! Which searches do people keep?

use serde::{Deserialize, Serialize};

use crate::queue::Sort;

/// A kept search: the body of `POST path::VIEWS`, which makes it or changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct View {
    /// What it is called; unique for its owner.
    pub name: String,
    /// What it takes.
    #[serde(default)]
    pub filter: String,
    /// What comes first.
    #[serde(default)]
    pub sort: Sort,
    /// Whether others see it too; only its owner changes it.
    #[serde(default)]
    pub shared: bool,
}

/// A kept search and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnedView {
    /// Who keeps it.
    pub owner: String,
    /// The search.
    #[serde(flatten)]
    pub view: View,
}

/// The answer of `GET path::VIEWS`: the caller's own by name, then those that others share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ViewList {
    /// The views.
    pub views: Vec<OwnedView>,
}

/// Most searches that one person keeps.
pub const VIEWS_MAX: usize = 100;
/// The longest name of one, characters.
pub const VIEW_NAME_MAX: usize = 64;
