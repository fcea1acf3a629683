"""Requests, profiles, tokens, keys alone, and what is none of these."""

import base64
import json
import os
import plistlib

from certificates import PUSH_CA
from pieces import *

WWDR = name("C=US", "O=Apple Inc.", "OU=G6", "CN=Apple Worldwide Developer Relations Certification Authority")
APPLE_ROOT = name("C=US", "O=Apple Inc.", "CN=Apple Root CA")


def make(desk):
    requests(desk)
    profiles()
    tokens()
    keys()
    others()


def requests(desk):
    asked = request(name("CN=Example customer", "O=Example", "C=NO"), desk.k1)
    text = pem("CERTIFICATE REQUEST", asked)
    write("k1.csr", text)
    write("k1.csr.der", asked)
    write("mark.csr", b"\xef\xbb\xbf" + text.encode())
    write("utf16.csr", b"\xff\xfe" + text.encode("utf-16-le"))
    write("new-label.csr", pem("NEW CERTIFICATE REQUEST", asked))
    write("old.csr", pem("CERTIFICATE REQUEST", request(name("CN=Last year"), desk.old)))

    years = (NOW - 900 * DAY, NOW + 2000 * DAY)
    root = certificate(APPLE_ROOT, APPLE_ROOT, desk.root, desk.root, 2, *years, [IS_CA])
    wwdr = certificate(WWDR, APPLE_ROOT, desk.ca, desk.root, 3, *years, [IS_CA])

    def vendor(end):
        subject = name("CN=MDM Vendor: Example Corp", "O=Example Corp")
        return certificate(subject, WWDR, desk.old, desk.ca, 0x0E01, NOW - 300 * DAY, end, [])

    def signed(chain, width=64, signature=None, encode=base64.b64encode):
        return encode(plistlib.dumps({
            "PushCertRequestCSR": base64.b64encode(asked).decode(),
            "PushCertCertificateChain": "".join(pem("CERTIFICATE", one, width) for one in chain),
            "PushCertSignature": base64.b64encode(signature or desk.old.sign(asked)).decode(),
        }))

    good = [vendor(NOW + 200 * DAY), wwdr, root]
    write("push-request.b64", signed(good))
    write("push-request.csr", base64.encodebytes(base64.b64decode(signed(good))))
    write("push-request.plist", signed(good, encode=bytes))
    write("push-request-expired.b64", signed([vendor(NOW - DAY), wwdr, root]))
    write("push-request-ten-days.b64", signed([vendor(NOW + 10 * DAY + DAY / 24), wwdr, root]))
    write("push-request-76.b64", signed(good, width=76))
    write("push-request-no-root.b64", signed(good[:2]))
    write("push-request-turned.b64", signed(good[::-1]))
    write("push-request-bad-signature.b64", signed(good, signature=desk.k1.sign(asked)))


def profile(*topics, more=None):
    payloads = []
    for topic in topics:
        payload = {"PayloadType": "com.apple.mdm", "ServerURL": "https://mdm.example.com/"}
        if topic is not None:
            payload["Topic"] = topic
        payloads.append(payload)
    return {
        "PayloadType": "Configuration",
        "PayloadContent": [{"PayloadType": "com.apple.security.scep", "Challenge": "hunter2-made-up"}, *payloads],
        **(more or {}),
    }


def endless(tag, *parts):
    """BER with a length that is not said, but ended by two zeros."""
    return bytes([tag, 0x80]) + b"".join(parts) + b"\0\0"


def ber_of(content, size):
    """Signed data without a signature in it, everything of indefinite length, the content in chunks of chunks."""
    chunks = [octets(content[at : at + size]) for at in range(0, len(content), size)]
    nested = [endless(0x24, *chunks[at : at + 2]) for at in range(0, len(chunks), 2)]
    inner = endless(0x30, oid("1.2.840.113549.1.7.1"), endless(0xA0, endless(0x24, *nested)))
    signed = endless(0x30, integer(1), endless(0x31), inner, endless(0x31))
    return endless(0x30, oid("1.2.840.113549.1.7.2"), endless(0xA0, signed))


def profiles():
    xml = plistlib.dumps(profile(T1))
    write("enrol.mobileconfig", xml)
    write("enrol-binary.mobileconfig", plistlib.dumps(profile(T1), fmt=plistlib.FMT_BINARY))
    # A signer that nobody knows.
    sign = ["cms", "-sign", "-nodetach", "-binary", "-signer", "server.pem", "-inkey", "k1.key", "-outform"]
    for form in ("DER", "PEM"):
        write(f"enrol-signed-{form.lower()}.mobileconfig", run(*sign, form, given=xml))
    write("enrol-signed-stream.mobileconfig", run(*sign, "DER", "-stream", given=xml))
    write("enrol-signed-ber.mobileconfig", ber_of(xml, 100))
    large = plistlib.dumps(profile(T1, more={"Icon": bytes(300_000)}))
    write("enrol-signed-ber-large.mobileconfig", ber_of(large, 70_000))
    for file, topics in {
        "enrol-empty-topic": [""],
        "enrol-blank-topic": ["   "],
        "enrol-no-topic": [None],
        "enrol-two-topics": [T1, T2],
        "enrols-nobody": [],
    }.items():
        write(f"{file}.mobileconfig", plistlib.dumps(profile(*topics)))
    hidden = {"PayloadType": "Configuration", "EncryptedPayloadContent": b"made up"}
    write("enrol-encrypted.mobileconfig", plistlib.dumps(hidden))
    write("enrol-mark.mobileconfig", b"\xef\xbb\xbf" + xml)
    write("enrol-line-feeds.mobileconfig", b"\n\n" + xml)
    write("enrol-stray-bytes.mobileconfig", b"\x00\x01\xfe" + xml)
    declared = xml.decode().replace("UTF-8", "UTF-16")
    write("enrol-utf16.mobileconfig", b"\xff\xfe" + declared.encode("utf-16-le"))
    write("no-profile.plist", plistlib.dumps({"CFBundleName": "An app"}))


def tokens():
    secrets = {"consumer_key": "CK_made_up", "consumer_secret": "CS_made_up", "access_token": "AT_made_up"}
    secrets["access_secret"] = "AS_made_up"
    secrets["access_token_expiry"] = (NOW + 100 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = f"-----BEGIN MESSAGE-----\n{json.dumps(secrets)}\n-----END MESSAGE-----\n"
    inside = "Content-Type: text/plain;charset=UTF-8\nContent-Transfer-Encoding: 7bit\n\n" + text
    for form in ("SMIME", "DER", "PEM"):
        hidden = run("smime", "-encrypt", "-aes256", "-outform", form, "server.pem", given=inside.encode())
        write(f"server-token-{form.lower()}.p7m", hidden)
    write("server-token-decrypted.txt", inside)

    def vpp(end):
        token = {"token": "made up", "expDate": end.strftime("%Y-%m-%dT%H:%M:%S+0000"), "orgName": "Example School"}
        return base64.b64encode(json.dumps(token).encode())

    write("content-token.vpptoken", vpp(NOW + 100 * DAY))
    write("content-token-expired.vpptoken", vpp(NOW - 10 * DAY))


def keys():
    """The one key in every container that keys come in, and another."""
    run("pkey", "-in", "k1.key", "-traditional", "-out", "k1-pkcs1.pem")
    run("pkey", "-in", "k1.key", "-outform", "DER", "-traditional", "-out", "k1-pkcs1.der")
    write("k1-pkcs8.der", run("pkcs8", "-topk8", "-nocrypt", "-in", "k1.key", "-outform", "DER"))
    for form in ("PEM", "DER"):
        locked = ["pkcs8", "-topk8", "-in", "k1.key", "-passout", "pass:x", "-outform", form]
        run(*locked, "-out", f"k1-pkcs8-encrypted.{form.lower()}")
    run("rsa", "-in", "k1.key", "-traditional", "-aes128", "-passout", "pass:x", "-out", "k1-proc-type.pem")
    run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem")
    # OpenSSL does not write the form of OpenSSH; its label and its first bytes are all that is looked at.
    write("openssh.key", pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0" + bytes(range(200)), 70))


def others():
    write("page.pem", "<!DOCTYPE html><html><head><title>Sign in</title></head></html>")
    write("portal.json", json.dumps({
        "ErrorCode": -80018,
        "ErrorMessage": "Certificate Signature Verification failed",
        "ErrorDescription": "The signature is invalid.",
    }))
    write("empty.pem", "")
    write("blanks.pem", " \r\n\t \n")
    write("zeros.pem", bytes(2000))
    os.mkdir("a folder")
    write("garbage.pem", bytes((at * 73 + 41) % 251 for at in range(3000)))
    write("notes.txt", "The push certificate is in the safe.\n")
    write("revoked.crl", pem("X509 CRL", seq(integer(1))))
