//! What CVSS base score does a vector stand for (v2, v3.0, v3.1, v4.0)?

/// The base score in tenths of a CVSS vector; `None` for other or broken vectors.
pub fn base_tenths(vector: &str) -> Option<u8> {
    let metrics: Vec<(&str, &str)> =
        vector.trim().trim_matches(['(', ')']).split('/').filter_map(|part| part.split_once(':')).collect();
    let get = |name: &str| metrics.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    match get("CVSS") {
        Some("3.0" | "3.1") => v3(&get),
        Some("4.0") if vector.len() <= VECTOR_BYTES_MAX => v4(vector.trim()),
        None if get("Au").is_some() => v2(&get),
        _ => None,
    }
}

/// A score written as a plain number, in tenths.
pub(crate) fn plain_tenths(text: &str) -> Option<u8> {
    let score: f64 = text.trim().parse().ok()?;
    (0.0..=10.0).contains(&score).then(|| tenths(score))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "scores lie in 0.0 to 10.0")]
fn tenths(score: f64) -> u8 {
    (score * 10.0).round().clamp(0.0, 100.0) as u8
}

/// Version 4 scores by tables of equivalent vectors; those are not worth a copy of our own.
fn v4(vector: &str) -> Option<u8> {
    let parsed: cvss::v4::Vector = vector.parse().ok()?;
    Some(tenths(parsed.score().value()))
}

fn impact_weight(value: &str) -> Option<f64> {
    Some(match value {
        "N" => 0.0,
        "L" => 0.22,
        "H" => 0.56,
        _ => return None,
    })
}

fn v3<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Option<u8> {
    let changed = match get("S")? {
        "U" => false,
        "C" => true,
        _ => return None,
    };
    let vector = match get("AV")? {
        "N" => 0.85,
        "A" => 0.62,
        "L" => 0.55,
        "P" => 0.2,
        _ => return None,
    };
    let complexity = match get("AC")? {
        "L" => 0.77,
        "H" => 0.44,
        _ => return None,
    };
    let privileges = match (get("PR")?, changed) {
        ("N", _) => 0.85,
        ("L", false) => 0.62,
        ("L", true) => 0.68,
        ("H", false) => 0.27,
        ("H", true) => 0.5,
        _ => return None,
    };
    let interaction = match get("UI")? {
        "N" => 0.85,
        "R" => 0.62,
        _ => return None,
    };
    let kept =
        (1.0 - impact_weight(get("C")?)?) * (1.0 - impact_weight(get("I")?)?) * (1.0 - impact_weight(get("A")?)?);
    let base = 1.0 - kept;
    let impact = if changed { 7.52 * (base - 0.029) - 3.25 * (base - 0.02_f64).powi(15) } else { 6.42 * base };
    if impact <= 0.0 {
        return Some(0);
    }
    let sum = impact + 8.22 * vector * complexity * privileges * interaction;
    Some(round_up_tenths(if changed { (1.08 * sum).min(10.0) } else { sum.min(10.0) }))
}

/// The specification's Roundup: up to the next tenth, immune to floating point dust.
#[expect(clippy::cast_possible_truncation, reason = "scores lie in 0.0 to 10.0")]
fn round_up_tenths(score: f64) -> u8 {
    let fine = (score * 100_000.0).round() as i64;
    let up = if fine % 10_000 == 0 { fine / 10_000 } else { fine / 10_000 + 1 };
    u8::try_from(up).unwrap_or(100)
}

fn v2<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Option<u8> {
    let weigh = |value: &str| match value {
        "N" => Some(0.0),
        "P" => Some(0.275),
        "C" => Some(0.660),
        _ => None,
    };
    let vector = match get("AV")? {
        "L" => 0.395,
        "A" => 0.646,
        "N" => 1.0,
        _ => return None,
    };
    let complexity = match get("AC")? {
        "H" => 0.35,
        "M" => 0.61,
        "L" => 0.71,
        _ => return None,
    };
    let authentication = match get("Au")? {
        "M" => 0.45,
        "S" => 0.56,
        "N" => 0.704,
        _ => return None,
    };
    let impact = 10.41 * (1.0 - (1.0 - weigh(get("C")?)?) * (1.0 - weigh(get("I")?)?) * (1.0 - weigh(get("A")?)?));
    let exploitability = 20.0 * vector * complexity * authentication;
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    Some(tenths((0.6 * impact + 0.4 * exploitability - 1.5) * factor))
}

/// All metrics of version 4 fit twice.
const VECTOR_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_the_published_ones() {
        for (vector, tenths) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(100)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(98)),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(61)),
            ("CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:N/A:N", Some(47)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(0)),
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P", Some(75)),
            ("(AV:N/AC:M/Au:N/C:C/I:C/A:C)", Some(93)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", Some(100)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Some(93)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", Some(0)),
            ("CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N", Some(10)),
            ("CVSS:4.0/AV:N", None),
            ("CVSS:3.1/AV:X", None),
            ("CVSS:9.9/AV:N", None),
            ("", None),
        ] {
            assert_eq!(base_tenths(vector), tenths, "{vector}");
        }
        assert_eq!(plain_tenths("9.8"), Some(98));
        assert_eq!(plain_tenths("1e999"), None);
    }
}
