"""Makes the seeds of the fuzz targets: one small file of every kind, with openssl and what Python brings along.

    python3 seeds.py CORPUS        fills CORPUS/<target>/seed-<name>

Nothing is downloaded and nothing is secret: keys are made anew each time and thrown away.
"""

import base64
import json
import os
import plistlib
import subprocess
import sys
import tempfile

TOPIC = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555"
PASSWORD = "seed"
CA = "/CN=Apple Application Integration 2 Certification Authority/O=Apple Inc./C=US"
LEAF = f"/UID={TOPIC}/CN=APSP:{TOPIC.rsplit('.', 1)[1]}/C=US"

# The extensions of a push certificate, Apple's marker among them.
EXTENSIONS = """
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
1.2.840.113635.100.6.3.2 = ASN1:NULL
"""


def openssl(*arguments, given=None):
    """What openssl prints."""
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"openssl {' '.join(arguments)}: {done.stderr.decode()}")
    return done.stdout


def read(name):
    with open(name, "rb") as file:
        return file.read()


def write(name, data):
    with open(name, "wb") as file:
        file.write(data)


def certificates():
    """A CA, a push certificate, its request and its key, in the folder; and all of them in their forms."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-subj", CA, "-days", "3650", "-out", "ca.pem")
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "leaf.key", "-subj", LEAF, "-out", "leaf.csr")
    write("extensions", EXTENSIONS.encode())
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "365",
            "-extfile", "extensions", "-out", "leaf.pem")
    leaf, csr, ca, key = (read(name) for name in ("leaf.pem", "leaf.csr", "ca.pem", "leaf.key"))
    der = openssl("x509", "-outform", "DER", given=leaf)
    return {
        "pem": leaf,
        "der": der,
        "two-der": der + openssl("x509", "-outform", "DER", given=ca),
        "chain": leaf + ca,
        "with-key": key + leaf,
        "utf16": leaf.decode().encode("utf-16"),
        "one-line": leaf.replace(b"\n", b" "),
        "csr": csr,
        "csr-der": openssl("req", "-outform", "DER", given=csr),
        "html": b"<!DOCTYPE html><html><head><title>Sign In</title></head></html>",
        "json": b'{"ErrorCode": -1, "ErrorMessage": "Invalid", "ErrorDescription": "Certificate Signature Verification failed"}',
        "p7b": openssl("crl2pkcs7", "-nocrl", "-certfile", "leaf.pem", "-outform", "DER"),
        "p7b-pem": openssl("crl2pkcs7", "-nocrl", "-certfile", "leaf.pem"),
    }


def keys():
    """Private keys in every form."""
    pem = read("leaf.key")
    curve = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    return {
        "pkcs8": pem,
        "pkcs8-der": openssl("pkey", "-outform", "DER", given=pem),
        "pkcs1": openssl("rsa", "-traditional", given=pem),
        "pkcs1-der": openssl("rsa", "-traditional", "-outform", "DER", given=pem),
        "curve": curve,
        "curve-der": openssl("pkey", "-outform", "DER", given=curve),
        "sec1-der": openssl("ec", "-outform", "DER", given=curve),
        "encrypted": openssl("pkcs8", "-topk8", "-iter", "1", "-passout", f"pass:{PASSWORD}", given=pem),
        "encrypted-der": openssl("pkcs8", "-topk8", "-iter", "1", "-outform", "DER", "-passout", f"pass:{PASSWORD}", given=pem),
        "old-encrypted": openssl("rsa", "-traditional", "-aes128", "-passout", f"pass:{PASSWORD}", given=pem),
    }


def containers():
    """Containers with few iterations, so that trying their passwords takes no time."""
    out = {}
    kinds = {"aes": [], "3des": ["PBE-SHA1-3DES"], "des2": ["PBE-SHA1-2DES"], "rc2-40": ["PBE-SHA1-RC2-40"],
             "rc2-128": ["PBE-SHA1-RC2-128"], "plain": ["NONE"]}
    for name, kind in kinds.items():
        for password in (PASSWORD, ""):
            for mac in (["-nomac"], ["-maciter", "-macalg", "sha1"], ["-macalg", "sha256"]):
                legacy = ["-legacy"] if "rc2" in name else []
                cipher = ["-certpbe", kind[0]] if kind else []
                made = openssl("pkcs12", "-export", "-inkey", "leaf.key", "-in", "leaf.pem", "-iter", "1", *legacy, *cipher,
                               *mac, "-passout", f"pass:{password}")
                out[f"{name}-{len(out)}"] = made
    return out


def profiles():
    """An enrolment profile, as lists and signed."""
    payload = {"PayloadType": "com.apple.mdm", "PayloadVersion": 1, "Topic": TOPIC, "AccessRights": 8191,
               "ServerURL": "https://mdm.example.com", "Nested": [{"a": b"data", "b": True, "c": 1.5}]}
    root = {"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadContent": [payload]}
    xml = plistlib.dumps(root)
    write("profile", xml)
    sign = ["cms", "-sign", "-nodetach", "-binary", "-signer", "leaf.pem", "-inkey", "leaf.key", "-in", "profile"]
    return {
        "xml": xml,
        "binary": plistlib.dumps(root, fmt=plistlib.FMT_BINARY),
        "utf16": xml.decode().encode("utf-16"),
        "service": plistlib.dumps({"PayloadType": "Profile Service", "PayloadContent": {"URL": "https://mdm.example.com"}}),
        "cdata": xml.replace(TOPIC.encode(), b"<![CDATA[" + TOPIC.encode() + b"]]>"),
        "der": openssl(*sign, "-outform", "DER"),
        "ber": openssl(*sign, "-outform", "DER", "-stream", "-indef"),
        "pem": openssl(*sign, "-outform", "PEM"),
    }


def push_requests():
    """A signed push request: the customer's request, the chain, the vendor's signature."""
    request = openssl("req", "-outform", "DER", given=read("leaf.csr"))
    chain = (read("leaf.pem") + read("ca.pem")).decode()
    signature = openssl("dgst", "-sha256", "-sign", "leaf.key", given=request)
    parts = {"PushCertRequestCSR": base64.b64encode(request).decode(), "PushCertCertificateChain": chain,
             "PushCertSignature": base64.b64encode(signature).decode()}
    xml, binary = plistlib.dumps(parts), plistlib.dumps(parts, fmt=plistlib.FMT_BINARY)
    return {
        "base64": base64.b64encode(xml),
        "lines": base64.encodebytes(xml),
        "xml": xml,
        "binary": binary,
        "binary-base64": base64.b64encode(binary),
        "data": plistlib.dumps({key: value.encode() for key, value in parts.items()}),
        "csr-pem": plistlib.dumps({**parts, "PushCertRequestCSR": read("leaf.csr").decode()}),
    }


def tokens():
    """Both tokens, encrypted and not."""
    secret = json.dumps({"consumer_key": "CK", "consumer_secret": "CS", "access_token": "AT", "access_secret": "AS",
                         "access_token_expiry": "2027-05-01T10:00:00Z"})
    message = f"Content-Type: text/plain\r\n\r\n-----BEGIN MESSAGE-----\r\n{secret}\r\n-----END MESSAGE-----\r\n"
    write("message", message.encode())
    encrypt = ["cms", "-encrypt", "-aes128", "-binary", "-in", "message"]
    content = json.dumps({"token": "abc", "expDate": "2027-05-01T10:00:00+0000", "orgName": "Example"}).encode()
    return {
        "mime": openssl(*encrypt, "-outform", "SMIME", "leaf.pem"),
        "der": openssl(*encrypt, "-outform", "DER", "leaf.pem"),
        "ber": openssl(*encrypt, "-outform", "DER", "-stream", "-indef", "leaf.pem"),
        "pem": openssl(*encrypt, "-outform", "PEM", "leaf.pem"),
        "decrypted": message.encode(),
        "json": secret.encode(),
        "vpp": base64.b64encode(content),
        "vpp-bare": content,
    }


def main():
    corpus = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        certificate, key, container = certificates(), keys(), containers()
        profile, request, token = profiles(), push_requests(), tokens()
    # What reads any file gets everything; names of two kinds may be the same.
    anything = {f"{kind}-{name}": data
                for kind, made in (("certificate", certificate), ("key", key), ("container", container), ("profile", profile),
                                   ("request", request), ("token", token))
                for name, data in made.items()}
    seeds = {"pem_der": anything, "preflight": anything, "key": key, "pkcs12": container, "profile": profile,
             "push_request": request, "token": token}
    for target, made in seeds.items():
        os.makedirs(os.path.join(corpus, target), exist_ok=True)
        for name, data in made.items():
            write(os.path.join(corpus, target, f"seed-{name}"), data)


main()
