"""Which addresses may be reached: the table is the policy."""

import asyncio
import ipaddress

import pytest

from outgoing.addresses import AddressPolicy, Refused, allowance, checked_host, checked_url

CLOSED = AddressPolicy.of([])
EVERYTHING = AddressPolicy.of(["0.0.0.0/0", "::/0"])


def judged(policy: AddressPolicy, host: str, port: int = 80, *answers: str) -> list[str]:
    async def resolver(name: str, _: int) -> list[str]:
        return list(answers)

    return [str(address) for address in asyncio.run(policy.resolve(host, port, resolver))]


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "[2001:4860:4860::8888]"])
def test_public_addresses_are_reached(address: str) -> None:
    assert judged(CLOSED, address) == [address.strip("[]")]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.7",
     "::1", "fc00::1", "fd12:3456::1", "2001:db8::1", "4000::1"],
)  # fmt: skip
def test_private_addresses_need_an_operator(address: str) -> None:
    with pytest.raises(Refused, match="PROBE_ALLOW="):
        judged(CLOSED, address)
    assert judged(EVERYTHING, address) == [address]


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "169.254.1.1", "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200",
        "192.0.0.192", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "fe80::1", "fec0::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe",
        "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:a9fe:a9fe", "::127.0.0.1", "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::a9fe:a9fe", "2002:7f00:1::1", "2002:a9fe:a9fe::", "2001:0:1::1",
        "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a9fe:a9fe",
    ],
)  # fmt: skip
def test_some_addresses_are_never_reached(address: str) -> None:
    with pytest.raises(Refused):
        judged(CLOSED, address)
    with pytest.raises(Refused, match="never reached"):
        judged(EVERYTHING, address)
    with pytest.raises(Refused, match="never reached"):
        judged(EVERYTHING, "innocent.example", 80, address)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0x7f.0x0.0x0.0x1", "127.0.0.0x1",
     "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0", "00000000"],
)  # fmt: skip
def test_spellings_of_numbers_are_refused(host: str) -> None:
    with pytest.raises(Refused, match="disguised"):
        judged(EVERYTHING, host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a..b",
        "-a",
        "a-.b",
        "a/b",
        "a@b",
        "fe80::1%eth0",
        "::1%1",
        "１２７.0.0.1",
        "\u017ftatic",
        "a\n",
        "x" * 64,
        "a...",
    ],
)
def test_hosts_that_are_none_are_refused(host: str) -> None:
    with pytest.raises(Refused):
        checked_host(host)


@pytest.mark.parametrize(("host", "name"), [("Orders.Internal", "orders.internal"), ("orders.", "orders"), ("[::1]", "::1"),
                                            ("db_1.example", "db_1.example"), ("127.0.0.1.", "127.0.0.1")])  # fmt: skip
def test_hosts_are_written_one_way(host: str, name: str) -> None:
    assert checked_host(host) == name


@pytest.mark.parametrize(
    ("answers", "refused"),
    [(("8.8.8.8",), False), (("8.8.8.8", "2606:4700:4700::1111"), False), (("8.8.8.8", "10.0.0.1"), True), ((), True)],
)
def test_every_address_of_a_name_must_be_allowed(answers: tuple[str, ...], refused: bool) -> None:
    if refused:
        with pytest.raises(Refused):
            judged(CLOSED, "orders.example", 80, *answers)
    else:
        assert judged(CLOSED, "orders.example", 80, *answers) == list(answers)


@pytest.mark.parametrize(
    ("entry", "host", "answer", "port", "reached"),
    [
        ("10.0.0.0/8", "10.1.2.3", "", 8000, True),
        ("10.0.0.0/8", "11.0.0.1", "", 8000, True),
        ("10.0.0.0/8", "192.168.0.1", "", 8000, False),
        ("10.0.0.0/8:8000", "10.1.2.3", "", 8000, True),
        ("10.0.0.0/8:8000", "10.1.2.3", "", 8001, False),
        ("127.0.0.1:8090", "127.0.0.1", "", 8090, True),
        ("127.0.0.1:8090", "localhost", "127.0.0.1", 8090, True),
        ("127.0.0.1:8090", "127.0.0.2", "", 8090, False),
        ("[::1]:8090", "::1", "", 8090, True),
        ("::1", "::1", "", 1, True),
        ("fd00::/8", "fd00::7", "", 1, True),
        ("orders.internal", "orders.internal", "10.9.9.9", 80, True),
        ("orders.internal", "ORDERS.internal.", "10.9.9.9", 80, True),
        ("orders.internal:8000", "orders.internal", "10.9.9.9", 80, False),
        ("orders.internal", "other.internal", "10.9.9.9", 80, False),
        ("orders.internal", "sub.orders.internal", "10.9.9.9", 80, False),
        ("orders.internal", "orders.internal", "169.254.169.254", 80, False),
    ],
)
def test_what_an_operator_allows(entry: str, host: str, answer: str, port: int, reached: bool) -> None:
    policy = AddressPolicy.of([entry])
    if reached:
        assert judged(policy, host, port, answer)
    else:
        with pytest.raises(Refused):
            judged(policy, host, port, answer)


@pytest.mark.parametrize(
    "entry", ["", ":80", "a b", "10.0.0.0/33", "orders:0", "orders:65536", "orders:x", "2130706433", "a/b", "http://a"]
)
def test_an_entry_that_makes_no_sense_is_refused(entry: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        allowance(entry)


@pytest.mark.parametrize(
    ("own", "host", "answer"),
    [
        ("127.0.0.1", "127.0.0.1", ""),
        ("127.0.0.1", "127.0.0.2", ""),
        ("127.0.0.1", "::1", ""),
        ("127.0.0.1", "harmless.example", "127.0.0.1"),
        ("db.internal", "db.internal", "10.0.0.5"),
        ("DB.internal", "alias.internal", "10.0.0.5"),
        ("db.internal", "10.0.0.5", "10.0.0.5"),
        ("10.0.0.5", "10.0.0.5", ""),
    ],
)
def test_own_parts_are_denied_whatever_is_allowed(own: str, host: str, answer: str) -> None:
    policy = AddressPolicy.of(["0.0.0.0/0", "::/0"], [(own, 5432)])
    with pytest.raises(Refused, match="part of Milepost"):
        judged(policy, host, 5432, answer)
    assert judged(policy, host, 5433, answer)


def test_a_name_that_is_not_known_is_an_error_of_the_system() -> None:
    async def unknown(name: str, _: int) -> list[str]:
        raise OSError(f"{name}: unknown")

    with pytest.raises(OSError, match="unknown"):
        asyncio.run(CLOSED.resolve("nowhere.example", 80, unknown))


def test_a_part_of_ours_without_an_address_denies_nothing() -> None:
    async def only_orders(name: str, _: int) -> list[str]:
        if name != "orders.example":
            raise OSError(name)
        return ["8.8.8.8"]

    policy = AddressPolicy.of([], [("db.internal", 80)])
    assert asyncio.run(policy.resolve("orders.example", 80, only_orders)) == [ipaddress.ip_address("8.8.8.8")]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://a", "only http"), ("file:///etc/passwd", "only http"), ("//a", "only http"), ("http://", "no host"),
        ("http:///x", "no host"), ("http://u:p@a", "no password"), ("http://u@a", "no password"), ("http://a:0", "port 0"),
        ("http://a:99999", "not an address"), ("http://a:b", "not an address"), ("http://[::1", "not an address"),
        ("http://2130706433/", "disguised"), ("http://0x7f.1", "disguised"), ("http://a b/", "not a host"),
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_measured(url: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        checked_url(url)
