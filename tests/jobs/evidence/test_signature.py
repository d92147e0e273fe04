"""Records that are signed, and viewing copies with content credentials."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from streamfix.errors import InputError, UsageError
from streamfix.jobs import Evidence, build_job
from streamfix.jobs.evidence import signature
from streamfix.jobs.evidence.credentials import Credentials
from streamfix.jobs.evidence.verifying import verify
from tests.jobs.evidence.material import job, recording

pytest.importorskip("cryptography", reason="signs; install the extra: pip install -e '.[evidence]'")

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def written(path: Path, key: Any) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_a_signed_record_is_known_and_a_changed_one_too(tmp_path: Path) -> None:
    key = written(tmp_path / "key.pem", ed25519.Ed25519PrivateKey.generate())
    path = recording(tmp_path / "in.mkv", 2)
    build_job(job(path, tmp_path, evidence=Evidence(str(tmp_path / "e"), maps=(), key=str(key)))).run()
    record = tmp_path / "e" / "evidence.json"
    assert [each.name for each in (tmp_path / "e").glob("*.json")] == ["evidence.json"]
    first = next(iter(verify(tmp_path / "e")))
    assert first.same and f"signed by the Ed25519 key {signature.verified(record)}" in first.text
    record.write_bytes(record.read_bytes().replace(b'"Restored"', b'"restored"'))
    first = next(iter(verify(tmp_path / "e")))
    assert first.same is False and "it was changed after it was signed" in first.text


@pytest.mark.parametrize(
    ("data", "says"), [(None, "No such file"), (b"no key", "it is no private key in PEM"), ("ec", "openssl genpkey")]
)
def test_a_key_that_cannot_sign_is_refused_before_anything_is_made(data: Any, says: str, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    if data == "ec":
        written(key, ec.generate_private_key(ec.SECP256R1()))
    elif data is not None:
        key.write_bytes(data)
    path = recording(tmp_path / "in.mkv", 1)
    with pytest.raises(InputError, match=says):
        build_job(job(path, tmp_path, evidence=Evidence(str(tmp_path / "e"), key=str(key))))
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("text", ["", "x\ny\nz\n", "streamfix ed25519\n00\n00\n"])
def test_what_is_no_signature_is_told(text: str, tmp_path: Path) -> None:
    record = tmp_path / "e.json"
    record.write_bytes(b"{}")
    signature.beside(record).write_text(text, encoding="ascii")
    with pytest.raises(InputError, match="it is no signature"):
        signature.verified(record)


def certificates(folder: Path) -> Credentials:
    """A certificate of a tester's, and the authority's above it, for ten days."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, one)])
        for one in ("Authority", "Examiner")
    ]
    now = datetime.datetime.now(datetime.UTC)

    def issued(number: int) -> Any:
        above = keys[0].public_key()
        made = x509.CertificateBuilder().subject_name(names[number]).issuer_name(names[0])
        made = made.public_key(keys[number].public_key()).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(10))
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"), False,
        )  # fmt: skip
        usage |= {"digital_signature": number == 1, "key_cert_sign": number == 0, "crl_sign": number == 0}
        made = made.add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), critical=True)
        made = made.add_extension(x509.KeyUsage(**usage), critical=True)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
        subject = x509.SubjectKeyIdentifier.from_public_key(keys[number].public_key())
        made = made.add_extension(subject, critical=False)
        if number == 1:
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        return made.sign(keys[0], hashes.SHA256())

    chain = folder / "chain.pem"
    chain.write_bytes(b"".join(issued(number).public_bytes(Encoding.PEM) for number in (1, 0)))
    return Credentials(str(chain), str(written(folder / "c2pa.pem", keys[1])))


def test_a_viewing_copy_has_content_credentials(tmp_path: Path) -> None:
    c2pa = pytest.importorskip("c2pa", reason="content credentials; pip install -e '.[c2pa]'")
    path = recording(tmp_path / "in.mkv", 2)
    evidence = Evidence(str(tmp_path / "e"), maps=(), credentials=certificates(tmp_path))
    spec = job(path, tmp_path, evidence=evidence)
    viewing = tmp_path / "out.mp4"
    spec = type(spec)(inputs=spec.inputs, outputs=[type(spec.outputs[0])(str(viewing))], filters=spec.filters,
                      evidence=evidence)  # fmt: skip
    build_job(spec).run()
    with c2pa.Reader(str(viewing)) as reader:
        said = json.loads(reader.json())
    manifest = said["manifests"][said["active_manifest"]]
    (own,) = [one["data"] for one in manifest["assertions"] if one["label"] == "org.streamfix.evidence"]
    record = json.loads((tmp_path / "e" / "evidence.json").read_text(encoding="utf-8"))
    assert own["inputs"][0]["sha256"] == record["inputs"][0]["sha256"] and own["frames"] == 2
    codes = {one["code"] for one in said.get("validation_status", ())}
    assert codes <= {"signingCredential.untrusted"}  # nobody knows the tester's authority; all else is right
    assert not [one.text for one in verify(tmp_path / "e") if one.same is False]
    data = bytearray(viewing.read_bytes())
    data[-40] ^= 1
    viewing.write_bytes(data)
    found = [one.text for one in verify(tmp_path / "e") if one.same is False]
    assert len(found) == 1 and found[0].startswith("the viewing copy out.mp4 has changed")


def test_what_cannot_hold_credentials_is_told(tmp_path: Path) -> None:
    path = recording(tmp_path / "in.mkv", 1)
    evidence = Evidence(str(tmp_path / "e"), credentials=Credentials("a.pem", "b.pem"))
    with pytest.raises(UsageError, match=r"credentials go into .mp4, .mov"):
        build_job(job(path, tmp_path, evidence=evidence))
