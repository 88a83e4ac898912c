//! Is every notation of a range understood as its own tool does?

use super::*;
use crate::version::SCHEMES;

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

#[test]
fn each_tools_own_rules_hold() {
    for (scheme, version, range, expected) in [
        // Cargo: a bare version is a caret; pre-releases only where one is named.
        (Scheme::SemVer, "1.9.0", "1.2.3", true),
        (Scheme::SemVer, "2.0.0", "1.2.3", false),
        (Scheme::SemVer, "0.2.9", "0.2.3", true),
        (Scheme::SemVer, "0.3.0", "0.2.3", false),
        (Scheme::SemVer, "1.2.9", "=1.2", true),
        (Scheme::SemVer, "1.9.0", "1.*", true),
        (Scheme::SemVer, "1.5.0", ">=1.2, <1.5", false),
        (Scheme::SemVer, "1.3.0-rc1", ">=1.2", false),
        (Scheme::SemVer, "1.3.0-rc1", ">=1.3.0-alpha", true),
        // Composer: a bound without a stability stands before its pre-releases.
        (Scheme::Composer, "2.0.0-beta1", "<2.0", false),
        (Scheme::Composer, "1.0.0-RC1", ">=1.0", true),
        (Scheme::Composer, "1.2.9", "~1.2", true),
        (Scheme::Composer, "1.9.9", "~1.2", true),
        (Scheme::Composer, "1.3.0", "~1.2.3", false),
        (Scheme::Composer, "0.3.0", "^0.3", true),
        (Scheme::Composer, "0.4.0", "^0.3", false),
        (Scheme::Composer, "1.2.7", "1.2.*", true),
        (Scheme::Composer, "1.3.0", "1.2.*", false),
        (Scheme::Composer, "2.0.5", "1.0 - 2.0", true),
        (Scheme::Composer, "2.1.0", "1.0 - 2.0", false),
        (Scheme::Composer, "2.0.0", "1.0.0 - 2.0.0", true),
        (Scheme::Composer, "v1.2.0", ">=1.0 <1.1 | >=1.2@dev", true),
        (Scheme::Composer, "1.0.5", "!=1.0.5,>=1.0", false),
    ] {
        assert_eq!(satisfies(scheme, version, range), Ok(expected), "{scheme:?} {version} in {range}");
    }
}

#[test]
fn distributions_and_upstreams_have_rules_of_their_own() {
    for (scheme, version, range, expected) in [
        // rpm: releases count only where both have one.
        (Scheme::Rpm, "1.2-3.el9", "= 1.2", true),
        (Scheme::Rpm, "1.2-3.el9", "<= 1.2", true),
        (Scheme::Rpm, "1.2-3.el9", "> 1.2", false),
        (Scheme::Rpm, "1.2-3.el9", "< 1.2-4", true),
        (Scheme::Dpkg, "1.2-3", "(>= 1.2), (<< 1.3)", true),
        (Scheme::Dpkg, "1.3~rc1-1", "(>= 1.2), (<< 1.3)", true),
        (Scheme::Go, "v1.2.4-0.20240101000000-abcdefabcdef", ">=v1.2.3, <v1.2.4", true),
        (Scheme::Go, "v2.0.0+incompatible", ">=1.0.0 <2.0.0", false),
        (Scheme::Go, "go1.21.5", "<1.21.6", true),
        (Scheme::Gem, "3.0.0.rc1", "~> 2.2", false),
        (Scheme::Gem, "2.9.9", "~> 2.2", true),
        (Scheme::Gem, "2.2.0.rc1", "~> 2.2", false),
        (Scheme::Gem, "2.2.0.rc2", "~> 2.2.0.rc1", true),
        (Scheme::NuGet, "1.0.5", "1.0.*", true),
        (Scheme::NuGet, "1.1.0", "1.0.*", false),
        (Scheme::NuGet, "2.0.0", "(1.0,2.0)", false),
        (Scheme::NuGet, "9.0.0", "[1.0,)", true),
        (Scheme::Maven, "1.0-rc1", "(,1.0]", true),
        (Scheme::Maven, "1.0", "[1.0]", true),
        (Scheme::Conan, "2.5.9", "~2.5", true),
        (Scheme::Conan, "2.6.0-rc1", "~2.5", false),
        (Scheme::Conan, "3.3", ">1 <2.0 || ^3.2", true),
        (Scheme::Nginx, "1.5.9", "1.5.0+, 1.4.1+", true),
        (Scheme::Nginx, "1.4.0", "1.5.0+, 1.4.1+", false),
        (Scheme::Nginx, "0.7.60", "0.7.52-0.8.39", true),
        (Scheme::OpenSsl, "1.0.2zk", "< 1.0.2zl", true),
        (Scheme::OpenSsl, "1.0.1b", "3.0.0, 1.0.1b", true),
        (Scheme::Generic, "6.1.76", ">= 5.15, < 6.1.80", true),
        (Scheme::Generic, "6.1-rc3", "< 6.1", true),
        (Scheme::Pacman, "1:1.0-1", ">= 2.0", true),
        (Scheme::Apk, "1.2.3-r4", "<1.2.3-r5", true),
        (Scheme::Apk, "1.2.3-r4", "~1.2.3", true),
        (Scheme::Apk, "1.2.4-r0", "~1.2.3", false),
        (Scheme::SemVer, "2.9.0", "~> 2.1", true),
        (Scheme::SemVer, "2.2.0", "~> 2.1.3", false),
        (Scheme::SemVer, "3.0.0", "~> 2.1 or ~> 3.0", true),
        (Scheme::DateTime, "2024-01-01T00:00:00Z", "vers:datetime/<2024-01-01T00:00:00-01:00", true),
    ] {
        assert_eq!(satisfies(scheme, version, range), Ok(expected), "{scheme:?} {version} in {range}");
    }
    for (scheme, range) in [
        (Scheme::Maven, "(1.0)"),
        (Scheme::Maven, "[1.0,2.0,3.0]"),
        (Scheme::NuGet, "[]"),
        (Scheme::Composer, "^latest"),
        (Scheme::Gem, "~~ 1"),
        (Scheme::Dpkg, ">="),
        (Scheme::SemVer, "newest"),
    ] {
        assert!(satisfies(scheme, "1.0", range).is_err(), "{scheme:?} {range}");
    }
}

#[test]
fn what_the_fuzzer_found_stays_mended() {
    // A bound without a number, where one was taken for granted.
    for (_, names) in SCHEMES {
        for range in ["~>. 14, >=2;.4.2", "~> .", "^.", "~.", "<=.", "=x - ."] {
            let _ = crate::version::satisfies(names[0], "1.5", range);
        }
    }
    // What would not be read again is not written.
    assert!(to_vers(Scheme::Nginx, "nginx", "~=1.4.2; ===1.5").is_err());
    let written = to_vers(Scheme::Nginx, "nginx", "1\u{3000}2\u{85}3").map(|vers| vers.to_string());
    assert_eq!(written.as_deref(), Ok("vers:nginx/1%E3%80%802%C2%853"));
}
