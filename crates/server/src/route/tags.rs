//! Which versions do `If-Match` and `If-None-Match` name (RFC 9110, 13.1)?

use axum::http::header::{HeaderMap, HeaderName};

/// Versions that a request names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    /// Whatever it is.
    Any,
    /// One of these, and whether each is weak.
    Of(Vec<(bool, String)>),
}

impl Tags {
    /// Of all headers of this name: nothing where there is none, an error where one is no list of tags.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, ()> {
        let mut all = None;
        for value in headers.get_all(name) {
            let mut rest = value.to_str().map_err(drop)?.trim_matches(BLANK);
            if rest == "*" {
                return Ok(Some(Self::Any));
            }
            while !rest.is_empty() {
                let (tag, left) = next(rest).ok_or(())?;
                all.get_or_insert_with(Vec::new).push(tag);
                rest = left;
            }
        }
        Ok(all.map(Self::Of))
    }

    /// Whether this version is named as byte for byte the same: weak tags say less.
    pub(crate) fn strongly(&self, version: &str) -> bool {
        self.any(|is_weak, tag| !is_weak && tag == version)
    }

    /// Whether this version is named at all.
    pub(crate) fn weakly(&self, version: &str) -> bool {
        self.any(|_, tag| tag == version)
    }

    fn any(&self, is_it: impl Fn(bool, &str) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Of(tags) => tags.iter().any(|(is_weak, tag)| is_it(*is_weak, tag)),
        }
    }
}

/// The first tag of a list, and what follows the comma. Bare digits are taken for a tag: so clients wrote before.
fn next(text: &str) -> Option<((bool, String), &str)> {
    let (is_weak, text) = text.strip_prefix("W/").map_or((false, text), |text| (true, text));
    let (tag, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())),
    };
    let is_tag = text.starts_with('"') || (!tag.is_empty() && !is_weak);
    let rest = rest.trim_start_matches(BLANK);
    let ends = rest.is_empty() || rest.starts_with(',');
    (is_tag && ends).then(|| ((is_weak, tag.to_owned()), rest.trim_start_matches([' ', '\t', ','])))
}

const BLANK: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use axum::http::header::IF_MATCH;

    use super::*;

    fn read(values: &[&str]) -> Result<Option<Tags>, ()> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, value.parse().unwrap());
        }
        Tags::of(&headers, &IF_MATCH)
    }

    #[test]
    fn lists_weak_tags_and_the_star_are_read_as_the_standard_has_them() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[" * "]), Ok(Some(Tags::Any)));
        for list in [&["\"x,y\" ,W/\"7\", \"8\""][..], &["\"x,y\"", "W/\"7\",, \"8\""]] {
            let tags = read(list).unwrap().unwrap();
            assert!(tags.strongly("x,y") && tags.strongly("8"), "{tags:?}");
            assert!(tags.weakly("7") && !tags.strongly("7") && !tags.weakly("9"), "{tags:?}");
        }
        assert!(read(&["12"]).unwrap().unwrap().strongly("12"));
        for wrong in ["x", "\"1", "\"1\" \"2\"", "W/1", "\"1\"; q=1", "*, \"1\""] {
            assert_eq!(read(&[wrong]), Err(()), "{wrong}");
        }
    }
}
