//! Is every notation of a range understood as its own tool does?

use super::*;

#[test]
fn each_notation_is_understood() {
    for (scheme, version, range, expected) in [
        (Scheme::Npm, "1.0.0", "vers:npm/*", true),
        (Scheme::Pep440, "1.0.0", "vers:pypi/<=1.3.0|3.0.0", true),
        (Scheme::Pep440, "2.0.0", "vers:pypi/<=1.3.0|3.0.0", false),
        (Scheme::Pep440, "3.0", "vers:pypi/<=1.3.0|3.0.0", true),
        (Scheme::Pep440, "1.5", "vers:pypi/>=1|!=1.5|<2", false),
        (Scheme::Dpkg, "1.0~rc1", "<< 1.0", true),
        (Scheme::Dpkg, "1:1.0", ">= 2.0", true),
        (Scheme::Pep440, "1.4.5", "~=1.4", true),
        (Scheme::Pep440, "2.0", "~=1.4", false),
        (Scheme::Pep440, "2.0rc1", "<2.0", false),
        (Scheme::Pep440, "1.1.post1", "==1.1.*", true),
        (Scheme::Maven, "1.5", "[1.0,2.0),[3.0]", true),
        (Scheme::Maven, "2.0", "[1.0,2.0),[3.0]", false),
        (Scheme::NuGet, "1.5", "1.0", true),
        (Scheme::Gem, "2.0.9", "~> 2.0.8", true),
        (Scheme::Gem, "2.1", "~> 2.0.8", false),
        (Scheme::Composer, "1.9", "^1.2 || ^3", true),
        (Scheme::SemVer, "1.9.0", "1.2", true),
        (Scheme::Rpm, "1:2-3", ">1:2-2,<=1:2-3", true),
    ] {
        assert_eq!(satisfies(scheme, version, range), Ok(expected), "{version} in {range}");
    }
    for range in ["", "vers:npm/1", "vers:pypi", "vers:pypi/>= 1", "vers:pypi/>%2", "~~~1", "=="] {
        assert!(satisfies(Scheme::Pep440, "1", range).is_err(), "{range}");
    }
    assert!(satisfies(Scheme::Maven, "1", "[1,2").is_err());
}
