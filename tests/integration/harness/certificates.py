"""Certificates for tests, made by openssl(1) once a run and kept in the run's directory."""

import fcntl
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
    import hashlib
    with open(path) as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first_certificate(file.read()))).hexdigest()


def first_certificate(text):
    end = "-----END CERTIFICATE-----\n"
    return text[text.index("-----BEGIN"):text.index(end) + len(end)]


def made(name, make):
    """`make(pair)` runs once, whoever asks first; others wait for it."""
    os.makedirs(DIRECTORY, exist_ok=True)
    pair = Pair(name)
    with open(os.path.join(DIRECTORY, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(pair.certificate):
            make(pair)
    return pair


def self_signed(host, days=30, name=None):
    def make(pair):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
                "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-keyout", pair.key,
                "-out", pair.certificate)
    return made(name or f"self-{host}", make)


def expired(host):
    def make(pair):
        request = pair.certificate + ".csr"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
                "-addext", f"subjectAltName=DNS:{host}", "-keyout", pair.key, "-out", request)
        database = os.path.join(DIRECTORY, f"expired-{host}")
        os.makedirs(database, exist_ok=True)
        for file in ("index.txt", "serial"):
            with open(os.path.join(database, file), "w") as out:
                out.write("01\n" if file == "serial" else "")
        config = os.path.join(database, "ca.cnf")
        with open(config, "w") as out:
            out.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={database}/index.txt\nserial={database}/serial\n"
                      f"new_certs_dir={database}\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-config", config, "-selfsign", "-keyfile", pair.key, "-in", request,
                "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-out", pair.certificate, "-notext")
    return made(f"expired-{host}", make)


def authority(name="ca"):
    def make(pair):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN=Test {name}", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", pair.key, "-out", pair.certificate)
    return made(name, make)


def signed(host, ca):
    authority_name = os.path.basename(ca.certificate)[:-4]

    def make(pair):
        request = pair.certificate + ".csr"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
                "-keyout", pair.key, "-out", request)
        extensions = pair.certificate + ".ext"
        with open(extensions, "w") as out:
            out.write(f"subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", request, "-CA", ca.certificate, "-CAkey", ca.key, "-CAcreateserial",
                "-days", "30", "-extfile", extensions, "-out", pair.certificate)
    return made(f"{authority_name}-{host}", make)
