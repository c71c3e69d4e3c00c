"""Webhook URLs: one strict grammar, so that no URL means one thing here and another there."""

from ipaddress import ip_network

import pytest

from common.webhook_url import EgressRules, UrlRefused, parse_webhook_url

DEVELOPMENT = EgressRules()
PRODUCTION = EgressRules(https_only=True)

#: Nothing is ever sent to these; each with a word of the reason.
HOSTILE = {
    # schemes
    "": "https",
    "example.com/hook": "https",
    "//example.com/hook": "https",
    "ftp://example.com/": "https",
    "file:///etc/passwd": "https",
    "gopher://127.0.0.1:6379/_FLUSHALL": "https",
    "dict://127.0.0.1:11211/stats": "https",
    "javascript:alert(1)": "https",
    "data:text/plain,hello": "https",
    "unix:///var/run/docker.sock": "https",
    "http:/example.com/": "https",
    "http:example.com": "https",
    "https://": "host",
    "http:///path": "host",
    "http://?query": "host",
    "view-source:https://example.com/": "https",
    # a user name, and what hides behind one
    "https://user@example.com/": "user name",
    "https://user:secret@example.com/": "user name",
    "https://example.com@127.0.0.1/": "user name",
    "https://127.0.0.1@example.com/": "user name",
    "https://example.com:443@10.0.0.1/": "user name",
    "https://@example.com/": "user name",
    "https://example.com%40127.0.0.1/": "192.0.2.1",
    # what other parsers would drop, fold or turn round
    "https://example.com/\r\nX-Injected: 1": "U+000D",
    "https://example.com/\nfoo": "U+000A",
    "https://exam\tple.com/": "U+0009",
    " https://example.com/": "U+0020",
    "https://example.com/ ": "U+0020",
    "https://example.com/a b": "U+0020",
    "https://example.com\\@127.0.0.1/": "U+005C",
    "https:\\\\example.com\\": "U+005C",
    "https://example.com/\x00": "U+0000",
    "https://example.com/\x7f": "U+007F",
    "https://example.com/%0g": "%",
    "https://example.com/100%": "%",
    "https://exa%6dple.com/": "host",
    "https://127.0.0.1%2f@example.com/": "user name",
    "https://example.com/#@127.0.0.1/": "fragment",
    "https://example.com#": "fragment",
    "https://a<b>.com/": "U+003C",
    'https://example.com/"': "U+0022",
    "https://{host}/": "U+007B",
    # addresses in disguise
    "http://127.0.0.1/": "loopback",
    "http://127.1/": "192.0.2.1",
    "http://127.0.1/": "192.0.2.1",
    "http://0/": "192.0.2.1",
    "http://2130706433/": "192.0.2.1",
    "http://017700000001/": "192.0.2.1",
    "http://0x7f000001/": "192.0.2.1",
    "http://0x7f.0.0.1/": "192.0.2.1",
    "http://0X7F.1/": "192.0.2.1",
    "http://0177.0.0.1/": "192.0.2.1",
    "http://127.0.0.01/": "192.0.2.1",
    "http://127.0.0.0x1/": "192.0.2.1",
    "http://4294967296/": "192.0.2.1",
    "http://256.256.256.256/": "192.0.2.1",
    "http://1.2.3.4.5/": "192.0.2.1",
    "http://1.1.1.1.0x/": "192.0.2.1",
    "http://127.0.0.1./": "no name",
    "http://example.0x7f/": "192.0.2.1",
    "http://0.0.0.0/": "unspecified",
    "http://10.1.2.3/": "private",
    "http://172.31.255.255/": "private",
    "http://192.168.1.1/": "private",
    "http://100.64.0.1/": "carrier-grade NAT",
    "http://169.254.169.254/latest/meta-data/": "metadata",
    "http://169.254.1.1/": "link-local",
    "http://168.63.129.16/": "metadata",
    "http://100.100.100.200/": "metadata",
    "http://192.0.0.192/": "metadata",
    "http://198.18.0.1/": "benchmarking",
    "http://203.0.113.9/": "documentation",
    "http://224.0.0.1/": "multicast",
    "http://255.255.255.255/": "reserved",
    "http://[::1]/": "loopback",
    "http://[::]/": "unspecified",
    "http://[0:0:0:0:0:0:0:1]/": "loopback",
    "http://[::ffff:127.0.0.1]/": "IPv4-mapped",
    "http://[::ffff:a9fe:a9fe]/": "metadata",
    "http://[::ffff:0:127.0.0.1]/": "reserved",
    "http://[::127.0.0.1]/": "reserved",
    "http://[64:ff9b::7f00:1]/": "loopback",
    "http://[64:ff9b::169.254.169.254]/": "metadata",
    "http://[64:ff9b:1::1]/": "reserved",
    "http://[2002:7f00:1::]/": "6to4",
    "http://[2001:0:7f00:1::]/": "Teredo",
    "http://[2001:db8::1]/": "documentation",
    "http://[fd00::1]/": "private",
    "http://[fd00:ec2::254]/": "metadata",
    "http://[fe80::1]/": "link-local",
    "http://[fe80::1%25eth0]/": "zone",
    "http://[fe80::1%eth0]/": "%",
    "http://[::1%25lo]/": "zone",
    "http://[fec0::1]/": "site-local",
    "http://[ff02::1]/": "multicast",
    "http://[100::1]/": "reserved",
    "http://[v1.fe80::1]/": "192.0.2.1",
    "http://[127.0.0.1]/": "192.0.2.1",
    "http://[::1/": "host",
    "http://::1/": "host",
    "http://[::1]extra/": "host",
    "http://[]/": "192.0.2.1",
    # names that are none of the internet
    "http://localhost/": "name of the internet",
    "http://LOCALHOST/": "name of the internet",
    "http://app.localhost/": "name of the internet",
    "http://localhost./": "no name",
    "http://metadata.google.internal/computeMetadata/v1/": "name of the internet",
    "http://metadata/": "name of the internet",
    "http://instance-data/": "name of the internet",
    "http://printer.local/": "name of the internet",
    "http://router.home.arpa/": "name of the internet",
    "https://example.com./": "no name",
    "https://example..com/": "no name",
    "https://.example.com/": "no name",
    "https://-example.com/": "no name",
    "https://example-.com/": "no name",
    "https://exa!mple.com/": "no name",
    f"https://{'a' * 64}.com/": "no name",
    f"https://{'a.' * 126}com/": "no name",
    # international names: only as the ASCII that goes over the wire
    "https://bücher.example/": "U+00FC",
    "http://ⓛocalhost/": "U+24DB",
    "http://\uff4cocalhost/": "U+FF4C",
    "http://127。0。0。1/": "U+3002",
    "http://①②⑦.0.0.1/": "U+2460",
    "http://loc\u00adalhost.example/": "U+00AD",
    "http://\u202ehost.example/": "U+202E",
    "http://xn--ocalhost-in2e.example/": "no name",  # decodes to ⓛocalhost
    "http://xn--localhost-.example/": "no name",  # decodes to localhost itself
    "http://xn--.example/": "no name",
    "http://xn--a-ecp.ru/": "no name",  # decodes to a letter and a sign that NFKC changes
    # ports
    "http://example.com:22/": "port 22",
    "http://example.com:6379/": "port 6379",
    "https://example.com:8443/": "port 8443",
    "https://example.com:/": "port",
    "https://example.com:0/": "port",
    "https://example.com:0443/": "port",
    "https://example.com:65536/": "port",
    "https://example.com:99999999999/": "port",
    "https://example.com:-1/": "port",
    "https://example.com:443x/": "port",
    "https://example.com:80:443/": "port",
    # length
    f"https://example.com/{'a' * 2048}": "2048",
}

WELCOME = {
    "https://example.com": ("example.com", 443, "/"),
    "HTTPS://Example.COM/Hook": ("example.com", 443, "/Hook"),
    "https://example.com:443/a/b?c=d&e=%20": ("example.com", 443, "/a/b?c=d&e=%20"),
    "https://example.com?x=1": ("example.com", 443, "/?x=1"),
    "https://example.com:80/": ("example.com", 80, "/"),
    "https://a-b.example_c.co.uk/~u/;p=1": ("a-b.example_c.co.uk", 443, "/~u/;p=1"),
    "https://xn--bcher-kva.example/": ("xn--bcher-kva.example", 443, "/"),
    "https://xn--strae-oqa.example/": ("xn--strae-oqa.example", 443, "/"),
    "https://1e100.net/": ("1e100.net", 443, "/"),
    "https://example.com//..//../%2e%2e/": ("example.com", 443, "//..//../%2e%2e/"),
    "https://example.com/@me": ("example.com", 443, "/@me"),
    "https://93.184.216.34/": ("93.184.216.34", 443, "/"),
    "https://[2606:2800:0220::1946]/": ("2606:2800:220::1946", 443, "/"),
    "https://[64:ff9b::5db8:d822]/": ("64:ff9b::5db8:d822", 443, "/"),
}


def check(text: str, rules: EgressRules) -> None:
    rules.check_url(parse_webhook_url(text))


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(HOSTILE) > 130


@pytest.mark.parametrize(("text", "reason"), HOSTILE.items())
def test_a_hostile_url_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        check(text, DEVELOPMENT)

    assert reason in str(refused.value)


@pytest.mark.parametrize(("text", "parts"), WELCOME.items())
def test_a_good_url_is_taken_apart(text: str, parts: tuple[str, int, str]) -> None:
    url = parse_webhook_url(text)

    PRODUCTION.check_url(url)
    assert (url.host, url.port, url.target) == parts


def test_production_wants_https() -> None:
    check("http://example.com/", DEVELOPMENT)
    with pytest.raises(UrlRefused, match="https://"):
        check("http://example.com/", PRODUCTION)


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("https://example.com:443/", "example.com"),
        ("http://example.com:80/", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("https://[2606:2800:220::1]/", "[2606:2800:220::1]"),
        ("http://[2606:2800:220::1]:443/", "[2606:2800:220::1]:443"),
    ],
)
def test_the_host_header_names_the_port_where_it_must(text: str, authority: str) -> None:
    assert parse_webhook_url(text).authority == authority


ALLOWED = EgressRules((ip_network("127.0.0.0/8"), ip_network("0.0.0.0/0")), https_only=True)


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1:9000/", "http://10.0.0.1:22/", "http://receiver.local:9000/"]
)
def test_a_listed_network_lifts_the_rules_of_address_port_and_https(text: str) -> None:
    check(text, ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        "http://user@127.0.0.1/",
        "http://127.1/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1/#x",
        "http://127.0.0.1:0/",
        "http://169.254.169.254/",
        "http://[::1]/",
        "http://[2606:2800:220::1]/",  # public but not listed, so https
        "https://[2606:2800:220::1]:8443/",
    ],
)
def test_a_listed_network_lifts_nothing_else(text: str) -> None:
    with pytest.raises(UrlRefused):
        check(text, ALLOWED)
