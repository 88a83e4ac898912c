//! What do people, programs and search engines ask for that looks like an attack and is none?
//!
//! Each shape is of a real application: searches, shops, wikis, forums of programmers, log-ins elsewhere, measuring of
//! visitors, interfaces with query languages of their own. Half of the words are those that attacks are made of. What no
//! reader could tell from an attack (a whole statement of SQL, a script with its tag, a path of the system behind dots)
//! is not here: it would be labelled wrongly.

use crate::mixed;
use crate::words::{AGENTS, ASKED, CODE, NAMES, PLAIN, PROBES, TALK, WORDS};

/// A line that is none of an attack, the same for each number.
pub fn innocent(number: u64) -> String {
    let dice = Dice { seed: mixed(number), turn: std::cell::Cell::new(0) };
    if number.is_multiple_of(SHAPES) {
        let (path, agent) = PROBES[dice.below(PROBES.len())];
        return line(path, agent, "-", number);
    }
    let target = match number % SHAPES {
        shape @ 1..=13 => of_people(shape, &dice),
        shape @ 14..=26 => of_programs(shape, &dice),
        shape @ 27..=35 => of_queries(shape, &dice),
        shape => of_services(shape, &dice),
    };
    let referer = if number.is_multiple_of(5) {
        format!("https://www.example.org/search?q={}", dice.words(3))
    } else {
        "-".into()
    };
    line(&target, AGENTS[dice.below(AGENTS.len())], &referer, number)
}

/// Shapes of lines.
const SHAPES: u64 = 46;

/// What a number decides.
struct Dice {
    seed: u64,
    turn: std::cell::Cell<u64>,
}

impl Dice {
    fn below(&self, count: usize) -> usize {
        (self.next() >> 11) as usize % count
    }

    fn next(&self) -> u64 {
        self.turn.set(self.turn.get() + 1);
        mixed(self.seed ^ (self.turn.get() << 40))
    }

    /// One that attacks are made of, or one that they are not.
    fn word(&self) -> &'static str {
        if self.below(2) == 0 { self.of(WORDS) } else { self.of(PLAIN) }
    }

    fn of(&self, texts: &[&'static str]) -> &'static str {
        texts[self.below(texts.len())]
    }

    /// Some words as a form sends them.
    fn words(&self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join("+")
    }

    fn hex(&self) -> String {
        format!("{:016x}", self.next())
    }

    /// Bytes in base64 as tokens are written.
    fn token(&self, words: usize) -> String {
        use base64::Engine as _;
        let bytes: Vec<u8> = (0..words).flat_map(|_| self.next().to_be_bytes()).collect();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A signed token of the web: header, claims and signature.
    fn web_token(&self) -> String {
        use base64::Engine as _;
        let packed = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let claims = format!(
            r#"{{"sub":"{}","name":"{}","iss":"https://id.example.org/","scope":"read write","exp":{}}}"#,
            self.below(90_000),
            self.of(NAMES),
            self.below(2_000_000_000)
        );
        format!("{}.{}.{}", packed(r#"{"alg":"RS256","typ":"JWT"}"#), packed(&claims), self.token(8))
    }
}

/// Text as a form sends it.
fn form(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b if b.is_ascii_alphanumeric() || b"-_.~*".contains(&b) => out.push(char::from(b)),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// Text as browsers leave it where it is typed into an address: only what cannot stand there is encoded.
fn typed(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' | b'"' | b'<' | b'>' | b'`' | b'#' | 0x80.. => out.push_str(&format!("%{byte:02X}")),
            b => out.push(char::from(b)),
        }
    }
    out
}

/// Pages, searches, shops and talk.
fn of_people(shape: u64, dice: &Dice) -> String {
    let word = || dice.word();
    match shape {
        1 => format!("/{}/{}-{}-{}.html", word(), word(), word(), word()),
        2 => format!("/search?q={}&page={}", dice.words(3), dice.below(50)),
        3 => format!("/search?q=%22{}%22+{}", dice.words(2), word()),
        4 => format!("/people?name={}", form(dice.of(NAMES))),
        5 => format!("/search?q={}+and+{}+or+{}", form(dice.of(NAMES)), word(), word()),
        6 => format!("/search?q={}", form(dice.of(ASKED))),
        7 => format!("/search?q={}+{}", form(dice.of(ASKED)), word()),
        8 => format!("/questions/{}/{}", dice.below(9_000_000), dice.of(ASKED).to_lowercase().replace([' ', '/'], "-")),
        9 => format!("/code/search?q={}&type=code", form(dice.of(CODE))),
        10 => format!("/forum/post?text={}", form(dice.of(TALK))),
        11 => format!("/forum/preview?text={}%2C+{}%3B+{}%21+%28{}%29", dice.words(2), word(), dice.words(2), word()),
        12 => format!("/wiki/{}_({})?action=history&limit={}", word(), word(), dice.below(500)),
        _ => format!(
            "/shop/{}?sort=price&order=desc&min={}&max={}&filter%5Bcolor%5D%5B%5D={}&group=by-{}",
            word(),
            dice.below(50),
            dice.below(5000),
            word(),
            word()
        ),
    }
}

/// What programs add: where people came from, where they go on to, who they are.
fn of_programs(shape: u64, dice: &Dice) -> String {
    let word = || dice.word();
    match shape {
        14 => format!("/login?next=https%3A%2F%2Fwww.example.org%2F{}%3F{}%3D{}", word(), word(), dice.below(90)),
        15 => format!(
            "/out?redirect=https://shop.example.com/{}-{}?id={}&ref={}",
            word(),
            word(),
            dice.below(999),
            word()
        ),
        16 => format!("/callback?code={}&state={}&scope=openid+profile+email", dice.token(4), dice.web_token()),
        17 => format!("/api/session?token={}", dice.web_token()),
        18 => format!("/t?tok={}%3D%3D&sig={}", dice.token(5), dice.hex()),
        19 => format!(
            "/{}?utm_source=news&utm_medium=email&utm_campaign={}_{}&utm_content=a%7Cb&utm_term={}&gclid={}",
            word(),
            word(),
            word(),
            dice.words(2),
            dice.token(6)
        ),
        20 => format!(
            "/g/collect?v=2&tid=G-{}&dl=https%3A%2F%2Fwww.example.org%2F{}%3Fq%3D{}&dt={}%20%7C%20Example&en=page_view&sr=1920x1080",
            dice.below(99_999),
            word(),
            dice.words(2),
            form(dice.of(TALK))
        ),
        21 => format!(
            "/unsubscribe?email={}%40example.org&list={}&h={}",
            form(&dice.of(NAMES).to_lowercase().replace(' ', ".")),
            word(),
            dice.hex()
        ),
        22 => format!(
            "/bucket/{}.{}.zip?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE%2F20251001%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Signature={}",
            word(),
            word(),
            dice.hex()
        ),
        23 => format!("/images/{}/{}_{}x{}.webp?v={}", word(), word(), dice.below(900), dice.below(700), dice.hex()),
        24 => format!("/{}/../{}/{}-{}.css?ver=6.{}.{}", word(), word(), word(), word(), dice.below(9), dice.below(30)),
        25 => format!("/files/{}%20({})%20v{}.{}.pdf", word(), word(), dice.below(9), dice.below(9)),
        _ => format!(
            "/download?file={}.{}.tar.gz&mirror=https%3A%2F%2Fmirror.example.net%2Fpub%2F{}",
            word(),
            dice.below(99),
            word()
        ),
    }
}

/// Interfaces whose questions are a language.
fn of_queries(shape: u64, dice: &Dice) -> String {
    let word = || dice.word();
    let number = || dice.below(900);
    match shape {
        27 => format!(
            "/api/v1/{}?filter={}",
            word(),
            form(&format!(r#"{{"{}":"{}","n":{{"from":{}}}}}"#, word(), word(), number()))
        ),
        28 => format!(
            "/graphql?query={}",
            form(&format!(r#"{{ {}(id: "{}") {{ name {} {{ id title }} }} }}"#, word(), number(), word()))
        ),
        29 => format!(
            "/graphql?query={}&variables=%7B%22id%22%3A{}%7D",
            form(&format!("query($id: ID!) {{ {}(id: $id) {{ name }} }}", word())),
            number()
        ),
        30 => format!(
            "/odata/Products?$filter=Name eq '{}' and Price gt {}&$select=Name,Id&$orderby=Name desc&$top=20",
            word(),
            number()
        )
        .replace(' ', "%20"),
        31 => format!(
            "/odata/People?$filter={}",
            form(&format!("contains(Name,'{}') or startswith(City,'{}')", dice.of(NAMES).replace('\'', "''"), word()))
        ),
        32 => format!(
            "/_search?q={}",
            form(&format!(
                r#"title:"{} {}" AND (status:{} OR tag:{}) NOT {}"#,
                word(),
                word(),
                number(),
                word(),
                word()
            ))
        ),
        33 => {
            format!("/api/articles?filters[title][$eq]={}&filters[$or][0][tag][$in][0]={}&populate=*", word(), word())
        }
        34 => format!(
            "/api/v1/query?query={}&time={}",
            form(&format!(
                r#"sum(rate({}_total{{job="{}",code=~"5.."}}[5m])) by (instance) / {}"#,
                word(),
                word(),
                number()
            )),
            number()
        ),
        _ => format!(
            "/loki/query?query={}",
            form(&format!(r#"{{app="{}"}} |= "{}" | json | line_format "{{{{.{}}}}}""#, word(), word(), word()))
        ),
    }
}

/// What programs fetch from registries, and what they measure, draw, translate and report.
fn of_services(shape: u64, dice: &Dice) -> String {
    let word = || dice.word();
    let number = || dice.below(900);
    match shape {
        36 => format!("/{}.git/info/refs?service=git-upload-pack", word()),
        37 => format!("/maven2/org/apache/commons/commons-{}/{}.0/commons-{}.jar", word(), number(), word()),
        38 => format!("/docs/api/java.util.{}.{}.html#{}(int,%20java.lang.String)", word(), word(), word()),
        39 => format!("/pool/main/b/{}/{}_5.2.15-2+b{}_amd64.deb", word(), word(), number()),
        40 => format!(
            "/wp-json/wp/v2/posts?per_page=10&_fields=id,title&search={}&orderby=date&order=desc",
            dice.words(2)
        ),
        41 => format!(
            "/matomo.php?action_name={}&idsite=1&rec=1&url=https%3A%2F%2Fwww.example.org%2F{}%2F&_id={}&res=1920x1080",
            form(dice.of(TALK)),
            word(),
            dice.hex()
        ),
        42 => format!(
            "/tiles?bbox=-{}.5,{}.25,-{}.1,{}.9&layers={}:{}&format=image/png",
            number(),
            number(),
            number(),
            number(),
            word(),
            word()
        ),
        43 => format!(
            "/calc?expr={}",
            form(&format!("({} + {}) * {} / max({}, {})", number(), number(), number(), number(), number()))
        ),
        44 => format!("/translate?from=de&to=en&text={}", typed(dice.of(TALK))),
        _ => format!(
            "/report?range=now-{}h..now&group_by[]={}&columns={},{}&having={}",
            number(),
            word(),
            word(),
            word(),
            word()
        ),
    }
}

fn line(target: &str, agent: &str, referer: &str, number: u64) -> String {
    let seed = mixed(number ^ 0x5555);
    // Half of the servers write bytes beyond ASCII and quotes as `\xHH`.
    let mut shown = String::new();
    for byte in target.bytes() {
        match byte {
            b'"' | b'\\' | 0x80.. => shown.push_str(&format!("\\x{byte:02X}")),
            byte => shown.push(char::from(byte)),
        }
    }
    format!(
        "198.51.100.{} - - [{:02}/Oct/2025:13:55:36 +0000] \"GET {shown} HTTP/1.1\" {} {} \"{referer}\" \"{agent}\"",
        seed & 255,
        1 + seed % 28,
        [200, 200, 404, 302, 403][(seed >> 30) as usize % 5],
        seed >> 50
    )
}
