"""Certificates of every kind, and the one push certificate in every clothing."""

import base64

from pieces import *

PUSH_CA = name("C=US", "O=Apple Inc.", "CN=Push CA made for a test")
ROOT = name("C=US", "O=Apple Inc.", "CN=Root CA made for a test")
SUBJECT = [f"UID={T1}", f"CN=APSP:{GUID}", "C=US"]


class Desk:
    """The keys of the whole test. `old` is that of the certificate in use, `k1` that of its renewal."""

    def __init__(self):
        self.ca, self.k1, self.old, self.root = (Key(f"{one}.key") for one in ("ca", "k1", "old", "root"))

    def leaf(self, serial=0x0A02, subject=SUBJECT, start=-DAY, life=365 * DAY, **other):
        """Shaped like Apple's: made yesterday for a year, unless said otherwise."""
        key, signer = other.get("key", self.k1), other.get("signer", self.ca)
        begin = NOW + start
        subject = name(*subject)
        issuer = subject if other.get("alone") else other.get("issuer", PUSH_CA)
        return certificate(subject, issuer, key, signer, serial, begin, begin + life, other.get("extensions", PUSH))


def make(desk):
    kinds(desk)
    leaf = desk.leaf()
    ways(leaf, desk)
    faults(desk)
    return leaf


def put(file, content):
    write(file, pem("CERTIFICATE", content))


def kinds(desk):
    """What is signed by the same CA and is something else."""
    year = (NOW - DAY, NOW + 364 * DAY)
    ca = certificate(PUSH_CA, ROOT, desk.ca, desk.root, 0xCA, NOW - 900 * DAY, NOW + 2000 * DAY, [IS_CA])
    root = certificate(ROOT, ROOT, desk.root, desk.root, 1, NOW - 900 * DAY, NOW + 4000 * DAY, [IS_CA])
    put("ca.pem", ca)
    put("root.pem", root)
    lone = name("CN=SCEP CA of an MDM", "O=Example")
    put("scep-ca.pem", certificate(lone, lone, desk.root, desk.root, 7, *year, [IS_CA]))
    for file, subject, extensions in [
        (
            "app-push.pem",
            ["UID=dev.example.app", "CN=Apple Push Services: dev.example.app", "OU=ABCDE12345"],
            [usage(CLIENT), MARKER, extension("1.2.840.113635.100.6.3.6", seq())],
        ),
        ("vendor.pem", ["CN=MDM Vendor: Example Corp", "O=Example Corp"], []),
        (
            "pass.pem",
            ["UID=pass.com.example.ticket", "CN=Pass Type ID: pass.com.example.ticket"],
            [usage(CLIENT), MARKER, extension("1.2.840.113635.100.6.1.16", der(UTF8, b"pass.com.example.ticket"))],
        ),
        ("device.pem", ["CN=A device", "O=Example"], [usage(CLIENT)]),
        ("server.pem", ["CN=mdm.example.com"], [usage(SERVER)]),
    ]:
        put(file, certificate(name(*subject), PUSH_CA, desk.k1, desk.ca, 0x0F01, *year, extensions))


def ways(leaf, desk):
    """The same certificate, written in every way that people meet."""
    text = pem("CERTIFICATE", leaf)
    lines = text.splitlines()
    body = base64.b64encode(leaf).decode()
    ca, root = read("ca.pem").decode(), read("root.pem").decode()
    crlf = text.replace("\n", "\r\n")
    write("renewed.pem", text)
    for file in ("download.cer", "MDM_ Größe GmbH_Certificate.pem", "MDM_ Größe GmbH_Certificate (1).pem"):
        write(file, text)
    for file in ("renewed.der", "binary.cer", "binary.pem"):
        write(file, leaf)
    write("text.der", text)
    write("mark.pem", b"\xef\xbb\xbf" + text.encode())
    write("utf16.pem", b"\xff\xfe" + text.encode("utf-16-le"))
    write("label-x509.pem", pem("X509 CERTIFICATE", leaf))
    write("label-bare-trusted.pem", pem("TRUSTED CERTIFICATE", leaf))
    write("label-unknown.pem", pem("SOMETHING ELSE", leaf))
    run("x509", "-in", "renewed.pem", "-trustout", "-addtrust", "clientAuth", "-out", "label-trusted.pem")
    run("x509", "-in", "renewed.pem", "-text", "-out", "text-first.pem")
    write("one-line.pem", " ".join(lines))
    write("blanks-inside.pem", "\n".join([lines[0], " ".join(lines[1:-1]), lines[-1], ""]))
    write("empty-line.pem", "\n".join(lines[:5] + [""] + lines[5:]))
    write("backslash-n.pem", text.replace("\n", "\\n"))
    write("crlf.pem", crlf)
    write("chain-mixed-ends.pem", ca + crlf)
    write("cr.pem", text.replace("\n", "\r"))
    write("blank-behind.pem", "\n".join(["-----BEGIN CERTIFICATE----- ", *lines[1:-1], "-----END CERTIFICATE----- ", ""]))
    write("empty-tail.pem", text + "\n\n\n")
    write("no-last-line-feed.pem", text.rstrip())
    write("root-first.pem", root + ca + text)
    write("leaf-first.pem", text + ca + root)
    key = read("k1.key").decode()
    write("key-and-certificate.pem", key + text)
    write("fused.pem", text.rstrip() + key)
    run("rsa", "-in", "k1.key", "-aes128", "-passout", "pass:x", "-out", "k1-encrypted.key")
    write("encrypted-key-and-certificate.pem", text + read("k1-encrypted.key").decode())
    write("base64-alone.pem", body)
    write("cut.pem", text[:400])
    write("cut.der", leaf[:400])
    write("one-good-one-damaged.pem", pem("CERTIFICATE", leaf[:300]) + text)


def faults(desk):
    """Certificates that differ from a good renewal in one thing."""
    leaf, expired = desk.leaf, -365 * DAY
    second = f"UID={T2}"
    put("old.pem", leaf(0x0552818DF267903F, start=-345 * DAY, key=desk.old))
    for file, content in {
        "same-key.pem": leaf(0x0A03, key=desk.old),
        "strange-issuer.pem": leaf(0x0A04, issuer=name("O=Example", "CN=Some CA")),
        "strange-signer.pem": leaf(0x0A05, signer=desk.root),
        "signed-by-itself.pem": leaf(0x0A06, alone=True, signer=desk.k1, life=8000 * DAY),
        "created.pem": leaf(0x0A07, [second, f"CN=APSP:{T2[24:]}", "C=US"]),
        "two-uids.pem": leaf(0x0A08, [f"UID={T1}", second, "CN=Odd"]),
        "two-uids-turned.pem": leaf(0x0A09, [second, f"UID={T1}", "CN=Odd"]),
        "uid-in-a-set.pem": leaf(0x0A0A, [[f"CN=APSP:{GUID}", f"UID={T1}"], "C=US"]),
        "odd-organisation.pem": leaf(0x0A0B, [f"UID={T1}", 'O=A, B + "C"', f"CN=APSP:{GUID}"]),
        "no-uid.pem": leaf(0x0A0C, [f"CN=APSP:{GUID}", "C=US"]),
        "empty-uid.pem": leaf(0x0A1C, ["UID=", f"CN=APSP:{GUID}", "C=US"]),
        "wrong-prefix.pem": leaf(0x0A0D, ["UID=com.example.app", f"CN=APSP:{GUID}", "C=US"]),
        "server-only.pem": leaf(0x0A0E, extensions=[usage(SERVER)]),
        "other-guid.pem": leaf(0x0A0F, [f"UID={T1}", f"CN=APSP:{T2[24:]}", "C=NO"]),
        "short.pem": leaf(0x0A10, life=60 * DAY),
        "future.pem": leaf(0x0A11, start=3 * DAY),
        "skewed.pem": leaf(0x0A12, start=DAY / 240),
        "older.pem": leaf(0x0A13, start=-350 * DAY),
        "negative.pem": leaf(-291),
        "zero.pem": leaf(0),
        "long.pem": leaf(int("C7" * 20, 16)),
        "leading-zero.pem": leaf(0x0012345678ABCDEF),
        "expired-second.pem": leaf(0x0A14, start=expired - DAY / 86400),
        "expired-29.pem": leaf(0x0A15, start=expired - 29 * DAY),
        "expired-31.pem": leaf(0x0A16, start=expired - 31 * DAY),
        "expired-400.pem": leaf(0x0A17, start=expired - 400 * DAY),
        "in-country.pem": leaf(0x0A18, [f"UID={T1}", f"CN=APSP:{GUID}", "C=IN"]),
        "server-macos.pem": leaf(0x0A19, [f"UID=com.apple.mgmt.XServer.{GUID}", f"CN=APSP:{GUID}"]),
        "south-old.pem": leaf(0x0A1D, [second, f"CN=APSP:{T2[24:]}"], start=-345 * DAY),
        "seen.pem": leaf(0x0A1A, life=366 * DAY),
    }.items():
        put(file, content)
    pair = pem("CERTIFICATE", leaf()) + pem("CERTIFICATE", leaf(0x0A1B, [second, f"CN=APSP:{T2[24:]}"]))
    write("two-topics.pem", pair)
    write("same-twice.pem", 2 * read("renewed.pem"))
    write("old-and-new.pem", read("old.pem") + read("renewed.pem"))
