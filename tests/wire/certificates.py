"""Certificates for the tests, made by openssl: a root, an intermediate, and what they issue."""
import os
import shutil
import ssl
import subprocess
import tempfile


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)


class Directory:
    """`root` is what clients trust; `pair(name)` a full chain and its key."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="meridian-tls-")
        self.root = self._path("root.pem")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        _openssl("req", "-x509", *key, "-keyout", self._path("root.key"), "-out", self.root, "-days", "60",
                 "-subj", "/CN=test root", "-addext", "keyUsage=critical,keyCertSign")
        self._request("middle", "test intermediate")
        self._issue("middle", "root", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")

    @classmethod
    def of(cls, test_class, *more):
        """For a class of tests: dns.test at 127.0.0.1, and the names in `more`. Removed after them."""
        files = cls()
        test_class.addClassCleanup(files.remove)
        files.make("dns.test", also=["127.0.0.1"])
        for name in more:
            files.make(name)
        return files

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def _path(self, name):
        return os.path.join(self.dir, name)

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="ascii") as out:
            out.write(text)

    def _request(self, name, subject):
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 self._path(name + ".key"), "-out", self._path(name + ".csr"), "-subj", "/CN=" + subject)

    def _issue(self, name, issuer, extensions, days=30):
        self.write(self._path(name + ".ext"), extensions)
        _openssl("x509", "-req", "-in", self._path(name + ".csr"), "-CA", self._path(issuer + ".pem"), "-CAkey",
                 self._path(issuer + ".key"), "-CAcreateserial", "-days", str(days), "-extfile",
                 self._path(name + ".ext"), "-out", self._path(name + ".pem"))

    def make(self, name, also=(), days=30):
        """A certificate for a name, in place of the one that was there. `also`: addresses."""
        self._request(name, name)
        names = ["DNS:" + name] + ["IP:" + address for address in also]
        self._issue(name, "middle", "subjectAltName=%s\nbasicConstraints=CA:FALSE\n" % ",".join(names), days)
        with open(self._path(name + ".pem"), "a", encoding="ascii") as out, \
                open(self._path("middle.pem"), encoding="ascii") as middle, \
                open(self.root, encoding="ascii") as root:
            out.write(middle.read() + root.read())

    def pair(self, name):
        return self._path(name + ".pem"), self._path(name + ".key")

    def entry(self, name):
        """As [tls.*] wants it."""
        return '{ certificate = "%s", key = "%s" }' % self.pair(name)

    def table(self, *names, name="default", more=""):
        """[tls.NAME] with the certificates of those names (dns.test). `more`: lines of it."""
        return "[tls.%s]\ncertificates = [%s]\n%s" % (name, ", ".join(map(self.entry, names or ["dns.test"])), more)

    def asking(self, auth):
        """For `more` of table: certificates of clients are wanted (`optional` or `require`)."""
        return 'client_auth = "%s"\nclient_ca = "%s"\n' % (auth, self.root)

    def context(self, *protocols):
        """A client's, that trusts what is made here, and offers these protocols (ALPN)."""
        context = ssl.create_default_context(cafile=self.root)
        if protocols:
            context.set_alpn_protocols(protocols)
        return context
