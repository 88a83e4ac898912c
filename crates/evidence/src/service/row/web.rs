//! Who tried to log in to web applications that log it themselves?

use super::{Row, accepted, failed, refused, unknown};

pub(super) const ROWS: &[Row] = &[
    unknown(
        "gitea",
        "Failed authentication attempt for ",
        r"Failed authentication attempt for (?P<user>.*) from <peer>(?::\d+)?: user does not exist",
    ),
    failed(
        "gitea",
        "Failed authentication attempt for ",
        r"Failed authentication attempt for (?P<user>.*) from <peer>(?::\d+)?(?:: .*)?$",
    ),
    failed("gitlab", "Failed Login: username=", r"Failed Login: username=(?P<user>.*) ip=<peer>\s*$"),
    failed(
        "keycloak",
        "type=LOGIN_ERROR",
        r#"type="?LOGIN_ERROR"?, .*ipAddress="?(?P<ip>[\da-fA-F.:]+)"?, error="?(?:invalid_user_credentials|invalid_client_credentials|user_temporarily_disabled)(?:.*username="?(?P<user>[^,"]+))?"#,
    ),
    unknown(
        "keycloak",
        "user_not_found",
        r#"type="?LOGIN_ERROR"?, .*ipAddress="?(?P<ip>[\da-fA-F.:]+)"?, error="?user_not_found(?:.*username="?(?P<user>[^,"]+))?"#,
    ),
    failed(
        "apereo-cas",
        "|AUTHENTICATION_FAILED|",
        r"\|AUTHENTICATION_FAILED\|(?P<user>[^|]*)\|(?P<ip>[\da-fA-F.:]+)\|",
    ),
    failed(
        "apereo-cas",
        "CLIENT IP ADDRESS: ",
        r"(?s)WHO: (?P<user>[^\n]*)\n.*ACTION: AUTHENTICATION_FAILED\n.*CLIENT IP ADDRESS: <peer>",
    ),
    failed(
        "lemonldap-ng",
        "Bad password for ",
        r"(?:\[warn\]|Lemonldap::NG :) Bad password for (?P<user>.*) \(<peer>\)\s*$",
    ),
    unknown(
        "lemonldap-ng",
        "was not found in LDAP directory",
        r"(?:\[warn\]|Lemonldap::NG :) (?P<user>.*) was not found in LDAP directory \(<peer>\)\s*$",
    ),
    failed(
        "vaultwarden",
        "Username or password is incorrect. Try again. IP: ",
        r"Username or password is incorrect\. Try again\. IP: (?P<ip>[\da-fA-F.:]+)\. Username: (?P<user>.*?)\.?\s*$",
    ),
    failed(
        "vaultwarden",
        "Invalid admin token",
        r"Invalid admin token[.!] IP: (?P<ip>[\da-fA-F.:]+)(?:\. Username: (?P<user>.*))?\s*$",
    ),
    failed("vaultwarden", "Invalid TOTP code", r"Invalid TOTP code! Server time: .* IP: <peer>\s*$"),
    failed("bitwarden", "Failed login attempt", r"Failed login attempt(?:, 2FA invalid)?\. (?P<ip>[\da-fA-F.:]+)\s*$"),
    failed(
        "audiobookshelf",
        "Failed login attempt for username ",
        r#"\[Auth\] Failed login attempt for username "(?P<user>.*)" from ip (?P<ip>[\da-fA-F.:]+) \("#,
    ),
    failed(
        "immich",
        "Failed login attempt for user ",
        r"Failed login attempt for user (?P<user>.*) from ip address <peer>\s*$",
    ),
    failed(
        "jellyfin",
        "has been denied (IP: ",
        r#"Authentication request for "?(?P<user>.*?)"? has been denied \(IP: "?<peer>"?\)"#,
    ),
    failed(
        "overseerr",
        "Failed sign-in attempt",
        r#"Failed (?:sign-in|login) attempt.*\{"ip":"(?P<ip>[^"]+)","email":"(?P<user>[^"]*)"#,
    ),
    failed(
        "paperless-ngx",
        "Login failed for user `",
        r"Login failed for user `(?P<user>.*)` from (?:private |public |non-global )?IP `(?P<ip>[\da-fA-F.:]+)`",
    ),
    failed("calibre-web", "IP-address: ", r#"Login failed for user "(?P<user>.*)" IP-address: <peer>\s*$"#),
    failed("odoo", "Login failed for db:", r"Login failed for db:\S+ login:(?P<user>.*) from <peer>\s*$"),
    failed("radarr", "Auth-Failure ip ", r"Auth-Failure ip (?P<ip>[\da-fA-F.:]+) username '?(?P<user>.*?)'?\s*$"),
    failed(
        "qbittorrent",
        "WebAPI login failure",
        r"WebAPI login failure\. Reason: .*, IP: (?P<ip>[\da-fA-F.:]+)(?:, username: (?P<user>.*))?\s*$",
    ),
    accepted("qbittorrent", "WebAPI login success", r"WebAPI login success\. IP: <peer>"),
    failed(
        "joplin",
        "Invalid username or password",
        r#"403: POST /api/sessions: (?P<ip>[\da-fA-F.:]+): Invalid username or password(?:: \{"email":"(?P<user>[^"]*))?"#,
    ),
    failed("phpmyadmin", "user denied: ", r"^user denied: (?P<user>.*) \([\w-]+\) from <peer>\s*$"),
    failed("groupoffice", "LOGIN FAILED for user: ", r#"LOGIN FAILED for user: "(?P<user>.*)" from IP: <peer>\s*$"#),
    accepted(
        "groupoffice",
        "LOGIN SUCCESS for user: ",
        r#"LOGIN SUCCESS for user: "(?P<user>.*)" from IP: <peer>\s*$"#,
    ),
    failed("tine20", "Login with username ", r"Login with username (?P<user>.*) from <peer> failed \(-\d+\)!"),
    failed("znc", "failed to login from ", r"^(?:znc\[\d+\]: )?\[(?P<user>[^\]]*)\] failed to login from <peer>\s*$"),
    failed("wordpress", "Authentication failure for ", r"^Authentication failure for (?P<user>.*) from <peer>\s*$"),
    unknown(
        "wordpress",
        "Authentication attempt for unknown user ",
        r"^Authentication attempt for unknown user (?P<user>.*) from <peer>\s*$",
    ),
    failed("nextcloud", "Login failed: ", r"Login failed: '?(?P<user>.*?)'? \(Remote IP: '?(?P<ip>[\da-fA-F.:]+)'?\)"),
    failed("grafana", "Invalid username or password", r"remote_addr=<peer>.*Invalid username or password"),
    failed(
        "tomcat",
        "An attempt was made to authenticate the locked user",
        r#"authenticate the locked user \[?"?(?P<user>[^"\]]*)"#,
    ),
    refused("magento", "PAYMENT_FAILED", r#""type":"PAYMENT_FAILED","ip":"(?P<ip>[^"]+)""#),
];
