//! Who tried to put an operator where a document database expects a value?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "nosql-injection",
    attack: &["T1190"],
    signs: &[
        Sign::exploit("operator-in-brackets", r"\[ ?['\x22]?\$(?:ne|eq|gte?|lte?|n?in|regex|exists|where|or|and|not|nor|all|size|type|mod|expr|text|options|elemmatch|comment|jsonschema)['\x22]? ?\]").unless(r"[?&]filters\["),
        Sign::exploit("operator-as-key", r#"[{,] ?['"]?\$(?:ne|eq|gte?|lte?|n?in|regex|exists|where|or|and|not|nor|all|size|type|mod|expr|text|elemmatch|function|accumulator|lookup|func|reduce|slice|unset|rename)['"]? ?:"#),
        Sign::exploit("script-in-query", r"(?:\bthis\.(?:password|passwd|username|user|email|constructor|name|\w{2,20}) ?(?:\.|==|!=|\[|\.match|<|>)|\bdb\.(?:\w+\.(?:find|insert|drop|remove|update|mapreduce|aggregate)|getcollectionnames|injection|version|admincommand|stores|users)|['\x22;{] ?(?:return (?:true|this|\(|1|[\w'\x22]+ ?[=!]=)|var \w+ ?=|while ?\(|sleep ?\(\d)|mapreduce ?\(|tojson ?\(|obj\.\w+ ?(?:==|\.)|\|\| ?['\x22]?\d['\x22]? ?== ?['\x22]?\d|&& ?this\.)").within(Part::Arguments),
        Sign::exploit("redis-in-value", r"(?:\*\d\r?\n\$\d+\r?\n|\r?\n(?:set|config set|slaveof|flushall|eval|module load|save|lpush) \S+)").within(Part::Arguments),
        Sign::known("rocketchat-reset", r"/api/v1/(?:method\.callanon/getpasswordpolicy|users\.list\?[^\n]*\$where)", &["CVE-2021-22911"]).within(Part::Any),
        Sign::known("metabase-setup", r"/api/setup/validate\b", &["CVE-2023-38646"]),
        Sign::known("metabase-reset-token", r"/api/session/reset_password\b[\s\S]*\x22(?:select|from)\x22", &["CVE-2026-72898"]).within(Part::Any),
        Sign::known("metabase-geojson", r"/api/geojson\?url=file:", &["CVE-2021-41277"]).served(),
        Sign::known("mongo-express-check", r"/checkvalid\b", &["CVE-2019-10758"]),
        Sign::known("couchdb-admin", r"/_users/org\.couchdb\.user:", &["CVE-2017-12635", "CVE-2022-24706"]),
        Sign::known("elasticsearch-script", r"/_search\?[^\n]*(?:source=|script_fields)|\x22script_fields\x22|/_snapshot/[^\n]*backdata", &["CVE-2014-3120", "CVE-2015-1427"]).within(Part::Any),
        Sign::known("kibana-timelion", r"/api/(?:timelion/run|console/api_server\?[^\n]*apis=)", &["CVE-2019-7609", "CVE-2018-17246"]),
    ],
};
