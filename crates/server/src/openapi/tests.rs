//! Does the document name only what it describes, and does it describe what is asked as it is taken?

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_name_that_is_used_exists_and_none_is_unused() {
    let document = document();
    let text = document.to_string();
    let names: BTreeSet<&String> = document["components"]["schemas"].as_object().unwrap().keys().collect();
    assert!(names.iter().all(|name| text.contains(&format!("schemas/{name}\""))));
    for used in text.split("#/components/schemas/").skip(1) {
        let used = used.split('"').next().unwrap();
        assert!(names.contains(&used.to_owned()), "{used} does not exist");
    }
}

#[test]
fn no_two_types_have_one_name() {
    let document = document();
    let mut names = document["components"]["schemas"].as_object().unwrap().keys();
    assert_eq!(names.find(|name| name.ends_with(|end: char| end.is_ascii_digit())), None, "rename one of them");
}

#[test]
fn what_has_a_default_may_be_left_out_of_a_request_and_is_in_every_answer() {
    let document = document();
    let required = |name: &str| document["components"]["schemas"][name]["required"].clone();
    assert_eq!(required("View"), json!(["name"]));
    assert_eq!(required("OwnedView"), json!(["owner", "name", "filter", "sort", "shared"]));
    let properties = &document["components"]["schemas"]["Me"]["properties"];
    assert_eq!(properties["ends"]["type"], "string", "left out, never null");
}
