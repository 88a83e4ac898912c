"""How does schemathesis ask as somebody who has signed in, and signs in, out and changes its password on the way?

Whoever asked to be signed out, or has another password now, is somebody else afterwards: a user made for it.
"""

import http.client
import itertools
import json
import os
import socket

import schemathesis

SOCKET, HOST = os.environ["TRIPOINT_SOCKET"], os.environ["TRIPOINT_HOST"]
PASSWORD, COOKIE = os.environ["TRIPOINT_PASSWORD"], "__Host-tripoint"
ORIGIN = f"http://{HOST}"
# Wrong passwords make their address wait: the true ones come from another.
FROM = ("127.0.0.9", 0)
NUMBERS = itertools.count()


class Local(http.client.HTTPConnection):
    """Asks through the Unix socket, where the kernel says who it is."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)


def ask(connection, method, path, body=None, headers=()):
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"content-type": "application/json", **dict(headers)})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def far():
    return http.client.HTTPConnection(HOST, source_address=FROM, timeout=20)


def holds(session):
    return ask(far(), "GET", "/v1/session", headers={"cookie": f"{COOKIE}={session}"}).status == 200


@schemathesis.auth(refresh_interval=None)
class Session:
    """A session that holds."""

    def __init__(self):
        self.name, self.session = None, None

    def get(self, case, context):
        if self.session is None or not holds(self.session):
            self.name = f"throwaway{os.getpid()}x{next(NUMBERS)}"
            user = {"name": self.name, "role": "admin", "password": PASSWORD}
            made = ask(Local("localhost"), "POST", "/v1/users", user)
            assert made.status == 200, made.status
            answer = ask(far(), "POST", "/v1/session", {"name": self.name, "password": PASSWORD}, {"origin": ORIGIN})
            assert answer.status == 200, answer.status
            self.session = answer.headers["set-cookie"].split(";")[0].split("=")[1]
        return self.session

    def set(self, case, session, context):
        # A token that was made up would go before it.
        case.headers.pop("Authorization", None)
        case.cookies = {**(case.cookies or {}), COOKIE: session}
        # A page says so with every change, also of those that say nothing more.
        case.headers.setdefault("Content-Type", "application/json")


# What is so, where what is made up would never be.
TRUE = {
    "/v1/session": {"name": "known", "password": PASSWORD},
    "/v1/session/confirm": {"password": PASSWORD},
    "/v1/me/password": {"old": PASSWORD, "new": "another owl sings"},
}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Every other time what is said is true."""
    fits = isinstance(case.body, dict) and case.meta is not None and case.meta.generation.mode.is_positive
    if case.method == "POST" and case.path in TRUE and fits and next(NUMBERS) % 2 == 0:
        case.body = {**case.body, **TRUE[case.path]}
