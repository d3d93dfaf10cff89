"""Messages, their fields and how these are coded: RFC 9113, 8, and RFC 7541."""
from http2_frames import (COMPRESSION_ERROR, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, NO_ERROR, PROTOCOL_ERROR,
                          RST_STREAM, SETTINGS, block, frame, integer, literal, request, status_of, string)
from http2_table import BODY, WHOLE, case, get, post


# 8.1, messages

@case("8.1", "trailers")
def _(h2):
    post(h2)
    h2.send(frame(DATA, 0, 1, b"{}"), frame(HEADERS, WHOLE, 1, block(("x-sum", "1"))))
    assert h2.status() == 422


@case("8.1", "a second HEADERS that does not end the stream")
def _(h2):
    post(h2)
    h2.send(frame(DATA, 0, 1, b"{}"), frame(HEADERS, END_HEADERS, 1, block(("x-sum", "1"))))
    h2.malformed()


@case("8.1", "HEAD has no DATA")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, request("HEAD")))
    assert h2.answer() == (200, b"")


def refused(h2, *more):
    """A request that is answered before its body is sent."""
    h2.send(frame(HEADERS, END_HEADERS, 1, request("POST", "/healthz", *more)))
    assert h2.status() == 405


@case("8.1.1", "content-length and other DATA, after the answer")
def _(h2):
    refused(h2, ("content-length", "1"))
    h2.send(frame(DATA, END_STREAM, 1, b"four"))
    h2.stream_error(1, PROTOCOL_ERROR)


@case("8.1", "trailers that do not end the stream, after the answer")
def _(h2):
    refused(h2)
    h2.send(frame(DATA, 0, 1, b"four"), frame(HEADERS, END_HEADERS, 1, block(("x-sum", "1"))))
    h2.stream_error(1, PROTOCOL_ERROR)


@case("8.3", "a pseudo-field in trailers, after the answer")
def _(h2):
    refused(h2)
    h2.send(frame(DATA, 0, 1, b"four"), frame(HEADERS, WHOLE, 1, block((":method", "POST"))))
    h2.stream_error(1, PROTOCOL_ERROR)


for _length, _sizes in (("1", (2,)), ("3", (2,)), ("5", (2, 4)), ("x", (2,)), ("-1", (2,)), ("", (2,)),
                        ("18446744073709551617", (1,))):
    @case("8.1.1", "content-length %r and DATA of %s octets" % (_length, " + ".join(map(str, _sizes))))
    def _(h2, length=_length, sizes=_sizes):
        post(h2, 1, ("content-length", length))
        for size in sizes[:-1]:
            h2.send(frame(DATA, 0, 1, b" " * size))
        h2.send(frame(DATA, END_STREAM, 1, b" " * sizes[-1]))
        h2.malformed()


@case("8.1.1", "content-length and no DATA at all")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, request("POST", "/v1/zones", ("content-length", "5"))))
    h2.malformed()


@case("8.1.1", "content-length twice")
def _(h2):
    post(h2, 1, ("content-length", "2"), ("content-length", "3"))
    h2.send(frame(DATA, END_STREAM, 1, b"{}"))
    h2.malformed()


# 8.2, fields

for _name in ("X-Upper", "x y", "x\x7f", "x\0", "x\r", "x\xe4", "", "x:", "x\t"):
    @case("8.2.1", "a field is called %r" % _name)
    def _(h2, name=_name):
        get(h2, 1, (name, "1"))
        h2.malformed()

for _value in ("a\0b", "a\nb", "a\rb", "a\r\nx: y", " a", "a ", "\ta", "a\t"):
    @case("8.2.1", "a field holds %r" % _value)
    def _(h2, value=_value):
        get(h2, 1, ("x", value))
        h2.malformed()

for _name, _value in (("connection", "close"), ("connection", "keep-alive"), ("proxy-connection", "keep-alive"),
                      ("keep-alive", "5"), ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("te", "gzip"),
                      ("te", "trailers, deflate;q=0.5")):
    @case("8.2.2", "%s: %s" % (_name, _value))
    def _(h2, name=_name, value=_value):
        get(h2, 1, (name, value))
        h2.malformed()


@case("8.2.2", "te: trailers is allowed")
def _(h2):
    get(h2, 1, ("te", "trailers"))
    assert h2.answer() == (200, BODY)


@case("8.2.3", "a cookie in crumbs is one")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, request("GET", "/v1/session", ("cookie", "a=b"), ("cookie", h2.cookie),
                                             ("cookie", "c=d"))))
    assert h2.status() == 200


# 8.3, control data

GOOD = {":method": "GET", ":scheme": "http", ":path": "/healthz", ":authority": "test.example"}


def fields(h2, *pairs, stream=1):
    h2.send(frame(HEADERS, WHOLE, stream, block(*pairs)))


for _name, _value in ((":unknown", "1"), (":status", "200"), (":Method", "GET"), (":", "1")):
    @case("8.3", "a pseudo-field %s" % _name)
    def _(h2, name=_name, value=_value):
        fields(h2, *GOOD.items(), (name, value))
        h2.malformed()

for _name in GOOD:
    @case("8.3", "%s behind other fields" % _name)
    def _(h2, name=_name):
        fields(h2, *((each, GOOD[each]) for each in GOOD if each != name), ("x", "y"), (name, GOOD[name]))
        h2.malformed()

    @case("8.3.1", "%s twice" % _name)
    def _(h2, name=_name):
        fields(h2, *GOOD.items(), (name, GOOD[name]))
        h2.malformed()

    @case("8.1", "%s in trailers" % _name)
    def _(h2, name=_name):
        post(h2)
        h2.send(frame(DATA, 0, 1, b"{}"), frame(HEADERS, WHOLE, 1, block((name, GOOD[name]))))
        h2.malformed()

for _name in (":method", ":scheme", ":path"):
    @case("8.3.1", "no %s" % _name)
    def _(h2, name=_name):
        fields(h2, *((each, GOOD[each]) for each in GOOD if each != name))
        h2.malformed()

for _name, _value in ((":path", ""), (":path", "healthz"), (":path", "*"), (":path", "/a b"), (":path", "/a#b"),
                      (":path", "/\x7f"), (":path", "/\xe4"), (":method", ""), (":method", "G T"), (":scheme", ""),
                      (":scheme", "ht tp"), (":authority", "user@test.example"), (":authority", "a b"),
                      (":authority", "a/b")):
    @case("8.3.1", "%s is %r" % (_name, _value))
    def _(h2, name=_name, value=_value):
        fields(h2, *(dict(GOOD, **{name: value})).items())
        h2.malformed()


@case("8.3.1", "host instead of :authority")
def _(h2):
    fields(h2, *((each, GOOD[each]) for each in GOOD if each != ":authority"), ("host", "test.example"))
    assert h2.answer() == (200, BODY)


@case("8.3.1", "host says what :authority says")
def _(h2):
    fields(h2, *GOOD.items(), ("host", "TEST.example"))
    assert h2.answer() == (200, BODY)


@case("8.3.1", "host is another than :authority")
def _(h2):
    fields(h2, *GOOD.items(), ("host", "other.example"))
    h2.malformed()


@case("8.3.1", "host twice")
def _(h2):
    fields(h2, *GOOD.items(), ("host", "test.example"), ("host", "other.example"))
    h2.malformed()


@case("8.3.1", "neither host nor :authority")
def _(h2):
    fields(h2, *((each, GOOD[each]) for each in GOOD if each != ":authority"))
    h2.malformed()


@case("8.5", "CONNECT with :scheme and :path")
def _(h2):
    fields(h2, *(dict(GOOD, **{":method": "CONNECT"})).items())
    h2.malformed()


@case("8.5", "CONNECT without :authority")
def _(h2):
    fields(h2, (":method", "CONNECT"))
    h2.malformed()


@case("8.5", "CONNECT, which nobody does here")
def _(h2):
    fields(h2, (":method", "CONNECT"), (":authority", "test.example:80"))
    assert h2.status() in (405, 501)


# RFC 8441, CONNECT that says what for

CONNECTS = dict(GOOD, **{":method": "CONNECT", ":protocol": "websocket", ":path": "/v1/feed"})


@case("8441 3", "SETTINGS say that it is there")
def _(h2):
    h2.lives()
    said = b"".join(each.payload for each in h2.frames if each.kind == SETTINGS)
    assert b"\x00\x08\x00\x00\x00\x01" in [said[at:at + 6] for at in range(0, len(said), 6)], said


@case("8441 4", "another :protocol, which nobody does here")
def _(h2):
    fields(h2, *dict(CONNECTS, **{":protocol": "connect-udp"}).items())
    assert h2.status() == 501


@case("8441 4", ":protocol without CONNECT")
def _(h2):
    fields(h2, *dict(CONNECTS, **{":method": "GET"}).items())
    h2.malformed()


for _name in (":scheme", ":path", ":authority"):
    @case("8441 4", "CONNECT with :protocol and without %s" % _name)
    def _(h2, name=_name):
        fields(h2, *((each, CONNECTS[each]) for each in CONNECTS if each != name))
        h2.malformed()

for _name, _fields in (("twice", ((":protocol", "websocket"),)), ("behind other fields", ())):
    @case("8441 4", ":protocol %s" % _name)
    def _(h2, more=_fields):
        if more:
            fields(h2, *CONNECTS.items(), *more)
        else:
            fields(h2, *((each, CONNECTS[each]) for each in CONNECTS if each != ":protocol"), ("x", "y"),
                   (":protocol", "websocket"))
        h2.malformed()


@case("8441 4", ":protocol in trailers")
def _(h2):
    post(h2)
    h2.send(frame(DATA, 0, 1, b"{}"), frame(HEADERS, WHOLE, 1, block((":protocol", "websocket"))))
    h2.malformed()


for _what, _path, _more, _status in (
        ("without a version", "/v1/feed", (), 400),
        ("of another version", "/v1/feed", (("sec-websocket-version", "8"),), 400),
        ("without a token", "/v1/feed", (("sec-websocket-version", "13"),), 401),
        ("where there is none", "/v1/zones", (("sec-websocket-version", "13"),), 405),
        ("where there is nothing", "/nothing", (("sec-websocket-version", "13"),), 404)):
    @case("8441 5", "a WebSocket %s" % _what)
    def _(h2, path=_path, more=_more, status=_status):
        h2.send(frame(HEADERS, END_HEADERS, 1, block(*dict(CONNECTS, **{":path": path}).items(), *more)),
                frame(DATA, 0, 1, b"not read"))
        assert h2.answer()[0] == status
        h2.stream_error(1, NO_ERROR)  # the client is told to leave it (9113, 8.1)


@case("8.1.1", "malformed requests do no harm to those beside them")
def _(h2):
    bad = range(1, 21, 4)
    good = range(3, 21, 4)
    h2.send(*(frame(HEADERS, WHOLE, stream, request("GET", "/healthz", ("x", "\0" if stream in bad else "a")))
              for stream in range(1, 21, 2)))
    outcomes = {}
    while len(outcomes) < 10:
        each = h2.expect(lambda one: one.kind in (RST_STREAM, GOAWAY) or
                         one.kind == HEADERS and status_of(one.payload) >= 200, "answers and errors")
        assert each.kind != GOAWAY, each
        outcomes.setdefault(each.stream, status_of(each.payload) if each.kind == HEADERS else -each.code)
    assert all(outcomes[stream] in (400, -PROTOCOL_ERROR) for stream in bad), outcomes
    assert all(outcomes[stream] == 200 for stream in good), outcomes


# RFC 7541

for _section, _what, _octets in (
        ("2.3.3", "index 0", b"\x80"), ("2.3.3", "an index beyond both tables", b"\xbe"),
        ("2.3.3", "a name beyond both tables", b"\x7f\x05" + string(b"v")),
        ("4.2", "the table's size changes at the end of a block", b"\x20"),
        ("5.1", "an integer without an end", b"\xff" + b"\x80" * 12 + b"\x01"),
        ("5.1", "an integer that is cut off", b"\xff\x80"),
        ("5.2", "a Huffman code with more than 7 bits of padding", b"\0" + string(b"x") + b"\x82\x07\xff"),
        ("5.2", "a Huffman code with padding of zeros", b"\0" + string(b"x") + b"\x81\0"),
        ("5.2", "a Huffman code with the end of strings", b"\0" + string(b"x") + b"\x84\xff\xff\xff\xff"),
        ("5.2", "a string longer than its block", b"\0" + integer(100, 7) + b"x"),
        ("6.1", "index 0 after others", b"\x82\x80"),
        ("6.2.2", "a field without its value", b"\0" + string(b"x")),
        ("6.3", "a table larger than allowed", integer(4097, 5, 0x20) + b"\x82")):
    @case("HPACK " + _section, _what)
    def _(h2, octets=_octets, first=_what.startswith("a table larger")):
        h2.send(frame(HEADERS, WHOLE, 1, octets if first else request() + octets))
        h2.connection_error(COMPRESSION_ERROR)


for _what, _octets in (
        ("of the static table, without a value", b"\xba"),
        ("with a name of the static table, to be kept", b"\x7a" + string(b"other")),
        ("with a name of the static table", b"\x0f\x2b" + string(b"other")),
        ("with a name of the static table, never to be kept", b"\x1f\x2b" + string(b"other")),
        ("to be kept", b"\x40" + string(b"x") + string(b"other")), ("not to be kept", literal(b"x", b"other")),
        ("never to be kept", b"\x10" + string(b"x") + string(b"other")), ("that is empty", literal(b"x", b""))):
    @case("HPACK 6", "a field " + _what)
    def _(h2, octets=_octets):
        h2.send(frame(HEADERS, WHOLE, 1, request() + octets))
        assert h2.answer() == (200, BODY)


@case("HPACK 4.2", "the table's size may change at the beginning of a block, twice")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, b"\x20" + integer(4096, 5, 0x20) + request()))
    assert h2.answer() == (200, BODY)


@case("HPACK 4.3", "what a smaller table evicts is gone")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, request() + b"\x40" + string(b"x-kept") + string(b"1")))
    assert h2.answer(1) == (200, BODY)
    h2.send(frame(HEADERS, WHOLE, 3, request() + b"\xbe"))
    assert h2.answer(3) == (200, BODY)
    h2.send(frame(HEADERS, WHOLE, 5, b"\x20" + request() + b"\xbe"))
    h2.connection_error(COMPRESSION_ERROR)


@case("HPACK 4.4", "a field larger than the table empties it and is no error")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, request() + b"\x40" + string(b"x-kept") + string(b"1") +
                  b"\x40" + string(b"x-long") + string(b"l" * 5000)))
    assert h2.answer(1) == (200, BODY)
    h2.send(frame(HEADERS, WHOLE, 3, request() + b"\xbe"))
    h2.connection_error(COMPRESSION_ERROR)


@case("HPACK 5.2", "Huffman codes and every kind of field")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, b"\x82\x86" + b"\x04" + string(b"/healthz") + b"\x41" + string(b"test.example") +
                  b"\x10" + string(b"x") + b"\x81\x07" + b"\x40" + string(b"y") + b"\x81\x0f"))
    assert h2.answer() == (200, BODY)


@case("HPACK 6.2.1", "a name of the dynamic table with another value")
def _(h2):
    h2.send(frame(HEADERS, WHOLE, 1, b"\x82\x86" + b"\x41" + string(b"test.example") +
                  b"\x44" + string(b"/nothing")))
    assert h2.answer()[0] == 404
    h2.send(frame(HEADERS, WHOLE, 3, b"\x82\x86\xbf" + integer(62, 4) + string(b"/healthz")))
    assert h2.answer(3) == (200, BODY)
