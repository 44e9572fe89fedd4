"""Sending a notice, over a real socket: an answer that is no success is a failure, and nothing quotes an address."""

import logging

import pytest
from support.notices import hook

from bwp_client.errors import SettingsError
from bwp_client.monitoring.notify import Notice, parse_destinations

NOTICE = Notice("A title", ("A first line.", "A second line."), "http://report.invalid/report.html")


def send(address: str, notice: Notice = NOTICE) -> list[str]:
    return [destination.send(notice) for destination in parse_destinations(address)]


def test_a_notice_carries_title_lines_and_link() -> None:
    with hook() as found:
        assert send(found.url) == [""]
    assert found.accepted[0]["title"] == "A title"
    assert found.accepted[0]["message"] == "A first line.\nA second line.\nhttp://report.invalid/report.html"


REDIRECTS = (301, 302, 303, 307, 308)


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("option", ["", "?redirect=yes"])
def test_no_redirect_is_followed_and_each_is_a_failure(option: str, status: int) -> None:
    with hook(status) as found:
        (problem,) = send(found.url + option)
    assert problem == f"JSON redirects to another address (HTTP {status}), which loses the notice"
    assert found.requests == [("POST", f"/hook{option and '?'}".removesuffix("?"))]


@pytest.mark.parametrize(
    "address",
    [
        "xml://{host}/hook",
        "form://{host}/hook",
        "gotify://{host}/abcdefghijklmno?redirect=yes",
        "ntfy://{host}/topic",
        "mmost://{host}/3ccdd113474722377935511fc85d3dd4",
        "signal://{host}/+15555550123/+15555550124",
        "workflows://{host}/workflow/signature",
        "synology://{host}/token",
        "nctalk://user:secret@{host}/room",
        "enigma2://{host}",
        "kodi://{host}",
        "hassio://{host}/long-lived-access-token",
        "apprise://{host}/abcdefabcdefabcdef",
        "lametric://abcdefabcdef@127.0.0.1",
    ],
)
def test_no_service_over_http_follows_a_redirect(address: str) -> None:
    with hook(302) as found:
        for destination in parse_destinations(address.format(host=found.host)):
            assert destination.send(NOTICE)
    assert not any("elsewhere" in path for _, path in found.requests)


@pytest.mark.parametrize(("status", "reason"), [(404, "answered HTTP 404"), (500, "answered HTTP 500")])
def test_an_answer_that_is_an_error_is_a_failure(status: int, reason: str) -> None:
    with hook(status) as found:
        assert send(found.url) == [f"JSON {reason}"]


def test_a_destination_that_is_not_there_is_a_failure() -> None:
    with hook() as found:
        pass
    assert send(found.url) == ["JSON could not be reached"]


def test_a_notice_that_is_too_long_is_sent_shorter() -> None:
    long = Notice("A title", ("A first line.", "x" * 5000), NOTICE.link)
    with hook() as found:
        found.max_bytes = 1000
        assert send(found.url, long) == [""]
    assert [item["message"] for item in found.accepted] == [NOTICE.link]


def test_a_notice_that_is_too_long_in_any_length_is_a_failure() -> None:
    with hook(413) as found:
        assert send(found.url) == ["JSON answered HTTP 413, also to a shorter notice"]
    assert len(found.notices) == 2


def test_each_destination_fails_or_succeeds_by_itself_and_gets_a_notice_once() -> None:
    with hook() as first, hook(500) as second:
        problems = send(f"{first.url}, {second.url} {first.url}")
    assert problems == ["", "destination 2 of 2 (JSON) answered HTTP 500"]
    assert (len(first.notices), len(second.notices)) == (1, 1)


@pytest.mark.parametrize(
    "address",
    ["nonsense://user:hunter2@host", "hunter2:x@host", "json://[hunter2", "json://host hunter2://x", "hunter2"],
)
def test_an_unknown_address_is_wrong_usage_and_no_part_of_it_is_quoted(address: str) -> None:
    with pytest.raises(SettingsError, match="none that Apprise knows") as raised:
        parse_destinations(address)
    assert "hunter2" not in str(raised.value)


def test_no_address_means_no_destination() -> None:
    assert parse_destinations(None) == []
    assert parse_destinations("") == []


def test_nothing_that_is_printed_or_logged_quotes_an_address(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with hook(500) as found, caplog.at_level(logging.DEBUG):
        problems = send(f"json://user:hunter2@{found.host}/token-hunter3 jsons://user:hunter2@{found.host}/x?verify=no")
    quoted = " ".join([*problems, caplog.text, *capfd.readouterr()])
    assert len(problems) == 2
    assert not any(part in quoted for part in ("hunter2", "hunter3", found.host))


def test_a_mark_recognises_a_destination_without_its_address() -> None:
    first, second = parse_destinations("json://user:one@host json://user:two@host")
    (again,) = parse_destinations("json://user:one@host")
    assert first.mark("salt") == again.mark("salt")
    assert len({first.mark("salt"), second.mark("salt"), first.mark("other")}) == 3
