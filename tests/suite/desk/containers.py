"""PKCS#12 containers. What openssl does not write is written by hand after RFC 7292."""

import hashlib
import hmac
import os

from pieces import *

SHA1 = seq(oid("1.3.14.3.2.26"), NULL)
DATA, ENCRYPTED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
X509 = "1.2.840.113549.1.9.22.1"
BAG = "1.2.840.113549.1.12.10.1."
PBE_3DES = "1.2.840.113549.1.12.1.3"
ROUNDS = 2048


def derive(purpose, password, salt, length):
    """Appendix B.2 with SHA-1. `password` is as it is fed in, so that the empty one has two forms."""
    def fill(some):
        return (some * 64)[: 64 * -(-len(some) // 64)]

    state, out = bytearray(fill(salt) + fill(password)), b""
    while len(out) < length:
        digest = bytes([purpose]) * 64 + bytes(state)
        for _ in range(ROUNDS):
            digest = hashlib.sha1(digest).digest()
        out += digest
        plus = int.from_bytes((digest * 4)[:64], "big") + 1
        for at in range(0, len(state), 64):
            total = (int.from_bytes(state[at : at + 64], "big") + plus) % 2**512
            state[at : at + 64] = total.to_bytes(64, "big")
    return out[:length]


def wide(text):
    return text.encode("utf-16-be") + b"\0\0"


def cert_bag(certificate):
    return seq(oid(BAG + "3"), der(0xA0, seq(oid(X509), der(0xA0, octets(certificate)))))


def key_bag(key):
    return seq(oid(BAG + "1"), der(0xA0, key.pkcs8))


def plain_part(*bags):
    return seq(oid(DATA), der(0xA0, octets(seq(*bags))))


def encrypted_part(password, *bags):
    salt = os.urandom(8)
    key, start = derive(1, password, salt, 24), derive(2, password, salt, 8)
    hidden = run("enc", "-des-ede3-cbc", "-K", key.hex(), "-iv", start.hex(), given=seq(*bags))
    scheme = seq(oid(PBE_3DES), seq(octets(salt), integer(ROUNDS)))
    return seq(oid(ENCRYPTED), der(0xA0, seq(integer(0), seq(oid(DATA), scheme, der(0x80, hidden)))))


def container(password, *parts, rounds=ROUNDS):
    safe = seq(*parts)
    salt = os.urandom(8)
    code = hmac.new(derive(3, password, salt, 20), safe, "sha1").digest()
    mac = seq(seq(SHA1, octets(code)), octets(salt), integer(rounds))
    return seq(integer(3), seq(oid(DATA), der(0xA0, octets(safe))), mac)


def make(desk, leaf):
    write("password", "s3cret-of-a-test\n")
    write("password-empty", "")
    write("password-wrong", "another\n")

    def export(file, *more, password="s3cret-of-a-test"):
        key = [] if "-nokeys" in more else ["-inkey", "k1.key"]
        run("pkcs12", "-export", "-in", "renewed.pem", *key, *more, "-passout", f"pass:{password}", "-out", file)

    export("aes.p12")
    export("3des.p12", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")
    export("rc2-40.p12", "-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1")
    export("rc2-128.p12", "-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-RC2-128", "-macalg", "sha1")
    export("no-mac.p12", "-nomac")
    export("no-key.p12", "-nokeys")
    write("cas.pem", read("ca.pem") + read("root.pem"))
    export("whole-chain.p12", "-certfile", "cas.pem")
    export("empty-password.p12", password="")
    password = wide("s3cret-of-a-test")
    # Without a MAC, openssl leaves the certificate open to all.
    hidden = seq(encrypted_part(password, cert_bag(leaf)), plain_part(key_bag(desk.k1)))
    write("no-mac-hidden.p12", seq(integer(3), seq(oid(DATA), der(0xA0, octets(hidden)))))
    write("key-twice.p12", container(
        password, encrypted_part(password, cert_bag(leaf)), plain_part(key_bag(desk.k1), key_bag(desk.k1))))
    for file, empty in (("empty-as-zeros.p12", b"\0\0"), ("empty-as-nothing.p12", b"")):
        write(file, container(empty, encrypted_part(empty, cert_bag(leaf)), plain_part(key_bag(desk.k1))))
    write("billions.p12", container(password, plain_part(cert_bag(leaf)), rounds=2_000_000_000))
    write("key-alone.p12", container(password, plain_part(key_bag(desk.k1))))
    write("app-push.p12", container(password, plain_part(cert_bag(der_of("app-push.pem")))))
    write("cut.p12", read("aes.p12")[:900])


def der_of(file):
    return run("x509", "-in", file, "-outform", "DER")
