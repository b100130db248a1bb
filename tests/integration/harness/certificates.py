"""Certificates for tests, made by openssl(1) once a run and kept in the run's directory."""

import fcntl
import hashlib
import os
import ssl
import subprocess

DIRECTORY = os.environ.get("SALLYPORT_TEST_CERTIFICATES", "/tmp/sallyport-test-certificates")


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Pair:
    """A certificate and its key, as files."""

    def __init__(self, name):
        self.certificate = os.path.join(DIRECTORY, f"{name}.pem")
        self.key = os.path.join(DIRECTORY, f"{name}.key")

    @property
    def fingerprint(self):
        return sha256_of(self.certificate)

    def server_context(self, minimum=None, maximum=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if minimum:
            context.minimum_version = minimum
        if maximum:
            context.maximum_version = maximum
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(self.certificate, self.key)
        return context


def sha256_of(path):
    with open(path) as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first_certificate(file.read()))).hexdigest()


def first_certificate(text):
    end = "-----END CERTIFICATE-----\n"
    return text[text.index("-----BEGIN") : text.index(end) + len(end)]


def made(name, make):
    """`make(pair)` runs once, whoever asks first; others wait for it."""
    os.makedirs(DIRECTORY, exist_ok=True)
    pair = Pair(name)
    with open(os.path.join(DIRECTORY, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(pair.certificate):
            make(pair)
    return pair


P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def self_signed(host, days=30, name=None):
    def make(pair):
        openssl(
            *["req", "-x509", *P256, "-days", str(days), "-subj", f"/CN={host}"],
            *["-addext", f"subjectAltName=DNS:{host}", "-keyout", pair.key, "-out", pair.certificate],
        )

    return made(name or f"self-{host}", make)


def authority(name="ca"):
    def make(pair):
        openssl(
            *["req", "-x509", *P256, "-days", "30", "-subj", f"/CN=Test {name}"],
            *["-addext", "basicConstraints=critical,CA:TRUE"],
            *["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
            *["-keyout", pair.key, "-out", pair.certificate],
        )

    return made(name, make)


def request(host, pair, *options):
    """A certificate request beside the pair's files."""
    path = pair.certificate + ".csr"
    openssl("req", *P256, "-subj", f"/CN={host}", "-keyout", pair.key, "-out", path, *options)
    return path


def signed(host, ca):
    authority_name = os.path.basename(ca.certificate)[:-4]

    def make(pair):
        extensions = pair.certificate + ".ext"
        with open(extensions, "w") as out:
            out.write(f"subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n")
        openssl(
            *["x509", "-req", "-in", request(host, pair), "-CA", ca.certificate, "-CAkey", ca.key],
            *["-CAcreateserial", "-days", "30", "-extfile", extensions, "-out", pair.certificate],
        )

    return made(f"{authority_name}-{host}", make)


# openssl(1) sets dates in the past only where it plays the authority, with a database of what it signed.
SELF_SIGNING = """
[ca]
default_ca = itself
[itself]
database = {place}/index.txt
serial = {place}/serial
new_certs_dir = {place}
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def expired(host):
    """Self-signed, and good for one day in 2020."""
    place = os.path.join(DIRECTORY, f"expired-{host}-files")

    def make(pair):
        os.makedirs(place, exist_ok=True)
        files = {"index.txt": "", "serial": "01\n", "ca.cnf": SELF_SIGNING.format(place=place)}
        for name, text in files.items():
            with open(os.path.join(place, name), "w") as out:
                out.write(text)
        csr = request(host, pair, "-addext", f"subjectAltName=DNS:{host}")
        openssl(
            *["ca", "-batch", "-notext", "-config", os.path.join(place, "ca.cnf"), "-selfsign"],
            *["-keyfile", pair.key, "-in", csr, "-out", pair.certificate],
            *["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"],
        )

    return made(f"expired-{host}", make)
