#include "net/http1.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace net {
namespace {

/// Writes the events down, joining body pieces, so that runs can be compared.
class Recorder final : public Http1Decoder::Events {
  public:
    void on_head(RequestHead head) override {
        text +=
            "head " + head.method + " [" + head.authority + "] " + head.path + " ? " + head.query;
        for (const HeaderList::Field& f : head.headers.fields()) {
            text.append(" | ").append(f.name).append("=").append(f.value);
        }
        text += "\nbody ";
    }
    void on_body(base::Octets octets) override { text += base::as_text(octets); }
    void on_end(const HeaderList& trailers) override {
        text += "\nend";
        for (const HeaderList::Field& f : trailers.fields()) {
            text.append(" ").append(f.name).append("=").append(f.value);
        }
        text += "\n";
    }
    std::string text;
};

/// Feeds `input` in pieces of `step` octets.
std::string decode(std::string_view input, std::size_t step, const Http1Limits& limits = {}) {
    Recorder events;
    Http1Decoder decoder(limits, events);
    for (std::size_t at = 0; at < input.size(); at += step) {
        base::Octets piece = base::as_octets(input.substr(at, step));
        while (!piece.empty()) {
            const auto used = decoder.receive(piece);
            if (!used) return events.text + "refused " + std::to_string(used.error().status);
            piece = piece.subspan(*used);
        }
    }
    return events.text;
}

struct Accepted {
    const char* name;
    std::string input;
    std::string events;
};

const std::vector<Accepted> kAccepted = {
    {"plain", "GET /a?b=c HTTP/1.1\r\nHost: x:80\r\n\r\n",
     "head GET [x:80] /a ? b=c | host=x:80\nbody \nend\n"},
    {"value is trimmed", "GET / HTTP/1.1\r\nHost:   x\t \r\nA:\r\n\r\n",
     "head GET [x] / ?  | host=x | a=\nbody \nend\n"},
    {"length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
     "head POST [x] / ?  | host=x | content-length=5\nbody hello\nend\n"},
    {"chunks",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
     "3 ; a=b\r\nabc\r\n00a\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n",
     "head POST [x] / ?  | host=x | transfer-encoding=Chunked\nbody abc0123456789\nend x-t=1\n"},
    {"pipelined", "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
     "head GET [x] /1 ?  | host=x\nbody \nend\nhead GET [x] /2 ?  | host=x\nbody \nend\n"},
    {"absolute target", "GET http://y/p?q HTTP/1.1\r\nHost: x\r\n\r\n",
     "head GET [y] /p ? q | host=x\nbody \nend\n"},
    {"absolute without path", "GET http://y HTTP/1.1\r\nHost: x\r\n\r\n",
     "head GET [y] / ?  | host=x\nbody \nend\n"},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
     "head OPTIONS [x] * ?  | host=x\nbody \nend\n"},
    {"HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", "head GET [] / ? \nbody \nend\n"},
    {"length of GET", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
     "head GET [x] / ?  | host=x | content-length=3\nbody abc\nend\n"},
    {"length with zeros in front", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 003\r\n\r\nabc",
     "head POST [x] / ?  | host=x | content-length=003\nbody abc\nend\n"},
    {"a name that is nearly one of framing",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer_Encoding: chunked\r\nContent_Length: 3\r\n\r\n",
     "head POST [x] / ?  | host=x | transfer_encoding=chunked | content_length=3\nbody \nend\n"},
    {"obs-text", "GET / HTTP/1.1\r\nHost: x\r\nA: \xc3\xa4\r\n\r\n",
     "head GET [x] / ?  | host=x | a=\xc3\xa4\nbody \nend\n"},
};

TEST(Http1Decoder, ReadsTheSameHoweverTheOctetsAreCut) {
    for (const Accepted& row : kAccepted) {
        for (std::size_t step = 1; step <= row.input.size(); ++step) {
            ASSERT_EQ(decode(row.input, step), row.events) << row.name << " by " << step;
        }
    }
}

struct Refused {
    const char* name;
    int status;
    std::string input;
};

std::string with(const std::string& fields) {
    return "POST / HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n\r\n";
}
std::string chunked(const std::string& body) {
    return with("Transfer-Encoding: chunked") + body;
}

const std::vector<Refused> kRefused = {
    {"bare LF", 400, "GET / HTTP/1.1\nHost: x\n\n"},
    {"bare LF in a field", 400, with("A: b\nC: d")},
    {"CR inside a value", 400, with("A: b\rC: d")},
    {"NUL in a value", 400, with(std::string("A: b\0c", 6))},
    {"obs-fold", 400, with("A: b\r\n c")},
    {"fold before the first field", 400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"},
    {"space before the colon", 400, with("A : b")},
    {"tab before the colon", 400, with("A\t: b")},
    {"no colon", 400, with("A")},
    {"empty name", 400, with(": b")},
    {"odd name", 400, with("A(: b")},
    {"name of no ASCII", 400,
     with("\xef"
          "A: b")},
    {"NUL before a name", 400, with(std::string("\0Content-Length: 3", 18))},
    {"CR for a line's end", 400, "GET / HTTP/1.1\rHost: x\r\n\r\n"},
    {"CRs before the end", 400, "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n"},
    {"LF for a space", 400, "GET /\nHTTP/1.1\r\nHost: x\r\n\r\n"},
    {"form feed for a space", 400, "GET\f/ HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"space behind the version", 400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"},
    {"space before the method", 400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"version with more digits", 400, "GET / HTTP/1.10\r\nHost: x\r\n\r\n"},
    {"version with zeros", 400, "GET / HTTP/01.1\r\nHost: x\r\n\r\n"},
    {"version with a comma", 400, "GET / HTTP/1,1\r\nHost: x\r\n\r\n"},
    {"Host with a comma", 400, "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n"},
    {"Host with a tab within", 400, "GET / HTTP/1.1\r\nHost: x\ty\r\n\r\n"},
    {"Host with a query", 400, "GET / HTTP/1.1\r\nHost: x?y\r\n\r\n"},
    {"Host with a backslash", 400, "GET / HTTP/1.1\r\nHost: x\\y\r\n\r\n"},
    {"no Host", 400, "GET / HTTP/1.1\r\n\r\n"},
    {"two Hosts", 400, with("Host: x")},
    {"Host with user information", 400, "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n"},
    {"Host with a space", 400, "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"},
    {"two Hosts that are equal", 400, "GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n"},
    {"no Host for an absolute target", 400, "GET http://y/ HTTP/1.1\r\n\r\n"},
    {"absolute target with user information", 400, "GET http://u@y/ HTTP/1.1\r\nHost: y\r\n\r\n"},
    {"absolute target without a host", 400, "GET http:///a HTTP/1.1\r\nHost: y\r\n\r\n"},
    {"asterisk for another method", 400, "GET * HTTP/1.1\r\nHost: y\r\n\r\n"},
    {"Host with a path", 400, "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"},
    {"length and chunks", 400, with("Content-Length: 3\r\nTransfer-Encoding: chunked")},
    {"two lengths", 400, with("Content-Length: 3\r\nContent-Length: 4")},
    {"two equal lengths", 400, with("Content-Length: 3\r\nContent-Length: 3")},
    {"list of lengths", 400, with("Content-Length: 3, 3")},
    {"signed length", 400, with("Content-Length: +3")},
    {"negative length", 400, with("Content-Length: -3")},
    {"hexadecimal length", 400, with("Content-Length: 0x3")},
    {"empty length", 400, with("Content-Length:")},
    {"length with a fraction", 400, with("Content-Length: 3.0")},
    {"length with a space within", 400, with("Content-Length: 3 0")},
    {"length beyond all bounds", 400, with("Content-Length: 99999999999999999999")},
    {"unknown coding", 400, with("Transfer-Encoding: gzip")},
    {"empty coding", 400, with("Transfer-Encoding:")},
    {"identity", 400, with("Transfer-Encoding: identity")},
    {"chunked with a parameter", 400, with("Transfer-Encoding: chunked;q=1")},
    {"chunked not last", 400, with("Transfer-Encoding: chunked, gzip")},
    {"chunked not alone", 400, with("Transfer-Encoding: gzip, chunked")},
    {"chunked twice", 400, with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")},
    {"disguised chunked", 400,
     with("Transfer-Encoding: \x0b"
          "chunked")},
    {"chunked and identity", 400,
     with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity")},
    {"chunked and an empty coding", 400, with("Transfer-Encoding: chunked,")},
    {"an empty coding and chunked", 400, with("Transfer-Encoding: ,chunked")},
    {"chunked and nothing", 400, with("Transfer-Encoding: chunked\r\nTransfer-Encoding:")},
    {"chunked on a folded line", 400, with("Transfer-Encoding:\r\n chunked")},
    {"chunked above a folded line", 400, with("Transfer-Encoding: chunked\r\n identity")},
    {"another letter's case by Unicode", 400,
     with("Transfer-Encoding: chun\xe2\x84\xaa"
          "ed")},
    {"length and an unknown coding", 400, with("Content-Length: 3\r\nTransfer-Encoding: x")},
    {"length below a fold", 400, with("A: b\r\n Content-Length: 3")},
    {"length with a digit's separator", 400, with("Content-Length: 1_0")},
    {"length with a semicolon", 400, with("Content-Length: 3;")},
    {"length with NUL", 400, with(std::string("Content-Length: 3\0", 18))},
    {"length with an odd space", 400,
     with("Content-Length: \xa0"
          "3")},
    {"length in quotes", 400, with("Content-Length: \"3\"")},
    {"quoted chunked", 400, with("Transfer-Encoding: \"chunked\"")},
    {"chunks in HTTP/1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"chunk size without digits", 400, chunked("\r\n")},
    {"chunk size with a sign", 400, chunked("+3\r\nabc\r\n")},
    {"chunk size with 0x", 400, chunked("0x3\r\nabc\r\n")},
    {"chunk size with a digit's separator", 400, chunked("0_3\r\nabc\r\n")},
    {"chunk size behind a space", 400, chunked(" 3\r\nabc\r\n")},
    {"chunk size with NUL", 400, chunked(std::string("3\0\r\nabc\r\n", 9))},
    {"chunk size that is none of hexadecimal digits", 400, chunked("3g\r\nabc\r\n")},
    {"bare LF in a chunk's extension", 400, chunked("3;a\nb\r\nabc\r\n")},
    {"extension that ends in bare LF", 400, chunked("3;\nabc\r\n0\r\n\r\n")},
    {"bare CR in a chunk's extension", 400, chunked("3;a\rb\r\nabc\r\n")},
    {"two octets for the CRLF of a chunk", 400, chunked("3\r\nabcXX0\r\n\r\n")},
    {"LF CR for the CRLF of a chunk", 400, chunked("3\r\nabc\n\r0\r\n\r\n")},
    {"empty line between chunks", 400, chunked("3\r\nabc\r\n\r\n0\r\n\r\n")},
    {"last chunk that ends in bare LF", 400, chunked("0\n\r\n")},
    {"end of chunks in bare LF", 400, chunked("0\r\n\n")},
    {"bare LF in trailers", 400, chunked("0\r\nA: b\nC: d\r\n\r\n")},
    {"garbage for trailers", 400, chunked("0\r\nXX\r\n\r\n")},
    {"chunk size beyond all bounds", 400, chunked("fffffffffffffffff\r\n")},
    {"chunk without its end", 400, chunked("3\r\nabc3\r\nabc\r\n0\r\n\r\n")},
    {"last chunk of a sign", 400, chunked("-0\r\n\r\n")},
    {"chunk line with CR alone", 400, chunked("3\rabc\r\n")},
    {"NUL in a chunk's extension", 400, chunked(std::string("3;a\0b\r\nabc\r\n", 13))},
    {"fold in trailers", 400, chunked("0\r\nA: b\r\n c\r\n\r\n")},
    {"Transfer-Encoding in trailers", 400, chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n")},
    {"chunk longer than it says", 400, chunked("3\r\nabcd\r\n")},
    {"chunk line with bare LF", 400, chunked("3\nabc\r\n")},
    {"chunk data with bare LF", 400, chunked("3\r\nabc\n")},
    {"garbage behind a chunk size", 400, chunked("3 abc\r\nabc\r\n")},
    {"endless chunk line", 400, chunked("3;" + std::string(300, 'a'))},
    {"framing in trailers", 400, chunked("0\r\nContent-Length: 3\r\n\r\n")},
    {"Host in trailers", 400, chunked("0\r\nHost: y\r\n\r\n")},
    {"space in the target", 400, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"fragment in the target", 400, "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"octets above ASCII in the target", 400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"relative target", 400, "GET a HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"other scheme", 400, "GET ftp://y/ HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"no version", 400, "GET /\r\nHost: x\r\n\r\n"},
    {"two spaces", 400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"tab for a space", 400, "GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n"},
    {"method is no token", 400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"small letters", 400, "GET / http/1.1\r\nHost: x\r\n\r\n"},
    {"other version", 505, "GET / HTTP/1.2\r\nHost: x\r\n\r\n"},
    {"HTTP/2 by name", 505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"},
    {"CONNECT", 501, "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n"},
    {"other expectation", 417, with("Expect: miracles")},
    {"long request line", 414, "GET /" + std::string(20000, 'a') + " HTTP/1.1\r\n"},
    {"long field", 431, with("A: " + std::string(20000, 'a'))},
};

TEST(Http1Decoder, RefusesWhatCouldBeReadInTwoWays) {
    for (const Refused& row : kRefused) {
        for (const std::size_t step : {std::size_t{1}, std::size_t{7}, row.input.size()}) {
            const std::string events = decode(row.input, step);
            EXPECT_TRUE(events.ends_with("refused " + std::to_string(row.status)))
                << row.name << " by " << step << ": " << events;
        }
    }
}

// Whatever octet comes into a line of framing, nobody reads a message without that body: it is
// refused, has the same body, or the name is another one to everybody.
TEST(Http1Decoder, NoOctetHidesTheFraming) {
    struct Line {
        std::string_view field, name, value, body, end;
    };
    for (const Line& line :
         {Line{"Transfer-Encoding: chunked", "transfer-encoding", "chunked", "1\r\nx\r\n0\r\n\r\n",
               "\nbody x\nend\n"},
          Line{"Content-Length: 5", "content-length", "5", "xxxxx", "\nbody xxxxx\nend\n"}}) {
        for (std::size_t at = 0; at <= line.field.size(); ++at) {
            for (unsigned octet = 0; octet < 256; ++octet) {
                for (const bool replaces : {false, true}) {
                    std::string field(line.field);
                    if (replaces && at == field.size()) continue;
                    field.replace(at, replaces ? 1 : 0, 1, static_cast<char>(octet));
                    const std::string text = "POST / HTTP/1.1\r\nHost: x\r\n" + field + "\r\n\r\n" +
                                             std::string(line.body);
                    const std::string events = decode(text, text.size());
                    if (events.ends_with("refused 400") || events.ends_with(line.end)) continue;
                    const std::size_t begin = events.find(" | ", events.find("host=x")) + 3;
                    const std::string seen = events.substr(begin, events.find('=', begin) - begin);
                    const bool digit = line.value == "5" && octet >= '0' && octet <= '9';
                    EXPECT_TRUE(digit || (is_token(seen) && seen != line.name))
                        << octet << " at " << at << ": " << events;
                }
            }
        }
    }
}

TEST(Http1Decoder, LimitsTheHead) {
    std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < 200; ++i) many += "A" + std::to_string(i) + ": b\r\n";
    EXPECT_TRUE(decode(many + "\r\n", 1000).ends_with("refused 431"));
    std::string large = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < 8; ++i) large += "A: " + std::string(10000, 'b') + "\r\n";
    EXPECT_TRUE(decode(large + "\r\n", 1000).ends_with("refused 431"));
}

TEST(Http1Decoder, LimitsChunkExtensions) {
    std::string body;
    for (int i = 0; i < 100; ++i) body += "1;" + std::string(100, 'e') + "\r\nx\r\n";
    EXPECT_TRUE(decode(chunked(body), 1000).ends_with("refused 400"));
}

TEST(Http1Decoder, StopsAtTheEndOfAMessage) {
    Recorder events;
    Http1Decoder decoder({}, events);
    const std::string two = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2";
    EXPECT_TRUE(decoder.idle());
    const auto used = decoder.receive(base::as_octets(two));
    ASSERT_TRUE(used);
    EXPECT_EQ(*used, two.size() - 6);
    EXPECT_TRUE(decoder.idle());
}

// The writer.

std::string written(Http1Writer::Request request, const ResponseHead& head,
                    std::vector<std::string> body, bool* keep = nullptr) {
    Http1Writer writer(request);
    std::string out;
    ResponseHead dated = head;
    dated.headers.add("date", "D");
    writer.respond(dated, false, out);
    for (const std::string& piece : body) writer.write(base::as_octets(piece), out);
    writer.finish({}, out);
    if (keep != nullptr) *keep = writer.keep_alive();
    return out;
}

ResponseHead head_of(int status, const std::string& length = {}) {
    ResponseHead head;
    head.status = status;
    if (!length.empty()) head.headers.add("Content-Length", length);
    return head;
}

TEST(Http1Writer, FramesByLengthChunksOrClose) {
    EXPECT_EQ(written({}, head_of(200, "2"), {"a", "b"}),
              "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 2\r\n\r\nab");
    EXPECT_EQ(written({}, head_of(200), {"a", "", "bc"}),
              "HTTP/1.1 200 OK\r\ndate: D\r\ntransfer-encoding: chunked\r\n\r\n"
              "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
    bool keep = true;
    EXPECT_EQ(written({false, true, true}, head_of(200), {"ab"}, &keep),
              "HTTP/1.1 200 OK\r\ndate: D\r\nconnection: close\r\n\r\nab");
    EXPECT_FALSE(keep);
}

TEST(Http1Writer, NoBodyWhereThereMustBeNone) {
    EXPECT_EQ(written({}, head_of(204), {"x"}), "HTTP/1.1 204 No Content\r\ndate: D\r\n\r\n");
    EXPECT_EQ(written({}, head_of(304, "7"), {"x"}),
              "HTTP/1.1 304 Not Modified\r\ndate: D\r\ncontent-length: 7\r\n\r\n");
    EXPECT_EQ(written({true, false, true}, head_of(200, "7"), {"x"}),
              "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 7\r\n\r\n");
}

TEST(Http1Writer, WrongLengthEndsTheConnection) {
    bool keep = true;
    EXPECT_TRUE(written({}, head_of(200, "2"), {"abc"}, &keep).ends_with("\r\n\r\nab"));
    EXPECT_FALSE(keep);
    EXPECT_TRUE(written({}, head_of(200, "4"), {"abc"}, &keep).ends_with("\r\n\r\nabc"));
    EXPECT_FALSE(keep);
}

TEST(Http1Writer, FieldsCannotBreakOut) {
    ResponseHead head = head_of(200, "0");
    head.headers.add("x", "a\r\nSet-Cookie: b");
    head.headers.add("bad name", "c");
    head.headers.add("transfer-encoding", "chunked");
    EXPECT_EQ(written({}, head, {}), "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 0\r\n\r\n");
}

TEST(Http1Writer, DateIsAsTheRfcWritesIt) {
    const std::string date(http_date());
    EXPECT_EQ(date.size(), 29U) << date;
    EXPECT_TRUE(date.ends_with(" GMT"));
    EXPECT_EQ(date.substr(3, 2), ", ");
}

TEST(HeaderList, FindsNamesAndTokensWithoutCase) {
    HeaderList list;
    list.add("Connection", " keep-alive ,  Upgrade ");
    list.add("A", "1");
    list.add("a", "2");
    EXPECT_TRUE(list.has_token("connection", "upgrade"));
    EXPECT_FALSE(list.has_token("connection", "up"));
    EXPECT_EQ(list.get("A"), "1");
    list.set("a", "3");
    EXPECT_EQ(list.get("a"), "3");
    EXPECT_EQ(list.fields().size(), 2U);
    EXPECT_FALSE(list.get("b"));
}

TEST(HeaderList, ValuesOfOtherLengthsLeaveTheirNeighboursAsTheyAre) {
    HeaderList list;
    const auto text = [&] {
        std::string out;
        for (const HeaderList::Field& f : list.fields()) {
            out.append(f.name).append("=").append(f.value).append(";");
        }
        return out;
    };
    list.add("First", "1");
    list.add("second", "22");
    list.add("third", "333");
    list.set("FIRST", " longer than before ");
    EXPECT_EQ(text(), "first=longer than before;second=22;third=333;");
    list.set("second", "");
    EXPECT_EQ(text(), "first=longer than before;second=;third=333;");
    list.set("first", std::string(1000, 'x'));
    list.set("first", "1");
    EXPECT_EQ(text(), "first=1;second=;third=333;");
    list.add("second", "again");
    list.add("fourth", "4");
    list.add("second", "and again");
    list.set("second", "once");
    EXPECT_EQ(text(), "first=1;second=once;third=333;fourth=4;");
    list.clear();
    EXPECT_EQ(text(), "");
    list.add("a", "b");
    EXPECT_EQ(text(), "a=b;");
}

TEST(HeaderList, TakesWhatItHolds) {
    HeaderList list;
    list.add("name", "value");
    while (list.fields().size() < 100) list.add((*list.fields().begin()).name, "x");
    list.set((*list.fields().begin()).name, (*list.fields().begin()).value);
    EXPECT_EQ(list.fields().size(), 1U);
    EXPECT_EQ(list.get("name"), "value");
    for (int doubled = 0; doubled < 10; ++doubled) list.add(*list.get("name"), *list.get("name"));
    EXPECT_EQ(list.get("value"), "value");
    EXPECT_EQ(list.fields().size(), 11U);
}

TEST(PercentDecode, RefusesHalfCodes) {
    EXPECT_EQ(percent_decode("a%2Fb%c3%A4"), "a/b\xc3\xa4");
    EXPECT_FALSE(percent_decode("%"));
    EXPECT_FALSE(percent_decode("%2"));
    EXPECT_FALSE(percent_decode("%zz"));
}

}  // namespace
}  // namespace net
