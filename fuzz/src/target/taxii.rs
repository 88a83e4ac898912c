//! Can a page of a TAXII server harm its reader?

use tripoint_intel::taxii::page::read;

use super::Target;

/// An envelope of objects.
pub const PAGE: Target = Target { name: "taxii-page", run: page, seeds };

fn page(data: &[u8]) {
    let mut bytes = 0;
    let read = read(data, &mut |object| {
        bytes += object.len();
        Ok(())
    });
    assert!(bytes <= data.len(), "objects overlap");
    assert!(read.is_ok() || read.is_err_and(|reason| !reason.is_empty()));
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{}"#,
        r#"{"more":true,"next":"a","objects":[{"type":"indicator","id":"indicator--1","revoked":false},{}]}"#,
        r#"{"objects":[1,"x",null,[[]]],"objects":[{"a":{"b":[1.5e9,"\u00e9"]}}],"more":"yes","next":7}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
