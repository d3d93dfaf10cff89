#include "resolver/hints.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "dns/master_file.h"
#include "dns/rdata.h"

namespace resolver {

namespace {

struct BuiltIn {
    const char* name;
    const char* v4;
    const char* v6;
};

// https://www.internic.net/domain/named.root, version 2025 (b.root-servers.net as since 2023).
constexpr BuiltIn kBuiltIn[] = {
    {"a.root-servers.net.", "198.41.0.4", "2001:503:ba3e::2:30"},
    {"b.root-servers.net.", "170.247.170.2", "2801:1b8:10::b"},
    {"c.root-servers.net.", "192.33.4.12", "2001:500:2::c"},
    {"d.root-servers.net.", "199.7.91.13", "2001:500:2d::d"},
    {"e.root-servers.net.", "192.203.230.10", "2001:500:a8::e"},
    {"f.root-servers.net.", "192.5.5.241", "2001:500:2f::f"},
    {"g.root-servers.net.", "192.112.36.4", "2001:500:12::d0d"},
    {"h.root-servers.net.", "198.97.190.53", "2001:500:1::53"},
    {"i.root-servers.net.", "192.36.148.17", "2001:7fe::53"},
    {"j.root-servers.net.", "192.58.128.30", "2001:503:c27::2:30"},
    {"k.root-servers.net.", "193.0.14.129", "2001:7fd::1"},
    {"l.root-servers.net.", "199.7.83.42", "2001:500:9f::42"},
    {"m.root-servers.net.", "202.12.27.33", "2001:dc3::35"},
};

class HintsSink final : public dns::MasterSink {
  public:
    bool on_record(const dns::MasterRecord& record) override {
        if (record.rr_class != dns::RRClass::IN) return true;
        if (record.type == dns::RRType::NS && record.owner.view().is_root()) {
            (void)server(dns::Name(dns::rdata_name(record.type, record.rdata)), true);
        } else if (record.type == dns::RRType::A || record.type == dns::RRType::AAAA) {
            server(record.owner, false)
                .addresses.push_back(base::IpAddress::from_octets(record.rdata));
        }
        return true;
    }
    bool on_fault(dns::MasterFault fault) override {
        if (fault_.empty()) fault_ = fault.to_text();
        return true;
    }

    [[nodiscard]] const std::string& fault() const { return fault_; }
    /// Those that the root's NS records name and that have an address.
    [[nodiscard]] std::vector<NameServer> usable() {
        std::vector<NameServer> out;
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            if (named_[i] && !servers_[i].addresses.empty()) out.push_back(std::move(servers_[i]));
        }
        return out;
    }

  private:
    NameServer& server(const dns::Name& name, bool named) {
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            if (servers_[i].name != name) continue;
            if (named) named_[i] = true;
            return servers_[i];
        }
        servers_.push_back(NameServer{name, {}});
        named_.push_back(named);
        return servers_.back();
    }

    std::vector<NameServer> servers_;
    std::vector<bool> named_;
    std::string fault_;
};

}  // namespace

RootHints RootHints::built_in() {
    RootHints out;
    for (const BuiltIn& item : kBuiltIn) {
        NameServer server;
        server.name = *dns::Name::parse(item.name);
        server.addresses = {*base::IpAddress::parse(item.v4), *base::IpAddress::parse(item.v6)};
        out.servers_.push_back(std::move(server));
    }
    return out;
}

RootHints RootHints::of(std::vector<NameServer> servers) {
    RootHints out;
    out.servers_ = std::move(servers);
    return out;
}

base::Result<RootHints> RootHints::parse(const std::string& text, const std::string& file) {
    HintsSink sink;
    dns::MasterScanner::Options options;
    options.file = file;
    dns::MasterScanner scanner(std::move(options), sink);
    (void)scanner.feed(base::as_octets(text));  // the sink never stops the scan
    (void)scanner.finish();
    if (!sink.fault().empty()) return base::fail(sink.fault());
    RootHints out = of(sink.usable());
    if (out.servers_.empty()) {
        return base::fail(file + ": root_hints needs NS records of the root and their addresses");
    }
    return out;
}

base::Result<RootHints> RootHints::load(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return base::fail(file + ": cannot be read; see recursion.root_hints");
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (in.bad()) return base::fail(file + ": reading failed");
    return parse(text, file);
}

}  // namespace resolver
