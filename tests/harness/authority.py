"""A certification authority as Pero meets them: a root, an issuing authority below it, an OCSP responder, a time-stamp
authority, and signers whose certificates say where all of these are asked. openssl makes everything, with its GOST
engine for GOST; `authority_server` puts it onto loopback."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from pathlib import Path

from agent.certificates import pem
from agent.certificates.description import Description, describe
from tests.harness import gost
from tests.harness.gost_token import openssl_gost

POLICY, OTHER_POLICY = "1.2.3.4.1", "1.2.3.4.2"
KINDS = {
    "rsa": ("sha256", ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")),
    "ec": ("sha256", ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")),
    **{
        name: (gost.digest_name(name), (algorithm, "-pkeyopt", f"paramset:{parameters}"))
        for name, (algorithm, parameters) in gost.KEYS.items()
    },
}
_DIGESTS = "sha256,sha384,sha512,md_gost12_256,md_gost12_512"
_IDENTIFIERS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
_AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
_END = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n"
_STAMPING = "extendedKeyUsage=critical,timeStamping\n"


class Holder:
    """A certificate and its key in files of PEM, and a list of those that it issued."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.certificate, self.key, self.index = (folder / f"{name}.{end}" for end in ("pem", "key", "index"))

    @property
    def der(self) -> bytes:
        return pem.blocks(self.certificate.read_bytes(), frozenset({"CERTIFICATE"}))[0]

    @property
    def description(self) -> Description:
        return describe(self.der)


class Authority:
    """`kind`: of KINDS, for all of its keys. `url`: where `authority_server` offers it."""

    def __init__(self, folder: Path, kind: str, url: str) -> None:
        self.folder = folder
        self.kind = kind
        self.url = url
        self._digest, self._key = KINDS[kind]
        self._made: dict[str, Holder] = {}
        self._lock = threading.Lock()
        self.root = self.make("root", None, _AUTHORITY)
        self.issuing = self.make("issuing", self.root, _AUTHORITY + self.places("root", ocsp=False))
        self.responder = self.make(
            "responder", self.issuing, _END + "extendedKeyUsage=OCSPSigning\nnoCheck=ignored\n", listed=False
        )
        self.stamping = self.make("stamping", self.issuing, _END + _STAMPING + self.places("issuing"))

    def places(self, issuer: str, *, ocsp: bool = True, lists: bool = True, issuers: bool = True) -> str:
        """Extensions that say where a certificate's issuer, its state and its issuer's list are had from."""
        access = [f"OCSP;URI:{self.url}/ocsp/{issuer}"] if ocsp else []
        access += [f"caIssuers;URI:{self.url}/issuer/{issuer}"] if issuers else []
        found = f"authorityInfoAccess={','.join(access)}\n" if access else ""
        return found + (f"crlDistributionPoints=URI:{self.url}/list/{issuer}\n" if lists else "")

    def signer(self, name: str = "signer", extensions: str | None = None) -> Holder:
        return self.make(name, self.issuing, _END + (self.places("issuing") if extensions is None else extensions))

    def stamper(self, name: str, purpose: str = _STAMPING, *, days: int = 30) -> Holder:
        """Another time-stamp authority."""
        return self.make(name, self.issuing, _END + purpose + self.places("issuing"), days=days)

    def make(self, name: str, issuer: Holder | None, extensions: str, *, days: int = 30, listed: bool = True) -> Holder:
        """A holder by its name, made once. `listed`: the issuer knows of it."""
        with self._lock:
            if name not in self._made:
                holder = Holder(self.folder, name)
                self.run("genpkey", "-algorithm", *self._key, "-out", holder.key)
                self._issue(holder, issuer, extensions, ("-key", holder.key), days)
                holder.index.touch()
                Path(f"{holder.index}.attr").write_text("unique_subject = no\n")
                self._made[name] = holder
                if issuer is not None and listed:
                    self._list(issuer, holder, "V", "")
            return self._made[name]

    def certificate_for(self, name: str, public_key: bytes) -> Holder:
        """A signer whose key is elsewhere; its public key is PEM."""
        holder = Holder(self.folder, name)
        public = self.folder / f"{name}.pub"
        public.write_bytes(public_key)
        extensions = _END + self.places("issuing")
        self._issue(holder, self.issuing, extensions, ("-key", self.issuing.key), 30, ("-force_pubkey", public))
        self._list(self.issuing, holder, "V", "")
        return holder

    def twin(self, holder: Holder) -> Holder:
        """Another certificate with the key and the number of a time-stamp authority."""
        with self._lock:
            twin = Holder(self.folder, f"{holder.name}-twin")
            number = ("-set_serial", f"0x{holder.description.serial}")
            extensions = _END + _STAMPING + "nsComment=twin\n"
            self._issue(twin, self.issuing, extensions, ("-key", holder.key), 30, number, holder.name)
            return twin

    def revoke(self, holder: Holder, issuer: Holder | None = None, reason: str = "keyCompromise") -> None:
        self._list(issuer or self.issuing, holder, "R", f"260101000000Z,{reason}")

    def key_file(self, holder: Holder, passphrase: str, *, chain: bool = True) -> Path:
        """PKCS#12 of a holder, with the certificates of its issuers."""
        path, issuers = self.folder / f"{holder.name}.p12", self.folder / "issuers.pem"
        issuers.write_bytes(self.issuing.certificate.read_bytes() + self.root.certificate.read_bytes())
        more = ("-certfile", issuers) if chain else ()
        self.run(
            "pkcs12", "-export", "-inkey", holder.key, "-in", holder.certificate, *more, "-out", path,
            "-passout", f"pass:{passphrase}",
        )  # fmt: skip
        return path

    # What the services answer

    def stamp(self, query: bytes, holder: Holder | None = None, *, policy: str = POLICY) -> bytes:
        """TimeStampResp of a TimeStampReq, by openssl ts."""
        signer = holder or self.stamping
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            asked, answered, settings = (Path(folder) / name for name in ("query", "answer", "settings"))
            asked.write_bytes(query)
            settings.write_text(
                f"[tsa]\ndefault_tsa=one\n[one]\nserial={folder}/serial\ncrypto_device=builtin\n"
                f"signer_digest={self._digest}\ndefault_policy={policy}\nother_policies={OTHER_POLICY}\n"
                f"digests={_DIGESTS}\naccuracy=secs:1\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n"
            )
            self.run(
                "ts", "-reply", "-config", settings, "-queryfile", asked, "-signer", signer.certificate,
                "-inkey", signer.key, "-chain", self.issuing.certificate, "-out", answered,
            )  # fmt: skip
            return answered.read_bytes()

    def sign_content(self, content: bytes, content_type: str, holder: Holder, *more: str | Path) -> bytes:
        """CMS over content of any type; "-cades" names the certificate (signing-certificate-v2)."""
        return self.run(
            "cms", "-sign", "-binary", "-nodetach", "-econtent_type", content_type, "-outform", "DER",
            "-md", self._digest, "-signer", holder.certificate, "-inkey", holder.key, *more, data=content,
        )  # fmt: skip

    def answer_ocsp(self, query: bytes, issuer: Holder, responder: Holder | None = None, *more: str) -> bytes:
        """OCSPResponse by openssl ocsp."""
        by = responder or (self.responder if issuer is self.issuing else issuer)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            asked, answered = (Path(folder) / name for name in ("query", "answer"))
            asked.write_bytes(query)
            self.run(
                "ocsp", "-index", issuer.index, "-CA", issuer.certificate, "-rsigner", by.certificate,
                "-rkey", by.key, "-rmd", self._digest, "-reqin", asked, "-respout", answered,
                *(more or ("-ndays", "1")),
            )  # fmt: skip
            return answered.read_bytes()

    def revocation_list(self, issuer: Holder, extensions: str = "", *more: str) -> bytes:
        """CertificateList, DER, by openssl ca."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            settings, made = Path(folder) / "settings", Path(folder) / "list"
            settings.write_text(
                f"[ca]\ndefault_ca=one\n[one]\ndatabase={issuer.index}\ndefault_md={self._digest}\n"
                f"crl_extensions=more\n[more]\nauthorityKeyIdentifier=keyid\n{extensions}"
            )
            self.run(
                "ca", "-gencrl", "-config", settings, "-cert", issuer.certificate, "-keyfile", issuer.key,
                *(more or ("-crldays", "1")), "-out", made,
            )  # fmt: skip
            return self.run("crl", "-in", made, "-outform", "DER")

    # The judge

    def verify_stamp(self, token: bytes, octets: bytes) -> subprocess.CompletedProcess[bytes]:
        """openssl's opinion of a token."""
        given, data = self.folder / "given.tst", self.folder / "given.bin"
        given.write_bytes(token)
        data.write_bytes(octets)
        return openssl_gost(
            "ts", "-verify", "-token_in", "-in", given, "-data", data, "-CAfile", self.root.certificate, check=False
        )

    def run(self, *arguments: str | Path, data: bytes = b"") -> bytes:
        return openssl_gost(*arguments, data=data).stdout

    def _issue(
        self,
        holder: Holder,
        issuer: Holder | None,
        extensions: str,
        key: tuple[str | Path, ...],
        days: int,
        more: tuple[str | Path, ...] = (),
        subject: str = "",
    ) -> None:
        settings = self.folder / f"{holder.name}.ext"
        settings.write_text(extensions + _IDENTIFIERS)
        name = f"/C=RU/O=Test {self.kind}/CN={subject or holder.name}"
        request = self.run("req", "-new", *key, f"-{self._digest}", "-utf8", "-subj", name)
        way = ("-CA", issuer.certificate, "-CAkey", issuer.key) if issuer else ("-signkey", holder.key)
        self.run(
            "x509", "-req", *way, *more, f"-{self._digest}", "-days", str(days), "-extfile", settings,
            "-out", holder.certificate, data=request,
        )  # fmt: skip

    def _list(self, issuer: Holder, holder: Holder, state: str, revoked: str) -> None:
        """A row of the index of openssl ca and openssl ocsp, in place of an older one."""
        serial = holder.description.serial.upper()
        rows = [row for row in issuer.index.read_text().splitlines() if row.split("\t")[3] != serial]
        rows.append(f"{state}\t491231000000Z\t{revoked}\t{serial}\tunknown\t/CN={holder.name}")
        issuer.index.write_text("".join(f"{row}\n" for row in rows))
