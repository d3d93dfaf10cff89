#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace zones_test {

enum class Verdict : std::uint8_t { Clean, Warned, Refused };

inline std::ostream& operator<<(std::ostream& out, Verdict verdict) {
    return out << (verdict == Verdict::Clean    ? "clean"
                   : verdict == Verdict::Warned ? "warned"
                                                : "refused");
}

struct Row {
    std::string what;
    std::string zone;
    Verdict verdict;
    std::string differs = {};  // why named-checkzone's verdict is another
};

inline const std::string kSoa = "$TTL 300\n@ SOA ns1 h 1 7200 3600 1209600 300\n";
inline const std::string kHead = kSoa + "@ NS ns1\nns1 A 192.0.2.1\n";

inline std::string hex(std::size_t octets) {
    std::string out;
    for (std::size_t i = 0; i < octets; ++i) out += "AB";
    return out;
}

inline std::string texts(int count) {
    std::string out;
    for (int i = 0; i < count; ++i) {
        out += "t TXT \"" + std::to_string(1000 + i) + std::string(240, 'x') + "\"\n";
    }
    return out;
}

/// Small zones for the apex `example.`, with the verdict on each.
inline const std::vector<Row>& rows() {
    static const std::vector<Row> kRows = {
        {"ok", kHead, Verdict::Clean},
        {"cname other", kHead + "a CNAME b\na TXT x\n", Verdict::Refused},
        {"cname two", kHead + "a CNAME b\na CNAME c\n", Verdict::Refused},
        {"cname same twice", kHead + "a CNAME b\na CNAME b\n", Verdict::Warned,
         "RFC 2181, 5: there is no such thing as a record twice: said"},
        {"cname+rrsig nsec", kHead + "a CNAME b\na NSEC b CNAME\n", Verdict::Clean},
        {"cname+dnskey", kHead + "a CNAME b\na KEY 256 3 8 AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Clean},
        {"cname+DNSKEY", kHead + "a CNAME b\na DNSKEY 256 3 8 AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Refused},
        {"cname+sig",
         kHead + "a CNAME b\na SIG A 8 2 300 20300101000000 20200101000000 1 example. "
                 "AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Warned},
        {"cname+dname", kHead + "a CNAME b\na DNAME c\n", Verdict::Refused},
        {"dname two", kHead + "a DNAME b\na DNAME c\n", Verdict::Refused},
        {"dname below", kHead + "a DNAME b\nx.a A 192.0.2.1\n", Verdict::Refused,
         "RFC 6672, 2.4: a server MAY refuse to load a zone that has data below a DNAME"},
        {"dname apex", kSoa + "@ NS ns1.other.\n@ DNAME other.\n", Verdict::Clean},
        {"dname apex below", kHead + "@ DNAME other.\n", Verdict::Refused},
        {"dname+ns", kHead + "a DNAME b\na NS ns1\n", Verdict::Warned,
         "RFC 6672, 2.3: a DNAME MUST NOT appear beside NS unless at the apex: said"},
        {"dname+A", kHead + "a DNAME b\na A 192.0.2.2\n", Verdict::Clean},
        {"dname wildcard", kHead + "*.a DNAME b.other.\n", Verdict::Warned,
         "RFC 4592, 4.4: non-terminal wildcard DNAMEs are discouraged: said"},
        {"ns wildcard", kHead + "*.a NS ns1\n", Verdict::Warned,
         "RFC 4592, 4.2: NS at wildcards are discouraged, but not barred"},
        {"no soa", "$TTL 300\n@ NS ns1\nns1 A 192.0.2.1\n", Verdict::Refused},
        {"two soa", kHead + "@ SOA ns2 h 1 7200 3600 1209600 300\n", Verdict::Refused},
        {"same soa twice", kHead + "@ SOA ns1 h 1 7200 3600 1209600 300\n", Verdict::Warned,
         "RFC 2181, 5: there is no such thing as a record twice: said"},
        {"soa below", kHead + "a SOA ns1 h 1 7200 3600 1209600 300\n", Verdict::Refused},
        {"no ns", kSoa + "ns1 A 192.0.2.1\n", Verdict::Refused},
        {"apex cname", kSoa + "@ NS ns1.other.\n@ CNAME x\n", Verdict::Refused},
        {"soa not first",
         "$TTL 300\n@ NS ns1\nns1 A 192.0.2.1\n@ SOA ns1 h 1 7200 3600 1209600 300\n",
         Verdict::Clean},
        {"apex ns no addr", kSoa + "@ NS ns1\n", Verdict::Refused},
        {"apex ns cname", kSoa + "@ NS ns1\nns1 CNAME x\nx A 192.0.2.1\n", Verdict::Refused},
        {"apex ns one no addr", kHead + "@ NS ns2\n", Verdict::Refused},
        {"deleg no glue", kHead + "sub NS ns.sub\n", Verdict::Warned},
        {"deleg sibling no glue", kHead + "sub NS ns.sub2\nsub2 NS ns.sub2\nns.sub2 A 192.0.2.4\n",
         Verdict::Clean},
        {"deleg sibling missing glue", kHead + "sub NS ns.sub2\nsub2 NS ns1.other.\n",
         Verdict::Warned},
        {"deleg inzone target missing", kHead + "sub NS nx\n", Verdict::Warned},
        {"deleg inzone cname", kHead + "sub NS al\nal CNAME ns1\n", Verdict::Warned},
        {"deleg target dname", kHead + "sub NS ns.d\nd DNAME other.\n", Verdict::Warned},
        {"deleg target wildcard", kHead + "sub NS ns.w\n*.w A 192.0.2.1\n", Verdict::Clean},
        {"apex ns wildcard", kSoa + "@ NS ns.w\n*.w A 192.0.2.1\n", Verdict::Clean},
        {"deleg target empty nt", kHead + "sub NS e\nx.e A 192.0.2.1\n", Verdict::Warned},
        {"deleg ns out", kHead + "sub NS ns.other.\n", Verdict::Clean},
        {"mx cname", kHead + "@ MX 10 al\nal CNAME ns1\n", Verdict::Warned},
        {"mx missing", kHead + "@ MX 10 nx\n", Verdict::Warned},
        {"mx noaddr", kHead + "@ MX 10 t\nt TXT x\n", Verdict::Warned},
        {"mx dname", kHead + "@ MX 10 x.d\nd DNAME other.\n", Verdict::Warned},
        {"mx below cut no glue", kHead + "@ MX 10 x.sub\nsub NS ns.other.\n", Verdict::Clean},
        {"mx ip", kHead + "@ MX 10 192.0.2.1.\n", Verdict::Warned},
        {"mx ip rel", kHead + "@ MX 10 192.0.2.1\n", Verdict::Warned},
        {"mx null", kHead + "@ MX 0 .\n", Verdict::Clean},
        {"mx null pref10", kHead + "@ MX 10 .\n", Verdict::Clean},
        {"mx null plus other", kHead + "@ MX 0 .\n@ MX 10 ns1\n", Verdict::Clean},
        {"srv cname", kHead + "_sip._tcp SRV 0 0 5060 al\nal CNAME ns1\n", Verdict::Warned},
        {"srv missing", kHead + "_sip._tcp SRV 0 0 5060 nx\n", Verdict::Warned},
        {"srv root", kHead + "_sip._tcp SRV 0 0 0 .\n", Verdict::Clean},
        {"ns ip", kSoa + "@ NS 192.0.2.1.\n", Verdict::Warned},
        {"ns ip rel", kSoa + "@ NS 192.0.2.1\n", Verdict::Refused},
        {"ns ip deleg", kHead + "sub NS 192.0.2.1.\n", Verdict::Warned},
        {"ns ip6", kSoa + "@ NS 2001:db8::1.\n", Verdict::Warned},
        {"out of zone", kHead + "x.other. A 192.0.2.1\n", Verdict::Refused,
         "RFC 1035, 5.2: what is outside should be glue and not the result of an origin error; "
         "nothing is dropped silently"},
        {"out of zone soa", "$TTL 300\nother. SOA ns1 h 1 7200 3600 1209600 300\n",
         Verdict::Refused},
        {"occluded", kHead + "sub NS ns.other.\nx.sub A 192.0.2.1\nx.sub TXT foo\n",
         Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"occluded at cut", kHead + "sub NS ns.other.\nsub A 192.0.2.1\n", Verdict::Clean},
        {"occluded TXT at cut", kHead + "sub NS ns.other.\nsub TXT x\n", Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"occluded CNAME below", kHead + "sub NS ns.other.\nx.sub CNAME y\n", Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"cname and ns", kHead + "sub NS ns.other.\nsub CNAME x\n", Verdict::Refused},
        {"occluded ns", kHead + "sub NS ns.other.\nx.sub NS ns.other.\n", Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"occluded soa", kHead + "sub NS ns.other.\nx.sub SOA ns1 h 1 7200 3600 1209600 300\n",
         Verdict::Refused},
        {"ttl mismatch", kHead + "a 300 A 192.0.2.1\na 400 A 192.0.2.2\n", Verdict::Warned},
        {"dup", kHead + "a A 192.0.2.1\na A 192.0.2.1\n", Verdict::Warned,
         "RFC 2181, 5: there is no such thing as a record twice: said"},
        {"dup ttl", kHead + "a 300 A 192.0.2.1\na 400 A 192.0.2.1\n", Verdict::Warned},
        {"dup case", kHead + "a MX 1 ns1\na MX 1 NS1\n", Verdict::Warned,
         "RFC 2181, 5: there is no such thing as a record twice: said"},
        {"ttl big", kHead + "a 2147483648 A 192.0.2.1\n", Verdict::Refused,
         "RFC 2181, 8: a TTL is at most 2147483647; named takes 0"},
        {"ttl max", kHead + "a 2147483647 A 192.0.2.1\n", Verdict::Clean},
        {"ttl 2^32", kHead + "a 4294967296 A 192.0.2.1\n", Verdict::Refused},
        {"label 64", kHead + std::string(64, 'a') + " A 192.0.2.1\n", Verdict::Refused},
        {"label 63", kHead + std::string(63, 'a') + " A 192.0.2.1\n", Verdict::Clean},
        {"name long",
         kHead + std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') +
             "." + std::string(63, 'a') + " A 192.0.2.1\n",
         Verdict::Refused},
        {"bad A", kHead + "a A 192.0.2.256\n", Verdict::Refused},
        {"bad AAAA", kHead + "a AAAA 2001:::\n", Verdict::Refused},
        {"bad MX", kHead + "a MX ns1\n", Verdict::Refused},
        {"txt 256", kHead + "a TXT \"" + std::string(256, 'x') + "\"\n", Verdict::Refused},
        {"ds not deleg", kHead + "a DS 1 8 2 " + hex(32) + "\na A 192.0.2.1\n", Verdict::Warned,
         "RFC 4035, 2.4: DS stand at delegations: said"},
        {"ds alone", kHead + "a DS 1 8 2 " + hex(32) + "\n", Verdict::Warned,
         "RFC 4035, 2.4: DS stand at delegations: said"},
        {"ds apex", kHead + "@ DS 1 8 2 " + hex(32) + "\n", Verdict::Refused},
        {"ds deleg", kHead + "sub NS ns.other.\nsub DS 1 8 2 " + hex(32) + "\n", Verdict::Clean},
        {"ds bad length", kHead + "sub NS ns.other.\nsub DS 1 8 2 ABCD\n", Verdict::Refused},
        {"ds below cut", kHead + "sub NS ns.other.\nx.sub DS 1 8 2 " + hex(32) + "\n",
         Verdict::Warned,
         "RFC 1034, 4.2.1: what is below a cut is not authoritative and never answered: said"},
        {"nsec3 below name", kHead + "a NSEC3PARAM 1 0 0 -\n", Verdict::Warned,
         "RFC 4035, 2.1, RFC 7344, 4.1: stands at the apex: said"},
        {"underscore A", kHead + "_a A 192.0.2.1\n", Verdict::Warned},
        {"underscore NS target", kHead + "sub NS _ns.other.\n", Verdict::Warned},
        {"underscore MX owner", kHead + "_a MX 10 ns1\n", Verdict::Warned},
        {"underscore MX target", kHead + "a MX 10 _x.other.\n", Verdict::Warned},
        {"underscore SRV target", kHead + "a SRV 0 0 1 _x.other.\n", Verdict::Warned},
        {"hyphen first", kHead + "-a A 192.0.2.1\n", Verdict::Warned},
        {"soa rname odd",
         "$TTL 300\n@ SOA ns1 h_a 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n",
         Verdict::Clean},
        {"soa mname under",
         "$TTL 300\n@ SOA _ns1 h 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n",
         Verdict::Warned},
        {"ptr bad", kHead + "a PTR _x.other.\n", Verdict::Clean},
        {"wild A", kHead + "*.a A 192.0.2.1\n", Verdict::Clean},
        {"inner wild", kHead + "a.*.b A 192.0.2.1\n", Verdict::Warned},
        {"wild srv", kHead + "*._tcp SRV 0 0 1 ns1\n", Verdict::Clean},
        {"wild cname", kHead + "*.a CNAME ns1\n", Verdict::Clean},
        {"wild soa", kHead + "*.a SOA ns1 h 1 7200 3600 1209600 300\n", Verdict::Refused},
        {"spf type", kHead + "a SPF \"v=spf1 -all\"\n", Verdict::Warned},
        {"spf both", kHead + "a SPF \"v=spf1 -all\"\na TXT \"v=spf1 -all\"\n", Verdict::Clean},
        {"spf txt", kHead + "a TXT \"v=spf1 -all\"\n", Verdict::Clean},
        {"refresh<retry", "$TTL 300\n@ SOA ns1 h 1 100 3600 120 300\n@ NS ns1\nns1 A 192.0.2.1\n",
         Verdict::Clean},
        {"soa times over",
         "$TTL 300\n@ SOA ns1 h 1 4294967295 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n",
         Verdict::Clean},
        {"class ch", kHead + "a CH TXT x\n", Verdict::Refused},
        {"meta any", kHead + "a ANY \\# 0\n", Verdict::Refused},
        {"meta type 0", kHead + "a TYPE0 \\# 0\n", Verdict::Refused},
        {"opt", kHead + "a OPT \\# 0\n", Verdict::Refused},
        {"a generic bad", kHead + "a A \\# 3 010203\n", Verdict::Refused},
        {"a generic", kHead + "a A \\# 4 01020304\n", Verdict::Clean},
        {"type private", kHead + "a TYPE65280 \\# 3 010203\n", Verdict::Clean},
        {"include missing", kHead + "$INCLUDE /nonexistent\n", Verdict::Refused},
        {"unknown directive", kHead + "$FOO x\n", Verdict::Refused},
        {"generate", kHead + "$GENERATE 1-3 h$ A 192.0.2.$\n", Verdict::Clean},
        {"no final", kHead + "a A", Verdict::Refused},
        {"empty", "", Verdict::Refused},
        {"comment only", "; x\n", Verdict::Refused},
        {"nsec orphan", kHead + "a NSEC b A\n", Verdict::Clean},
        {"rrsig orphan",
         kHead + "a RRSIG TXT 8 2 300 20300101000000 20200101000000 1 example. "
                 "AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Clean},
        {"dnskey nonapex", kHead + "a DNSKEY 256 3 8 AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Warned, "RFC 4035, 2.1, RFC 7344, 4.1: stands at the apex: said"},
        {"nsec3param", kHead + "@ NSEC3PARAM 1 0 10 ABCD\n", Verdict::Clean},
        {"cds", kHead + "@ CDS 1 8 2 " + hex(32) + "\n", Verdict::Refused},
        {"cds nonapex", kHead + "a CDS 1 8 2 " + hex(32) + "\n", Verdict::Warned,
         "RFC 4035, 2.1, RFC 7344, 4.1: stands at the apex: said"},
        {"csync", kHead + "@ CSYNC 1 3 A NS\n", Verdict::Clean},
        {"zonemd", kHead + "@ ZONEMD 1 1 1 " + hex(48) + "\n", Verdict::Clean},
        {"rrsig ttl",
         kHead + "a 300 A 192.0.2.1\na 400 RRSIG A 8 2 300 20300101000000 20200101000000 1 "
                 "example. AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Clean},
        {"rrsig ttl2",
         kHead + "a 300 A 192.0.2.1\na 300 RRSIG A 8 2 300 20300101000000 20200101000000 1 "
                 "example. AQPSKmynfzW4kyBv015MUG2DeIQ3\na 400 RRSIG TXT 8 2 400 20300101000000 "
                 "20200101000000 1 example. AQPSKmynfzW4kyBv015MUG2DeIQ3\n",
         Verdict::Clean},
        {"svcb alias+cname", kHead + "a SVCB 0 ns1\na SVCB 1 ns1\n", Verdict::Clean},
        {"svcb key twice", kHead + "a SVCB 1 . port=1 port=2\n", Verdict::Refused},
        {"svcb mandatory missing", kHead + "a SVCB 1 . mandatory=port\n", Verdict::Refused},
        {"https alias apex", kHead + "@ HTTPS 0 x.other.\n", Verdict::Clean},
        {"caa bad", kHead + "a CAA 0 issue\n", Verdict::Refused},
        {"naptr bad", kHead + "a NAPTR 1 1 \"s\" \"x\" \"\" \n", Verdict::Refused},
        {"loc bad", kHead + "a LOC 91 0 0 N 0 0 0 E 0m\n", Verdict::Refused},
        {"apex A", kHead + "@ A 192.0.2.1\n", Verdict::Clean},
        {"key twins", kHead + "a TXT x\nA TXT y\n", Verdict::Clean},
        {"private 10", kHead + "10 PTR x.\n", Verdict::Clean},
        {"a6", kHead + "a A6 0 2001:db8::1\n", Verdict::Refused,
         "RFC 6563: A6 is historic; RFC 3597 text is taken"},
        {"wks", kHead + "a WKS 192.0.2.1 6 25\n", Verdict::Clean},
        {"md", kHead + "a MD x\n", Verdict::Refused},
        {"mf", kHead + "a MF x\n", Verdict::Refused},
        {"mb", kHead + "a MB x\n", Verdict::Clean},
        {"null", kHead + "a NULL \\# 1 00\n", Verdict::Clean},
        {"dlv", kHead + "a DLV 1 8 2 " + hex(32) + "\n", Verdict::Clean},
        {"nxt", kHead + "a NXT b A\n", Verdict::Refused,
         "RFC 3755: NXT is obsolete; RFC 3597 text is taken"},
        {"rrset big", kHead + texts(270), Verdict::Refused},
        {"rrset near", kHead + texts(255), Verdict::Refused,
         "RFC 1035, 4.2.2: a message, and so an answer, has at most 65535 octets"},
        {"rrset fits", kHead + texts(252), Verdict::Clean},
        {"cds delete", kHead + "@ CDS 0 0 0 00\n", Verdict::Clean},
    };
    return kRows;
}

}  // namespace zones_test
