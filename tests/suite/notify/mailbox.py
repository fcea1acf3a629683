"""A mail server on loopback that demands TLS and a login, and says on its output what it took, a line of JSON each.

    mailbox.py CERTIFICATE KEY PASSWORD DOWN

While the file DOWN exists it takes nothing for the moment (451).
"""

import asyncio
import email
import email.policy
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

certificate, key, password, down = sys.argv[1:]


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        if pathlib.Path(down).exists():
            return "451 come again"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "helo": session.host_name,
            "tls": session.ssl is not None,
            "user": session.auth_data,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "text": mail.get_content().replace("\r\n", "\n"),
            "defects": [repr(defect) for defect in mail.defects],
            "longest": max(map(len, envelope.content.split(b"\r\n"))),
            "bare": b"\n" in envelope.content.replace(b"\r\n", b""),
        }
        print(json.dumps(told), flush=True)
        return "250 taken"


def login(server, session, envelope, mechanism, data):
    is_right = data.login == b"apnswatch" and data.password == password.encode()
    return AuthResult(success=is_right, handled=False, auth_data="apnswatch" if is_right else None)


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def session():
        return SMTP(
            Mailbox(),
            hostname="localhost",
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=login,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


asyncio.run(main())
