"""A signed report is verified with the public key alone, by our command and by OpenSSL; a forged one is found."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.forging import forge_field, manifest_of, set_at
from support.reports import make_warehouse, report, report_json, run, run_json, steady

from bwp_client.reports.published_report import open_published
from bwp_client.reports.signing import public_key
from bwp_client.reports.verify import verify
from bwp_client.reports.verify_files import examine
from bwp_client.reports.verify_result import SignatureState
from bwp_client.ui.published_reports import published_reports, report_zip

DOCS = Path(__file__).parents[2] / "docs" / "reports.md"


def documented_commands(heading: str) -> str:
    """Return the shell commands below a heading of docs/reports.md."""
    section = DOCS.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def shell(commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
    assert commands.strip()
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", commands], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a private and a public key, made by the commands of the documentation."""
    folder = tmp_path_factory.mktemp("keys")
    done = shell(documented_commands("Signatures"), folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Path:
    """Return the folder of a signed report."""
    folder = tmp_path_factory.mktemp("original")
    make_warehouse(folder, *steady())
    return folder / "reports" / report_json(folder, BWP_REPORT__SIGNING_KEY=str(keys / "key.pem"))["key"]


@pytest.fixture
def signed(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "signed")


def state(report: Path, *options: str | Path, allowed: tuple[int, ...] = (0,), **env: str) -> Any:
    found = run_json(report, "report", "rebuild", report, "--verify", "--json", *options, allowed=allowed, **env)
    return found["signature"]


def test_a_signature_is_verified_with_the_public_key_of_an_option_or_a_setting(signed: Path, keys: Path) -> None:
    public = keys / "public.pem"
    assert state(signed) == "not verified"
    assert state(signed, "--public-key", public) == "valid"
    assert state(signed, BWP_REPORT__PUBLIC_KEY=public.read_text()) == "valid"
    assert state(signed, BWP_REPORT__SIGNING_KEY=(keys / "key.pem").read_text()) == "valid"
    rebuilt = run(signed, "report", "rebuild", signed, "--public-key", public)
    assert "The signature of the manifest is valid." in rebuilt.stdout
    shell("openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out other.pem", signed.parent)
    assert state(signed, "--public-key", signed.parent / "other.pem", allowed=(1,)) == "wrong"


def test_the_zip_of_a_signed_report_is_verified(original: Path, tmp_path: Path, keys: Path) -> None:
    (manifest,) = published_reports(str(original.parent)).readable
    (tmp_path / "a.zip").write_bytes(report_zip(str(original.parent), manifest))
    options = ("report", "rebuild", "a.zip", "--verify", "--json", "--public-key", keys / "public.pem")
    assert run_json(tmp_path, *options)["signature"] == "valid"


def test_a_signature_that_was_removed_changed_or_added_is_found(signed: Path, original: Path, keys: Path) -> None:
    path = signed / "manifest.json.sig"
    public = ("--public-key", str(keys / "public.pem"))
    for content in (b"", b"x" * 64, path.read_bytes() + b"x"):
        path.write_bytes(content)
        assert state(signed, *public, allowed=(1,)) == "wrong"
    path.unlink()
    assert state(signed, allowed=(1,)) == "missing"
    forge_field(signed, lambda value: value.pop("signed_by"))
    assert state(signed) == "not signed"
    assert state(signed, *public, allowed=(1,)) == "missing"
    shutil.copy(original / path.name, path)
    found = run_json(signed, "report", "rebuild", signed, "--verify", "--json", allowed=(1,))
    assert found["foreign"] == ["manifest.json.sig"]


UNPROVEN: dict[str, Callable[[Any], None]] = {
    "key": set_at(("key",), "deletion_2026-W10_as-of-2020-01-01"),
    "report": set_at(("report",), "other"),
    "question.max_stale_hours": set_at(("question", "max_stale_hours"), 999_999.0),
    "question.edition": set_at(("question", "edition"), 2),
    "question.replaces": set_at(("question", "replaces"), "deletion_2026-W10_as-of-2026-03-09"),
    "identity": set_at(("identity",), {"warehouse": "other"}),
    "facts.run_id": set_at(("facts", "run_id"), "other"),
    "facts.versions": set_at(("facts", "versions"), {}),
    "facts.quarantined": set_at(("facts", "quarantined"), 7),
    "facts.events_not_yet_counted": set_at(("facts", "events_not_yet_counted"), 7),
    "facts.is_sample": set_at(("facts", "is_sample"), True),
    "facts.product_names": set_at(("facts", "product_names"), {"bp-1": "Other"}),
    "code.version": set_at(("code", "version"), "9.9"),
    "pictures": set_at(("pictures",), "PDF and PNG were made by hand"),
}
"""Fields that no figure depends on. `docs/reports.md` lists them."""


def test_a_forger_who_changes_every_copy_of_a_field_is_found_by_the_signature(signed: Path, keys: Path) -> None:
    key = public_key(str(keys / "public.pem"), "")
    manifest, described = ((signed / name).read_bytes() for name in ("manifest.json", "description.json"))
    for change in UNPROVEN.values():
        forge_field(signed, change)
        assert examine(open_published(str(signed)), key)[0].signature is SignatureState.WRONG
        (signed / "manifest.json").write_bytes(manifest)
        (signed / "description.json").write_bytes(described)
    for change in UNPROVEN.values():
        forge_field(signed, change)
    found = verify(open_published(str(signed)))
    assert (found.fields, found.differing, found.not_computed) == ([], [], ""), (
        "the signature alone shows these changes"
    )
    text = " ".join(DOCS.read_text(encoding="utf-8").split())
    assert [name for name in UNPROVEN if f"`{name}`" not in text] == []


def test_the_documented_commands_verify_a_report_without_our_code(signed: Path, keys: Path) -> None:
    commands = documented_commands("Without this product")
    shutil.copy(keys / "public.pem", signed / "public.pem")
    done = shell(commands, signed)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    page = signed / "report.html"
    content = page.read_bytes()
    page.write_bytes(content + b" ")
    assert "report.html: FAILED" in shell(commands, signed).stdout
    page.write_bytes(content)
    forge_field(signed, UNPROVEN["facts.run_id"])
    assert manifest_of(signed)["facts"]["run_id"] == "other"
    done = shell(commands, signed)
    assert done.returncode != 0
    assert "Signature Verification Failure" in done.stdout


def test_the_fingerprint_in_the_manifest_is_the_one_that_openssl_computes(signed: Path, keys: Path) -> None:
    done = shell("openssl pkey -pubin -in public.pem -outform DER | sha256sum", keys)
    assert manifest_of(signed)["signed_by"] == f"sha256:{done.stdout.split()[0]}"


@pytest.mark.s3
def test_a_report_on_s3_is_signed_and_verified(tmp_path: Path, keys: Path, bucket: Any) -> None:
    make_warehouse(tmp_path, *steady())
    env = {**bucket.env, "BWP_REPORT__SIGNING_KEY": str(keys / "key.pem")}
    made = report_json(tmp_path, "--out", f"{bucket.uri}/reports", **env)
    options = ("report", "rebuild", made["manifest"], "--verify", "--json", "--public-key", keys / "public.pem")
    assert run_json(tmp_path, *options, **bucket.env)["signature"] == "valid"


SECRET = "MC4CAQAwBQYDK2VwBCIEIHlvdSBzaG91bGQgbm90IHNlZSB0aGlz"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no/such/file.pem", "its file can't be read (No such file or directory)"),
        ("folder", "its file can't be read (Is a directory)"),
        ("public.pem", "it holds no private key in PEM format"),
        ("encrypted.pem", "its key is encrypted"),
        ("rsa.pem", "its key is of another type than Ed25519"),
        (SECRET, "its file can't be read"),
        (
            f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
            "it holds no private key in PEM format",
        ),
    ],
)
def test_a_key_that_can_not_be_used_ends_the_command_before_work_begins(
    tmp_path: Path, keys: Path, value: str, reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    shutil.copy(keys / "public.pem", tmp_path)
    shell("openssl genpkey -algorithm ed25519 -aes256 -pass pass:x -out encrypted.pem", tmp_path)
    shell("openssl genpkey -algorithm rsa -out rsa.pem", tmp_path)
    before = sorted(tmp_path.iterdir())
    done = report(tmp_path, BWP_REPORT__SIGNING_KEY=value)
    assert done.exit_code == 2, done.output
    assert f"BWP_REPORT__SIGNING_KEY can't be used: {reason}" in done.stderr
    assert SECRET not in done.output
    assert sorted(tmp_path.iterdir()) == before, "no folder of reports, no log"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("no/such.pem", "its file can't be read"), ("key.pem", "it holds no public key in PEM format")],
)
def test_a_public_key_that_can_not_be_used_is_wrong_usage(signed: Path, keys: Path, name: str, reason: str) -> None:
    options = ("report", "rebuild", signed, "--verify", "--public-key", keys / name)
    done = run(signed, *options, allowed=(0, 1, 2, 4))
    assert done.exit_code == 2
    assert f"--public-key can't be used: {reason}" in done.stderr


def test_the_private_key_is_in_no_file_of_the_report_and_in_no_output(tmp_path: Path, keys: Path) -> None:
    make_warehouse(tmp_path, *steady())
    text = (keys / "key.pem").read_text()
    done = report(tmp_path, "--json", BWP_REPORT__SIGNING_KEY=text)
    assert json.loads(done.stdout)["state"] == "published"
    secret = text.splitlines()[1]
    assert secret not in done.output
    assert not [
        path for path in (tmp_path / "reports").rglob("*") if path.is_file() and secret.encode() in path.read_bytes()
    ]
