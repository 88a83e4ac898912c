//! Until when does a certificate hold, and is that to be said?

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use yasna::{ASN1Error, ASN1ErrorKind, BERReader, Tag};

use tripoint_model::Timestamp;

/// When a certificate ends (RFC 5280 section 4.1.2.5); `None` where it is none.
pub(super) fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let seconds = yasna::parse_der(certificate, |reader| {
        reader.read_sequence(|reader| {
            let ends = reader.next().read_sequence(|reader| {
                // Version, serial number, algorithm and issuer stand before it.
                for _ in 0..4 {
                    reader.next().read_der()?;
                }
                let ends = reader.next().read_sequence(|reader| {
                    reader.next().read_der()?;
                    moment(reader.next())
                })?;
                while reader.read_optional(|field| field.read_der())?.is_some() {}
                Ok(ends)
            })?;
            reader.next().read_der()?;
            reader.next().read_der()?;
            Ok(ends)
        })
    });
    seconds.ok().map(Timestamp::from_seconds)
}

fn moment(reader: BERReader<'_, '_>) -> Result<i64, ASN1Error> {
    match reader.lookahead_tag()? {
        yasna::tags::TAG_UTCTIME => Ok(reader.read_utctime()?.datetime().unix_timestamp()),
        yasna::tags::TAG_GENERALIZEDTIME => Ok(reader.read_generalized_time()?.datetime().unix_timestamp()),
        Tag { .. } => Err(ASN1Error::new(ASN1ErrorKind::Invalid)),
    }
}

/// What is to be said of the authority that vouches for us, in its last year: everybody who trusts it has to be told of
/// the next.
pub(crate) fn of_authority(ends: Timestamp, now: Timestamp) -> Option<String> {
    let days = ends.since(now).as_secs() / 86_400;
    (ends.since(now) < AUTHORITY_TOLD)
        .then(|| format!("the server's own authority ends in {days} days; change it before (docs/reference/tls.md)"))
}

const AUTHORITY_TOLD: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_ends_never_and_the_last_year_is_told() {
        for bytes in [&b""[..], b"x", &[0x30, 0x00], &[0x30, 0x80]] {
            assert_eq!(ends(&CertificateDer::from(bytes.to_vec())), None);
        }
        let days = |days: i64| Timestamp::from_seconds(days * 86_400);
        assert_eq!(of_authority(days(1000), days(634)), None);
        let told = of_authority(days(1000), days(636)).unwrap();
        assert!(told.contains("ends in 364 days"), "{told}");
        assert!(of_authority(days(1000), days(2000)).unwrap().contains("in 0 days"));
    }
}
