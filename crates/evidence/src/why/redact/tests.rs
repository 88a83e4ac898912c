//! Is every secret of the corpus gone, in every shape of file, and what was searched for still there?

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::why::terms::Terms;

/// Kinds of secrets: `(kind, secrets)`. All made up.
const SECRETS: &[(&str, &[&str])] = &[
    ("weak password", &["hunter2", "letmein!", "S3cret", "tr0ub4dor", "pa55word", "q1w2e3", "welcome1"]),
    ("strong password", &["kQ3!vT8mZp1Lx7Wc", "9Xy-Lm2_Rt5@Qp8z", "Gf7%dS2^kL9*mN4h", "vN8jK2wQ5xR7tY1z"]),
    ("passphrase", &["correct-horse-battery-staple", "fourteen.green.rivers.run", "winter_is_no_excuse_for_it"]),
    ("aws key id", &["AKIAIOSFODNN7EXAMPL2", "ASIAQWERTYUIOP123456", "AKIA2E0A8F3B244C9986"]),
    ("aws secret", &["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", "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD3fG6hJ9k"]),
    ("github", &["ghp_1a2B3c4D5e6F7g8H9i0J1k2L3m4N5o6P7q8R", "github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVw"]),
    ("gitlab", &["glpat-x1Y2z3A4b5C6d7E8f9G0", "gldt-Ab12Cd34Ef56Gh78Ij90"]),
    ("slack", &["xoxb-123456789012-abcdefGHIJKLmnop", "xapp-1-A012345-9876543210-0a1b2c3d4e5f"]),
    ("stripe", &["sk_live_4eC39HqLyjWDarjtT1zdp7dc", "rk_test_51H8xkQ2eZvKYlo2C0aBcDeFg"]),
    (
        "jwt",
        &[
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N",
            "eyJ0eXAiOiJKV1QifQ.eyJhIjoxfQ.sig-nature_123",
        ],
    ),
    (
        "hex key",
        &[
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            "0123456789abcdeffedcba9876543210",
            "deadbeef00112233445566778899aabb",
        ],
    ),
    (
        "base64 key",
        &["Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==", "q83vEjRWeJq83vEjRWeJq83vEjRWeA==", "MTIzNDU2Nzg5MGFiY2RlZmdoaWo="],
    ),
    ("uuid token", &["3f2504e0-4f89-41d3-9a0c-0305e82c3301", "c9bf9e57-1685-4c89-bafb-ff5af830be8a"]),
    ("google", &["AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q", "ya29.a0AfH6SMBx1Y2z3A4b5C6d7E8f9G0h"]),
    ("vault", &["hvs.CAESIJlT1a2B3c4D5e6F7g8H9i0J", "hvb.AAAAAQJz1Y2z3A4b5C6d7E8f9G0h1"]),
    (
        "bcrypt",
        &[
            "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
            "$6$rounds=5000$usesome$D4IrlXatmP7rx3P3InaxBeoomnAihC",
        ],
    ),
    ("npm and pypi", &["npm_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "pypi-AgEIcHlwaS5vcmcCJDk4Njc2NTQz"]),
    ("pin and short", &["4711", "xyzzy", "s3"]),
    ("with signs", &["p@ss/w0rd", "a:b:c#d", "semi;colon9", "ro=ot=99", "per%cent8", "am&per7"]),
    (
        "azure",
        &[
            "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==",
            "AbC8Q~x1Y2z3A4b5C6d7E8f9G0h1I2j3K4l5M6n7",
        ],
    ),
    (
        "telegram and discord",
        &["110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "MTA5NTc2.GhJkLm.a1B2c3D4e5F6g7H8i9J0k1L2"],
    ),
    ("wireguard", &["yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "cHJpdmF0ZSBrZXkgb2YgYSB0dW5uZWwgMTIzNDU2Nzg="]),
    (
        "more passwords",
        &[
            "Sommer2024",
            "admin123",
            "changeme",
            "P4ssw0rd",
            "iloveyou2",
            "monkey99",
            "dragon7",
            "sunshine5",
            "toor",
            "raspberry",
            "mypass",
            "Qwertz12",
        ],
    ),
    (
        "generated",
        &["tQ7wZ2mK", "8fJd0sLq3", "vbN4kPzX1c", "Jx9QwE5rTy", "mZ6nB2vC8x", "hG3fD7sA1q", "pL0oK9iJ8u", "rT5yU6iO7p"],
    ),
    (
        "long hex",
        &[
            "5f4dcc3b5aa765d61d8327deb882cf99aabbccdd",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c",
            "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
        ],
    ),
    (
        "openai and others",
        &[
            "sk-proj-a1B2c3D4e5F6g7H8i9J0",
            "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ",
            "gsk_1a2b3c4d5e6f7g8h9i0j",
            "r8_Ab1Cd2Ef3Gh4Ij5Kl6",
        ],
    ),
    ("sendgrid and mail", &["SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf9", "key-3ax6xnjp29jd6fds4gc373sgvjxteol0"]),
    (
        "docker and cloud",
        &[
            "dckr_pat_a1B2c3D4e5F6g7H8i9J0k1L2m3N",
            "dop_v1_a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6",
            "PMAK-5f6a7b8c9d0e1f2a3b4c5d6e",
        ],
    ),
    ("age and ssh", &["AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", "ATATT3xFfGF0a1B2c3D4e5F6g7H8"]),
    (
        "two words joined",
        &[
            "blue_house_42",
            "river.stone.9",
            "tiger-lamp-77",
            "north_star_1",
            "cold.tea.33",
            "left-turn-58",
            "paper_moon_7",
            "open.gate.12",
        ],
    ),
];

/// Shapes of files: `S` is the secret, `N` the name and `A` the address that were searched for. Where a secret's own
/// signs would end it in that shape (a quote, a blank, a separator), its writer would have encoded it.
const SHAPES: &[(&str, &str, &str)] = &[
    ("dotenv", "DB_HOST=N\nDB_PASSWORD=S\nDB_ADDR=A", ""),
    ("dotenv quoted", "export API_TOKEN=\"S\" # for N\nURL=http://A/", ""),
    ("ini", "[db]\nhost = N\npassword = S\nport = 5432\npeer = A", ""),
    ("yaml", "db:\n  host: N\n  password: S\n  addr: A", ""),
    ("yaml list", "env:\n  - name: DB_PASSWORD\n    value: S\n  - name: HOST\n    value: N:A", ""),
    ("yaml block", "secret: |\n  S\n  S\nhost: N A", ""),
    ("json", "{\"host\": \"N\", \"apiKey\": \"S\", \"addr\": \"A\"}", ""),
    ("json lines", "{\n  \"name\": \"CLIENT_SECRET\",\n  \"value\": \"S\",\n  \"to\": \"N A\"\n}", ""),
    ("toml", "[auth]\ntoken = \"S\"\nserver = \"N\"\nip = \"A\"", ""),
    ("properties", "spring.datasource.password=S\nspring.datasource.url=jdbc:postgresql://N/A", ""),
    ("xml element", "<db><host>N</host><password>S</password><ip>A</ip></db>", "&"),
    ("xml attribute", "<add key=\"ClientSecret\" value=\"S\" host=\"N\" ip=\"A\"/>", "&"),
    ("unit", "[Service]\nEnvironment=\"APP_SECRET=S\" \"APP_HOST=N\" \"ADDR=A\"", ""),
    ("argv", "app --host N --password S --addr A", ""),
    ("argv equals", "app --host=N --api-key=S --addr=A", ""),
    ("compose", "services:\n  db:\n    environment:\n      MYSQL_ROOT_PASSWORD: S\n      HOST: N\n      ADDR: A", ""),
    ("connection address", "DATABASE=postgres://user:S@N:5432/db?fallback=A", "/@:#%=&;"),
    ("list of addresses", "redis://:S@N:6379,redis://:S@A:6379", "/@:#%=&;,"),
    ("header", "curl -H 'Authorization: Bearer S' https://N/A", ":#@%&;"),
    ("key header", "proxy_set_header X-Api-Key S; # N A", ";"),
    ("php", "define('DB_HOST', 'N'); $password = 'S'; $ip = 'A';", ""),
    ("python", "connect(host='N', password='S', addr='A')", ""),
    ("redis", "bind A\nrequirepass S\nreplicaof N 6379", ""),
    ("netrc", "machine N login me password S\nmachine A", ""),
    ("pgpass", "N:5432:db:me:S\nA:5432:db:me:S", ""),
    ("go dsn", "dsn=me:S@tcp(N:3306)/A", "/@:#%=&;"),
    ("mssql", "Server=N;User Id=sa;Password=S;Addr=A", ";=&#"),
    ("cron", "*/5 * * * * root TOKEN=S /opt/push --to N --via A", ""),
    ("curl user", "curl -u me:S https://N/?ip=A", ""),
    ("shell", "sshpass -p 'S' ssh me@N A", ""),
    ("sql", "CREATE USER me@'N' IDENTIFIED BY 'S'; -- A", ""),
    ("query", "GET http://N/x?access_token=S&ip=A", "&#;"),
    ("escaped json", "ENV={\\\"password\\\": \\\"S\\\", \\\"h\\\": \\\"N A\\\"}", ""),
    ("wireguard", "[Peer]\nPresharedKey = S\nEndpoint = N:1\nAllowedIPs = A/32", ""),
];

const NAME: &str = "api.partner.example";
const ADDRESS: &str = "203.0.113.77";

fn redacted(text_of: &str) -> String {
    let terms = Terms::of(&[NAME], ADDRESS.parse().unwrap());
    text(text_of, &|line| terms.plain(line))
}

#[test]
fn every_secret_of_the_corpus_is_gone_and_what_was_searched_for_stays() {
    let (mut cases, mut failed) = (0, Vec::new());
    for (kind, secrets) in SECRETS {
        for secret in *secrets {
            for (shape, template, ends) in SHAPES {
                if secret.contains(|c| ends.contains(c)) {
                    continue;
                }
                let file = file_of(template, secret);
                let shown = redacted(&file);
                cases += 1;
                let is_whole = shown.contains(NAME) && shown.contains(ADDRESS);
                if leaks(&shown, &file_of(template, ""), secret, 4) || !is_whole {
                    failed.push(format!("{kind} in {shape}:\n{file}\n->\n{shown}"));
                }
            }
        }
    }
    let secrets: usize = SECRETS.iter().map(|(_, secrets)| secrets.len()).sum();
    println!(
        "{secrets} secrets of {} kinds in {} shapes: {cases} cases, {} failed",
        SECRETS.len(),
        SHAPES.len(),
        failed.len()
    );
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(cases > 2500 && secrets >= 100 && SECRETS.len() >= 15 && SHAPES.len() >= 15);
}

/// A template with its marks replaced: the single letters `S`, `N`, `A` that stand alone.
fn file_of(template: &str, secret: &str) -> String {
    let mut out = String::new();
    let bytes = template.as_bytes();
    for (at, c) in template.char_indices() {
        let beside = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at))
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-')
        };
        // `\n` was turned into a line break by the compiler; what stands alone is a mark.
        let alone = !beside(at.checked_sub(1)) && !beside(Some(at + 1));
        match c {
            'S' if alone => out.push_str(secret),
            'N' if alone => out.push_str(NAME),
            'A' if alone => out.push_str(ADDRESS),
            c => out.push(c),
        }
    }
    out
}

/// Whether the secret, or half of it, can be read.
fn leaks(shown: &str, without: &str, secret: &str, least: usize) -> bool {
    let half = (secret.len() / 2).max(least).min(secret.len());
    let parts = (0..=secret.len() - half).filter_map(|at| secret.get(at..at + half));
    // What the file says anyway is no secret.
    let parts = parts.filter(|part| !without.contains(part));
    // What is short may stand in a word: `s3`.
    parts.into_iter().any(|part| match secret.len() {
        0..=4 => shown.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == part),
        _ => shown.contains(part),
    })
}

#[test]
fn private_keys_are_gone_over_all_their_lines() {
    let body = "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MaU2o1\nshort==";
    let pem =
        format!("host {NAME}\n-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\nip {ADDRESS}");
    let shown = redacted(&pem);
    assert!(!shown.contains("MIIE") && !shown.contains("short") && shown.contains(NAME) && shown.contains(ADDRESS));
    let line = format!("key: \"-----BEGIN PRIVATE KEY-----\\n{}\\n\"", body.replace('\n', "\\n"));
    assert!(!redacted(&line).contains("MIIE"));
}

#[test]
fn what_is_no_secret_stays() {
    for line in [
        "upstream backend { server 203.0.113.77:8080; }",
        "ExecStart=/usr/bin/app --listen 127.0.0.1:80 --url http://api.partner.example/v1/items",
        "*/5 * * * * root /usr/local/bin/sync --to api.partner.example",
        "proxy_pass http://api.partner.example:8080/path;",
    ] {
        assert_eq!(redacted(line), line);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_secrets_are_gone(secret in "[A-Za-z0-9_]{8,40}", shape in 0..SHAPES.len(), last in 1u8..=254) {
        let (_, template, _) = SHAPES[shape];
        let address = IpAddr::from(Ipv4Addr::new(203, 0, 113, last)).to_string();
        let file = file_of(template, &secret).replace(ADDRESS, &address);
        let terms = Terms::of(&[NAME], address.parse().unwrap());
        let shown = text(&file, &|line| terms.plain(line));
        prop_assert!(!leaks(&shown, &file_of(template, "").replace(ADDRESS, &address), &secret, 6), "{file}\n->\n{shown}");
        prop_assert!(shown.contains(NAME) && shown.contains(&address), "{file}\n->\n{shown}");
    }

    #[test]
    fn no_text_panics(line in "\\PC{0,120}") {
        let _ = redacted(&line);
    }
}
