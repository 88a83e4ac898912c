//! Who tried to speak SQL to the database behind an application?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "sql-injection",
    attack: &["T1190"],
    signs: &[
        Sign::exploit("union-select", r"\bunion[\s(+]*(?:all[\s(]*|distinct[\s(]*|distinctrow[\s(]*)?\(?[\s(@!~+-]*select\b[\s\S]*?(?:,|\bfrom\b|null|\(|\d|\*|--|#|@|'|$)"),
        Sign::exploit(
            "boolean-tautology",
            r#"(?:[ )'"`\]0-9;/(-](?:or|and|xor|having|where|div|rlike|like|not|regexp)[ (!~+'"`-]|(?:\|\||&&|&amp;&amp;)[ (!~+'"`0-9-]?)[ (!~+'"`-]{0,4}(?:binary |not )?['"`]?(?:0x)?\w{0,12}['"`]? ?\)? ?(?:=|<=>|<>|!=|>=|<=|<|>|like\b|rlike\b|regexp\b|is\b|in ?\() ?\(?['"`]?\w{1,12}['"`]? ?(?:--|#|/\*|;|\)|'|"|`|$|\b(?:and|or|limit|order|union|group)\b|\n|&)"#,
        )
        .within(Part::Arguments)
        ,
        Sign::exploit("quoted-tautology", r#"['"`] ?(?:or|and|xor|\|\||&&|like|rlike|regexp|div|\+|-|\*) ?\(? ?(?:(?:not|binary|!|~|-|\+) ?\(? ?)*(?:['"`][^'"`\n]{0,40}['"`]? ?(?:=|<|>|like|is|in|between|!|\|)|\d+ ?(?:=|<|>|like|\||\*|-)|(?:true|false|null|version|user|sleep|exists|select|if|ord|ascii|substr|length|char)\b ?(?:\(|--|#|$|=))"#),
        Sign::exploit("quote-then-comment", r#"['"`]\)? ?\)? ?(?:--|#|/\*|; ?--|;\x00|;%00)(?:[ +&;/_0-9a-z\x00-]|$)"#).within(Part::Arguments),
        Sign::exploit(
            "time-based",
            r"\b(?:sleep ?\( ?['\x22(]*(?:\d|\$|0x|if|select|@|-)|benchmark ?\( ?[\d(@'\x22]|pg_sleep ?\(|waitfor (?:delay|time)\b|dbms_(?:pipe\.receive_message|lock\.sleep|xmlgen|utility)|generate_series ?\(|randomblob ?\(|heavy_query)",
        )
        .within(Part::Any),
        Sign::exploit("schema-tables", r"\b(?:information_schema|sysobjects|syscolumns|sysdatabases|sqlite_master|sqlite_temp_master|all_tables|all_tab_columns|user_tables|user_tab_columns|pg_catalog|pg_shadow|mysql\.(?:user|db|innodb|innodb_table_stats)|msysaccessobjects|msysobjects|msysqueries|xp_cmdshell|xp_regread|xp_dirtree|xp_servicecontrol|sp_executesql|sp_oacreate|sp_password|sp_makewebtask|openrowset ?\(|opendatasource ?\(|utl_http|utl_inaddr|utl_smtp|master\.\.|master\.dbo|db_name ?\(|schema_name ?\(|table_schema|table_name\b|northwind\b.{0,20}select|load_file ?\(|load data (?:local )?infile|into (?:outfile|dumpfile)|@@(?:version|datadir|basedir|hostname|servername|spid|global|secure_file|innodb|rowcount|tmpdir)\b)")
            .within(Part::Any),
        Sign::exploit("sub-select", r"(?:\(|=|,|;|'|\b(?:and|or|in|exists|not|\|\||case|when|then)\b[\s(]*) ?select[\s(+@*'\x22`]+[\s\S]{0,200}?\bfrom\b[\s(+`\x22\[]+[\w.@`\x22\[]+"),
        Sign::exploit("select-of-function", r"\bselect[\s(+]+(?:@@|version ?\(|user ?\(|database ?\(|sleep|pg_sleep|benchmark|load_file|char ?\(|concat(?:_ws)? ?\(|group_concat|count ?\(|md5 ?\(|0x[0-9a-f]{4}|null\b|case\b|if ?\(|name\b|cast ?\(|'[^']{1,40}' ?(?:,|::|\+|\)|$)|\d+ ?(?:,|\))|\*|hex ?\(|ascii ?\(|length ?\(|substr|current_user|session_user|system_user)"),
        Sign::exploit("stacked-statement", r#"(?:;|'|"|\)|\}|`) ?(?:insert into|delete from|update [\w.`]+ set|drop (?:table|database|user|view|procedure|function|schema|index|column)|alter (?:table|database|user|a\w* w)|create (?:table|database|user|or replace|function|procedure|view|trigger|index)|truncate (?:table )?\w|exec(?:ute)?[\s(]+(?:sp_|xp_|master|immediate|@|'|\()|declare @?\w+|shutdown\b|grant \w+|revoke \w+|replace into|merge (?:into|using)|select[\s(*@'"\d+]|waitfor|begin\s|call \w+|handler \w+|do sleep|set @|load data|rename \w|desc \w|prepare \w|copy \w|having\s|if ?\(|use \w+)"#),
        Sign::exploit("statement", r"\b(?:insert into [\w.`@\x22]+ ?(?:\(|values|select|default)|delete from [\w.`]+ ?(?:where|;|--|$)|update [\w.`]+ set \w+ ?=|drop (?:table|database) (?:if exists )?[\w.`]+ ?(?:;|--|$|#|')|alter table \w+ (?:add|drop|modify)|create (?:function|procedure|table|trigger) [\w.]+ ?(?:\(|as|returns|begin)|select [a-z0-9_*.,`@ ()]{1,80}\sfrom [\w.`]+(?: where\b| limit\b| order by\b| ?;| ?--| ?#| ?$| ?\)| union\b)|select [a-z0-9_*.,`@ ()\x27]{1,60} (?:into|limit|procedure)\s|exec master|procedure analyse|group by [\w.,` ()]+ having|order by \d+ ?(?:--|#|/\*|$|,\d|desc|asc)|having \d+ ?[=<>]|limit \d+ ?, ?\d+ ?(?:--|#|union|into)|is (?:not )?null ?(?:--|#|\)|and|or\s)|regexp (?:binary )?['\x22^]|rlike [(\x22'](?:select|\^)|between ['\x22\d].{0,20}\sand ['\x22\d].{0,10}(?:--|#|$)|alter \w+ (?:character set|default|column))").within(Part::Arguments),
        Sign::exploit("function-of-database", r"\b(?:extractvalue ?\(|updatexml ?\(|xmltype ?\(|group_concat ?\(|concat_ws ?\(|json_(?:keys|extract|depth|arrayagg|value) ?\(|geometrycollection ?\(|multi(?:point|polygon|linestring) ?\(|polygon ?\(|linestring ?\(|st_latfromgeohash|gtid_subset ?\(|unhex ?\(|hex ?\( ?(?:user|version|database|load)|ascii ?\( ?(?:substr|mid|lower|upper|unicode|\()|ord ?\( ?(?:mid|substr|substring)|substr(?:ing)? ?\( ?(?:user|version|database|password|\(|@@|'|current|select|lower)|(?:user|version|database|schema|current_user|current_database|session_user|system_user|last_insert_id|row_count|found_rows) ?\( ?\)|char ?\( ?(?:0x[0-9a-f]{2}|\d{2,3}) ?[,)]|chr ?\( ?\d+ ?\) ?(?:\|\||\+)|convert ?\( ?(?:int|char|varchar|nvarchar|signed|\(?select)|cast ?\( ?[^)]{1,60}\bas (?:int|char|varchar|nvarchar|numeric|text|signed|json|bigint|xml|decimal)|if ?\( ?[\w(@]{1,40} ?[=<>]|iif ?\(|ifnull ?\(|nullif ?\(|coalesce ?\(|lpad ?\(|rpad ?\(|elt ?\( ?\d|make_set ?\(|exp ?\( ?~|rand ?\( ?\d* ?\)|floor ?\( ?rand|name_const ?\(|bit_(?:and|or|xor|count|length) ?\(|to_(?:seconds|days|base64) ?\(|from_(?:days|unixtime|base64) ?\(|pg_(?:read_file|ls_dir|client_encoding|current_xact_id)|lo_(?:import|export|get) ?\(|current_setting ?\(|query_to_xml ?\(|has_table_privilege|string_agg ?\(|array_agg ?\(|xp_\w+|sp_\w+ ['@]|sys\.(?:user|tables|objects|database|fn_|fnc)|from (?:dual|pg_\w+|sys\.\w+|mysql\.\w+|users?\b ?(?:--|#|where|$|\)|limit|'))|db_id ?\(|object_(?:id|name) ?\(|is_srvrolemember|fn_xe_file|col_length ?\(|dbms_\w+\.\w+|ctxsys\.|hextoraw|rawtonhex|sleep ?\(|collation ?\(|benchmark ?\(|password ?\( ?['\x22]|sha1? ?\( ?['\x22\d]|md5 ?\( ?\d|aes_decrypt|encode ?\(.{1,40}\bfrom\b|strcmp ?\(|find_in_set ?\(|inet_(?:aton|ntoa) ?\(|uuid ?\(|release_lock ?\(|is_(?:free|used)_lock ?\(|get_lock ?\(|row ?\( ?\d+ ?, ?\d)").within(Part::Any),
        Sign::exploit("quote-breaks-out", r#"['"] ?(?:\|\||\+|\*|-|%|\^|&&|<=>|<>|!=|>|<|div |mod |xor |is |in ?\(|between |sounds like|collate |like |;|=) ?\(?\(? ?(?:['"]|@|case when|select |exp ?\(|char ?\(|chr ?\(|[0-9]{1,9} ?(?:--|#|$|'|"|=|\))|null\b|utl_|(?:true|false) ?(?:$|--|#))"#).within(Part::Arguments).unless(r#"^ ?[{\[]|src=|href=|<\w|alert|onerror|name=""#),
        Sign::exploit("case-when", r"\bcase (?:\w+ )?when\b[\s\S]{1,120}\bthen\b[\s\S]{1,120}\b(?:else|end)\b").within(Part::Any),
        Sign::exploit("comment-inside-words", r"(?:/\*!(?:\d{5})? ?(?:union|select|and|or|from|where|insert|if|order|group|sleep|concat)|(?:union|select|from|and|or|order|where|sleep)/\*[^*]{0,20}\*/|/\*\*/(?:union|select|and|or|from|where|in|like|order|sleep|exec|limit|rlike)|['\x22)] ?/\*[\s\S]{0,60}\*/)"),
        Sign::exploit("json-operator", r"(?:->>? ?['\x22$]|@> ?['\x22{]|<@ ?['\x22{]|\? ?['\x22]\w+['\x22] ?(?:or|and)|::(?:text|int|json|jsonb|numeric|varchar)\b|['\x22] ?:: ?\w+|json_\w+ ?\(['\x22{])").within(Part::Arguments).unless(r"std::|\$_"),
        Sign::exploit("hex-or-char-argument", r"= ?\(? ?(?:char|chr|nchar|varchar|concat|unhex) ?\(|=0x[0-9a-f]{12,60}\b").within(Part::Arguments),
        Sign::known("eisoo-sdwan-package", r"/sdwan/nitro/v1/config/get_package_file", &["CVE-2019-12989", "CVE-2019-12991"]),
        Sign::known("zoneminder-removetag", r"request=event&action=removetag", &["CVE-2024-51482"]),
        Sign::known("zabbix-toggle-ids", r"jsrpc\.php\?[^\n]*profileidx2=", &["CVE-2016-10134"]),
        Sign::known("django-raster-band", r"[?&]band=\d*\) ?(?:and|or|union|;)", &["CVE-2026-1207"]),
        Sign::known("ghost-filter-slug", r"/ghost/api/content/[^\n]*filter=slug:\['", &["CVE-2026-26980"]),
        Sign::known("drupal-jsonapi-filter", r"/jsonapi/[^\n]*filter\[[^\n]{0,200}(?:\|\||`)\(select", &["CVE-2026-9082"]),
        Sign::known("freepbx-basestation", r"/admin/config\.php\?display=basestation&[^\n]*'", &["CVE-2025-66039"]),
        Sign::known("freepbx-ajax-brand", r"/admin/ajax\.php\?[^\n]*module=freepbx\\modules\\endpoint\\ajax[^\n]*brand=", &["CVE-2025-57819"]),
        Sign::known("whatsup-statistics", r"/nmconsole/platform/filter/\w+", &["CVE-2024-6670", "CVE-2024-6671"]),
        Sign::known("expedition-checkpoint", r"/bin/configurations/parsers/checkpoint/checkpoint\.php", &["CVE-2024-9465"]),
        Sign::known("ivanti-epm-event", r"/wsstatusevents/eventhandler\.asmx", &["CVE-2024-29824"]),
        Sign::known("cacti-poller", r"/(?:cacti/)?remote_agent\.php\?action=polldata", &["CVE-2022-46169"]),
        Sign::known("glpi-htmlawed", r"/vendor/htmlawed/htmlawed/htmlawedtest\.php", &["CVE-2022-35914"]),
    ],
};
