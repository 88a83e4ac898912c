//! Does the document name only what it describes?

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_name_that_is_used_exists_and_none_is_unused() {
    let text = document().to_string();
    let mut names = BTreeSet::new();
    for (name, _, _) in all_schemas() {
        assert!(names.insert(*name), "{name} twice");
        assert!(text.contains(&format!("schemas/{name}\"")), "{name} is not used");
    }
    for used in text.split("#/components/schemas/").skip(1) {
        let used = used.split('"').next().unwrap();
        assert!(names.contains(used), "{used} does not exist");
    }
}
