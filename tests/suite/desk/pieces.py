"""The pieces of which the files are made: DER, keys, certificates and requests.

Keys come from the openssl program. The rest is written by hand, for openssl refuses to write most of what goes wrong.
"""

import base64
import datetime
import hashlib
import os
import subprocess

GUID = "11111111-2222-4333-8444-555555555555"
T1 = "com.apple.mgmt.External." + GUID
T2 = "com.apple.mgmt.External.99999999-8888-4777-8666-555555555555"

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY = datetime.timedelta(days=1)

UTF8, PRINTABLE = 0x0C, 0x13


def run(*arguments, given=None):
    """Runs openssl and gives its output."""
    ended = subprocess.run(["openssl", *arguments], input=given, capture_output=True)
    if ended.returncode != 0:
        raise SystemExit(f"openssl {' '.join(arguments)}: {ended.stderr.decode()}")
    return ended.stdout


def write(name, content):
    """Writes a file into the working folder."""
    if os.path.dirname(name):
        os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


def read(name):
    with open(name, "rb") as file:
        return file.read()


def der(tag, *parts):
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def seq(*parts):
    return der(0x30, *parts)


def integer(number):
    size = max(1, (number.bit_length() + 8) // 8) if number >= 0 else (number + 1).bit_length() // 8 + 1
    return der(0x02, number.to_bytes(size, "big", signed=True))


def oid(dotted):
    numbers = [int(number) for number in dotted.split(".")]
    out = bytearray([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        some = [number & 0x7F]
        while number := number >> 7:
            some.append(number & 0x7F | 0x80)
        out += bytes(reversed(some))
    return der(0x06, bytes(out))


def octets(content):
    return der(0x04, content)


def bits(content):
    return der(0x03, b"\0", content)


def moment(time):
    if time.year >= 2050:
        return der(0x18, time.strftime("%Y%m%d%H%M%SZ").encode())
    return der(0x17, time.strftime("%y%m%d%H%M%SZ").encode())


def pem(label, content, width=64):
    text = base64.b64encode(content).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


NULL = der(0x05)
NAMES = {
    "CN": "2.5.4.3",
    "C": "2.5.4.6",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "UID": "0.9.2342.19200300.100.1.1",
}
RSA = seq(oid("1.2.840.113549.1.1.1"), NULL)
SHA256_RSA = seq(oid("1.2.840.113549.1.1.11"), NULL)


def name(*sets):
    """A name. Each set is "KEY=value", or several of them in a list for a set of more than one."""
    out = []
    for some in sets:
        pairs = [pair.split("=", 1) for pair in ([some] if isinstance(some, str) else some)]
        tag = {"C": PRINTABLE}
        out.append(der(0x31, *[seq(oid(NAMES[k]), der(tag.get(k, UTF8), v.encode())) for k, v in pairs]))
    return seq(*out)


class Key:
    """An RSA key, made once by openssl and written as PKCS#8."""

    def __init__(self, path):
        self.path = path
        run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path)
        self.pkcs1 = run("rsa", "-in", path, "-outform", "DER", "-traditional")
        self.pkcs8 = seq(integer(0), RSA, octets(self.pkcs1))
        numbers, at = [], 4
        while at < len(self.pkcs1) and len(numbers) < 4:
            length, at = self.pkcs1[at + 1], at + 2
            if length > 0x80:
                size = length & 0x7F
                length, at = int.from_bytes(self.pkcs1[at : at + size], "big"), at + size
            numbers.append(int.from_bytes(self.pkcs1[at : at + length], "big"))
            at += length
        _, self.n, self.e, self.d = numbers
        self.public = seq(RSA, bits(seq(integer(self.n), integer(self.e))))

    def sign(self, content):
        """PKCS#1 v1.5 with SHA-256."""
        digest = seq(seq(oid("2.16.840.1.101.3.4.2.1"), NULL), octets(hashlib.sha256(content).digest()))
        padded = b"\0\1" + b"\xff" * (253 - len(digest)) + b"\0" + digest
        return pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(256, "big")


def extension(number, value, critical=False):
    return seq(oid(number), der(0x01, b"\xff") if critical else b"", octets(value))


CLIENT, SERVER = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"
MARKER = extension("1.2.840.113635.100.6.3.2", NULL)
IS_CA = extension("2.5.29.19", seq(der(0x01, b"\xff")), critical=True)


def usage(*numbers):
    return extension("2.5.29.37", seq(*[oid(number) for number in numbers]))


PUSH = [extension("2.5.29.19", seq()), usage(CLIENT), MARKER]


def certificate(subject, issuer, key, signer, serial, start, end, extensions):
    body = seq(
        der(0xA0, integer(2)),
        integer(serial),
        SHA256_RSA,
        issuer,
        seq(moment(start), moment(end)),
        subject,
        key.public,
        der(0xA3, seq(*extensions)),
    )
    return seq(body, SHA256_RSA, bits(signer.sign(body)))


def request(subject, key):
    body = seq(integer(0), subject, key.public, der(0xA0))
    return seq(body, SHA256_RSA, bits(key.sign(body)))
