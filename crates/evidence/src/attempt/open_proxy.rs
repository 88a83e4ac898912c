//! Who tried whether the server carries requests on to others?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "open-proxy",
    attack: &["T1090.002", "T1595"],
    signs: &[
        Sign::probe("connect-to-other", r"^connect [\w.\[\]:-]+:\d{1,5}\n").within(Part::Any),
        Sign::probe("request-for-other-host", r"^(?:get|head|post) https?://[\w.-]+(?::\d+)?(?:/[^\n]*)?\n").within(Part::Any),
        Sign::probe("proxy-judge", r"(?:proxyjudge|azenv\.php|prx2?\.php|/judge\.php|proxyheader\.php|checkip\.|/testproxy\.php|showproxy|httptest/env|www\.baidu\.com|api\.ipify\.org|ip-api\.com|httpbin\.org/ip|ifconfig\.me)").within(Part::Target).unless(r"\?"),
    ],
};
