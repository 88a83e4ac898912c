//! On which architectures does what the criteria say hold?

use std::collections::BTreeSet;

use super::{Criteria, Oval, Test};

/// The architectures of the machine that criteria ask for (`X arch is Y`), also where several
/// are joined by OR.
pub(crate) fn machines<'c>(criteria: &'c Criteria, out: &mut BTreeSet<&'c str>) {
    match criteria {
        Criteria::Any(parts, false) => parts.iter().for_each(|part| machines(part, out)),
        Criteria::Test { comment, negate: false, .. } => {
            let named = comment.rsplit_once(" arch is ").map(|(_, machine)| machine.trim());
            out.extend(named.filter(|machine| is_word(machine)));
        }
        _ => {}
    }
}

/// All architectures of machines that are named anywhere in the criteria.
pub(crate) fn named<'c>(criteria: &'c Criteria, out: &mut BTreeSet<&'c str>) {
    match criteria {
        Criteria::All(parts, _) | Criteria::Any(parts, _) => parts.iter().for_each(|part| named(part, out)),
        other => machines(other, out),
    }
}

/// The architectures of packages that are installed on such machines. A 64-bit machine also has
/// 32-bit libraries; they are its own unless the definition speaks of 32-bit machines apart. A
/// package for every architecture does not tell on which it is: it is meant by each.
pub(crate) fn of_packages<'c>(machines: &BTreeSet<&'c str>, all: &BTreeSet<&'c str>) -> BTreeSet<&'c str> {
    let mut out = machines.clone();
    if out.is_empty() {
        return out;
    }
    out.insert("noarch");
    let is_32_bit = |machine: &&str| X86_32.contains(machine);
    if machines.iter().any(is_32_bit) || (machines.contains("x86_64") && !all.iter().any(is_32_bit)) {
        out.extend(X86_32);
    }
    out
}

impl Oval {
    /// The architectures of the package that a test asks for; none where it takes any.
    pub(crate) fn of_test<'o>(&'o self, test: &'o Test) -> BTreeSet<&'o str> {
        let asked = test.states.iter().find_map(|state| self.states.get(state)?.field("arch"));
        let words = asked.map(|(operation, value)| match operation {
            "equals" => vec![value],
            // `aarch64|x86_64`; a pattern that is more than a list says nothing here.
            "pattern match" => value.trim_matches(['^', '$', '(', ')']).split('|').collect(),
            _ => Vec::new(),
        });
        let words = words.unwrap_or_default();
        if words.iter().all(|word| is_word(word)) { words.into_iter().collect() } else { BTreeSet::new() }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What rpm calls the packages of 32-bit machines.
const X86_32: [&str; 4] = ["i386", "i486", "i586", "i686"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_32_bits_belong_to_the_64_bit_machine_unless_told_apart() {
        let set = |list: &[&'static str]| list.iter().copied().collect::<BTreeSet<_>>();
        let (wide, arm, narrow) = (set(&["x86_64"]), set(&["aarch64"]), set(&["i386"]));
        assert_eq!(of_packages(&arm, &set(&["aarch64", "x86_64"])), set(&["aarch64", "noarch"]));
        let all = set(&["aarch64", "x86_64"]);
        assert_eq!(of_packages(&wide, &all), set(&["i386", "i486", "i586", "i686", "noarch", "x86_64"]));
        let all = set(&["i386", "x86_64"]);
        assert_eq!(of_packages(&wide, &all), set(&["noarch", "x86_64"]));
        assert!(of_packages(&narrow, &all).contains("i686"));
        assert!(of_packages(&set(&[]), &all).is_empty(), "said of every architecture");
    }
}
