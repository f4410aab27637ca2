"""A program: which proxy a PAC script names for this machine itself. Qt's JavaScript engine runs the script.

The script comes on standard input, the address is the argument; FindProxyForURL's answer goes to standard output. The
script is a stranger's: it gets no network and no files, 256 MiB, and two seconds of processor time.
"""

from __future__ import annotations

import sys
from typing import cast
from urllib.parse import urlsplit

from agent.ipc.hardening import die_with_parent, harden, limit_memory

MEMORY = 256 << 20  # bytes
SECONDS = 2  # of processor time
_ANSWER = 4096  # characters
# The functions that such scripts may call. Names are not resolved, and times fit: the answer is about an address.
_FUNCTIONS = r"""
function isPlainHostName(host) { return host.indexOf(".") < 0; }
function dnsDomainIs(host, domain) { return host.length >= domain.length && host.slice(-domain.length) === domain; }
function localHostOrDomainIs(host, name) { return host === name || name.lastIndexOf(host + ".", 0) === 0; }
function dnsResolve(host) {
  if (host === "localhost") return "127.0.0.1";
  return /^\d+\.\d+\.\d+\.\d+$/.test(host) ? host : null;
}
function isResolvable(host) { return dnsResolve(host) !== null; }
function myIpAddress() { return "127.0.0.1"; }
function dnsDomainLevels(host) { return host.split(".").length - 1; }
function convert_addr(address) {
  return address.split(".").reduce(function (all, one) { return (all * 256 + Number(one)) >>> 0; }, 0);
}
function isInNet(host, pattern, mask) {
  var address = dnsResolve(host);
  return address !== null && ((convert_addr(address) ^ convert_addr(pattern)) & convert_addr(mask)) === 0;
}
function shExpMatch(text, pattern) {
  var escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
  return new RegExp("^" + escaped + "$").test(text);
}
function weekdayRange() { return true; }
function dateRange() { return true; }
function timeRange() { return true; }
function alert() {}
"""


def main(url: str, script: str) -> str:
    """What the script says of an address; empty where it says nothing or is none."""
    from PySide6.QtCore import QCoreApplication
    from PySide6.QtQml import QJSEngine, QJSValue

    def fails(program: str) -> bool:
        return cast(QJSValue, engine.evaluate(program)).isError()  # its stub says a tuple

    application = QCoreApplication([])  # kept: the engine lives in it
    engine = QJSEngine(application)
    if fails(_FUNCTIONS) or fails(script):
        return ""
    find = engine.globalObject().property("FindProxyForURL")
    if not find.isCallable():
        return ""
    answer = find.call([engine.toScriptValue(url), engine.toScriptValue(urlsplit(url).hostname or "")])
    return answer.toString()[:_ANSWER] if answer.isString() else ""


def _limit() -> None:
    harden(secret=False)
    die_with_parent()
    limit_memory(MEMORY)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


if __name__ == "__main__":
    _limit()
    sys.stdout.write(main(sys.argv[1], sys.stdin.read()))
