//! Who tried to have PHP run code of theirs?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "php-execution",
    attack: &["T1190", "T1059"],
    signs: &[
        Sign::known("phpunit-stdin", r"/phpunit/(?:[\w/.-]+/)?util/php/(?:eval-stdin|index)\.php|/eval-stdin\.php", &["CVE-2017-9841"]).served(),
        Sign::known("php-cgi-argument", r"\?(?:[%\w]{0,3})?[\x{ad}-]+\w?[ +]*(?:d[ +]*)?(?:allow_url_include|auto_prepend_file|safe_mode|suhosin|disable_functions|open_basedir|cgi\.force_redirect)|(?:%ad|\x{ad}|\x{fffd})d ?(?:allow_url_include|auto_prepend|cgi\.)|\?-[sdbn](?:$|[+ ])|-d[ +](?:allow_url_include|auto_prepend_file)", &["CVE-2012-1823", "CVE-2024-4577"]),
        Sign::known("php-cgi-binary", r"/(?:cgi-bin|php-cgi)/php(?:\d|-cgi|5-cgi)?(?:\.cgi|\.exe)?\?", &["CVE-2012-1823", "CVE-2024-4577"]),
        Sign::known("php-backdoor-agent", r"user-agentt: ?zerodium", &["CVE-2021-49999"]).within(Part::Any),
        Sign::known("thinkphp-invoke", r"(?:think\\(?:app|container|request|module|template\\driver|view\\driver|config)[\\/]?(?:\\\w+)*/?(?:invokefunction|input|display|write|get)?|invokefunction&function=|method=__construct&filter|_method=__construct|/index\.php\?s=[^&\n]*(?:'|\\think))", &["CVE-2018-20062", "CVE-2019-9082"]).within(Part::Any),
        Sign::known("thinkphp-lang", r"[?&]lang=(?:\.\./)+[^&\n]*pearcmd|pearcmd&\+|\+config-create\+|config-create ?/", &["CVE-2022-47945"]).within(Part::Any),
        Sign::known("phpmyadmin-include", r"/(?:phpmyadmin|pma)/index\.php\?target=db_sql\.php(?:%25?3f|\?)", &["CVE-2018-12613"]),
        Sign::known("phpmyadmin-setup", r"/(?:phpmyadmin|pma)/scripts/setup\.php", &["CVE-2009-1151"]),
        Sign::known("drupal-form-render", r"(?:/user/register\?[^\n]*element_parents=|#(?:post_render|lazy_builder|markup|type)\]?(?:\[|=)|/\?q=user/password&name\[|name\[(?:#|%23))", &["CVE-2018-7600", "CVE-2018-7602"]).within(Part::Any),
        Sign::known("drupal-rest-link", r"/node/\d*\??[^\n]*_format=hal_json", &["CVE-2019-6340"]),
        Sign::known("joomla-session-agent", r"(?:user-agent|x-forwarded-for): ?[^\n]*(?:jdatabasedriver|jsimplepie|\}__\w+\|o:)", &["CVE-2015-8562"]).within(Part::Any),
        Sign::known("joomla-public-config", r"/api/(?:index\.php/)?v1/(?:config/application|users)\b[^\n]*public=true", &["CVE-2023-23752"]).served(),
        Sign::known("wing-ftp-login", r"/loginok\.html\b[\s\S]*username=[^&\n]*(?:\x00|%00)", &["CVE-2025-47812"]).within(Part::Any),
        Sign::known("roundcube-upload", r"_action=upload[^\n]*_from=edit-!|_from=[^&\n]*(?:\x00|%00|!\x22)|/\?_task=settings[^\n]*_from=edit-[^\n]*!", &["CVE-2025-49113"]).within(Part::Any),
        Sign::known("magento-guest-block", r"/(?:index\.php/)?(?:admin/cms_wysiwyg/directive|downloader/index\.php)", &["CVE-2015-1397"]),
        Sign::exploit("php-function-call", r"\b(?:phpinfo|system|passthru|shell_exec|proc_open|popen|pcntl_exec|eval|assert|create_function|call_user_func(?:_array)?|array_map|array_filter|preg_replace|base64_decode|gzinflate|str_rot13|file_(?:get|put)_contents|fopen|readfile|fwrite|fputs|show_source|highlight_file|include|require|move_uploaded_file|unlink|chr|ini_set|set_time_limit|error_reporting|getenv|putenv|dl|mail|symlink|opendir|scandir|glob|var_dump|print_r|func_get_args|register_shutdown_function|usort|array_walk|ob_start|die|exec|curl_exec|parse_ini_file|posix_getpwuid|extract|hex2bin|strrev|session_id|array_diff|json_decode|stream_get_contents|sprintf|implode|file|define|md5|header|fsockopen|socket_create|is_file|file_exists|iterator_apply|fputcsv|fgets|bin2hex|gzuncompress|gzdecode|convert_uudecode|chmod|rename|copy|mkdir|rmdir|tempnam|phpversion|php_uname|phpcredits|get_current_user|getmyuid|getcwd|apache_setenv|posix_kill|proc_nice|ignore_user_abort|readgzfile|mysql_query|mysqli_query|sqlite_open|invoke|invokeargs|filter_input) ?\( ?(?:['\x22$\\@_]|\)|-?[0-9]{1,9}\)|(?:chr|base64_[a-z0-9_]{1,10}|eval|getenv|join|implode|array_[a-z0-9_]{1,20}|md5|file[a-z0-9_]{0,20}|current|hex2bin|str[a-z0-9_]{1,12}|system|end|next|getallheaders|get_defined_[a-z0-9_]{1,12}|session_id|apache_[a-z0-9_]{1,20}) ?\()").within(Part::Any),
        Sign::exploit("php-superglobal", r"\$_(?:get|post|request|server|cookie|files|env|session)\b|\$globals\b|\$http_(?:raw_post_data|\w+_vars)|\$argv\b"),
        Sign::exploit("php-variable-function", r"(?:\$\{['\x22`]|\x22\.\x22[a-z(]|\(\x22[a-z0-9_]{1,30}\x22[.)]|\{\$[a-z_]|[\]})] ?\(['\x22$]|\$[a-z_][a-z0-9_]{0,20} ?\(['\x22$)]|\$[a-z_][a-z0-9_]{0,20} ?= ?[\x22'$a-z0-9(\[][ -~]{0,60};)").within(Part::Arguments).unless(r"\$\{?jndi|jquery|\$\(document|\$\(function|\$\.\w+\(|^ ?\{ ?\x22"),
        Sign::exploit("quoted-function-call", r"['\x22(\[](?:system|exec|passthru|shell_exec|popen|eval|assert|phpinfo)['\x22)\]] ?[)\]]{0,3} ?(?:\[[0-9]\])? ?\(").within(Part::Any),
        Sign::exploit("php-tag", r"<\?(?:php\b|=| ?(?:echo|print|system|eval|exec|phpinfo|passthru|\$))|<\?\s?\$|\[/?php\]|<script language ?= ?['\x22]?php"),
        Sign::exploit("php-configuration", r"\b(?:allow_url_(?:include|fopen)|auto_(?:prepend|append)_file|disable_functions|open_basedir|session\.(?:save_path|upload_progress)|suhosin\.\w+|safe_mode|upload_tmp_dir|zend\.\w+|mbstring\.\w+|magic_quotes\w*|opcache\.\w+|sendmail_path|extension_dir|date\.timezone|display_errors|error_log|include_path|variables_order|highlight\.\w+|assert\.\w+|soap\.wsdl_cache\w*)\s?=").within(Part::Any),
        Sign::exploit("obfuscated-call", r"(?:\( ?['\x22][a-z0-9_.\\]{2,30}['\x22] ?\) ?\(|\([0-9]\^[0-9]\)|\[ ?['\x22]\w+['\x22] ?\] ?\( ?['\x22]|['\x22] ?\. ?['\x22]\w{1,10}['\x22] ?\)? ?\(|(?:\\x[0-9a-f]{2}){3}|(?:\\[0-7]{3}){3}|\*/ ?\(|\) ?/\*[^*]*\*/ ?\()").within(Part::Arguments).unless(r"^ ?\{ ?\x22"),
    ],
};
