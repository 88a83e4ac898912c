//! Who came with a tool that looks for weaknesses?

use super::{Sign, Technique};
use crate::pack::rule::Part;

const fn tool(id: &'static str, pattern: &'static str) -> Sign {
    Sign::probe(id, pattern).within(Part::Agent)
}

pub(super) const TECHNIQUE: Technique = Technique {
    family: "scanner",
    attack: &["T1595.002"],
    signs: &[
        tool(
            "scanner-agent",
            r"\b(?:sqlmap|nikto|nuclei|masscan|zgrab|wpscan|dirbuster|gobuster|feroxbuster|ffuf|wfuzz|acunetix|netsparker|nessus|openvas|w3af|arachni|havij|jaeles|whatweb|commix|fimap|jorgee|zmeu|nmap scripting|dirsearch|joomscan|droopescan|skipfish|sqlninja|vega/|wapiti|paros|burpcollaborator|xsser|dotdotpwn|uniscan|grabber|golismero|morfeus|webinspect|appscan|detectify|qualys|tsunami|httpx - open|katana/|xray|pocsuite|fscan|l9explore|l9tcpid|leakix|odin\.io|netcraft|whatcms|cmsmap|bsqlbf|prog\.customcrawler|n-stealth|absinthe|brutus|cgichk|datacha0s|internet ninja|mozilla/4\.0 \(hydra\)|hydra\b|metis|mysqloit|pangolin|pmafind|springenwerk|sumthin|toata dragostea|webbandit|webshag|whisker|bilbo|advanced email extractor|grendel-scan|f-secure radar|autogetcolumn|amiga-aweb|nsauditor|crowdsec-test|s\.t\.a\.l\.k\.e\.r|shodan|rapid7|immuniweb|hexometer|cert-in|gospider|hakrawler|waybackurls|interactsh|oast\.|zaproxy|owasp[_ ]zap|zap/|ghauri|jbrofuzz|webcruiser|wfetch|netlab360|tlm-audit|this is an exploit|pentest|security scan|vulnscan|projectdiscovery)",
        ),
        Sign::probe("scanner-header", r"^(?:acunetix-(?:product|scanning|user)|x-scanner|x-wipp|x-nessus|x-zaproxy|x-wvs-id|x-arachni|bugcrowd|x-hackerone|x-ratproxy|x-qualys|x-scan-memo|x-request-scanner):").within(Part::Headers),
        Sign::probe("scanner-path", r"/(?:nikto-test|acunetix-wvs-test|acunetix_wvs|appscan_fingerprint|w00tw00t|muieblackcat|nessus_is_probing|nmaplowercheck\d+|nmapuppercheck\d+|nice%20ports|trinity\.txt\.bak|hnap1/?$|evox/about|sdk/?$|netsparker-|burp(?:suite)?-?collab|openvas-|__wvs_|xxxnonexistent|randomfile1|crowdsec-test-|frand2|inexistent_file_name|test-for-some-inexistent)").within(Part::Target),
    ],
};
