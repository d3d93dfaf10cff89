#include "server/config.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <sstream>

#include "server/cookies.h"
#include "server/rrl.h"

namespace server {

namespace {

/// Reads one table: each key by name and type, faults with file and line. The first fault stays.
class TableReader {
  public:
    TableReader(const toml::table& table, std::string path, const std::string& file,
                std::optional<std::string>& fault)
        : table_(table), path_(std::move(path)), file_(file), fault_(fault) {}

    using Field = std::function<void(const toml::node&, const std::string& key)>;

    void on(const std::string& key, Field field) { fields_[key] = std::move(field); }

    void boolean(const std::string& key, bool& out) {
        on(key, [this, &out](const toml::node& node, const std::string& name) {
            if (const auto value = node.value_exact<bool>()) {
                out = *value;
            } else {
                fail(node, name + " must be true or false");
            }
        });
    }
    void text(const std::string& key, std::string& out) {
        on(key, [this, &out](const toml::node& node, const std::string& name) {
            if (const auto value = node.value_exact<std::string>()) {
                out = *value;
            } else {
                fail(node, name + " must be a string");
            }
        });
    }
    void cookie_secret(const std::string& key, std::string& out) {
        on(key, [this, &out](const toml::node& node, const std::string& name) {
            const auto value = node.value_exact<std::string>();
            if (value && (value->empty() || Cookies::parse_secret(*value))) {
                out = *value;
            } else {
                fail(node, name + " must be 32 hexadecimal digits, or empty");
            }
        });
    }
    void choice(const std::string& key, std::string& out, std::vector<std::string> allowed) {
        on(key, [this, &out, allowed = std::move(allowed)](const toml::node& node,
                                                           const std::string& name) {
            const auto value = node.value_exact<std::string>();
            for (const std::string& candidate : allowed) {
                if (value && *value == candidate) {
                    out = *value;
                    return;
                }
            }
            std::string list;
            for (const std::string& candidate : allowed) {
                list += (list.empty() ? "\"" : ", \"") + candidate + "\"";
            }
            fail(node, name + " must be one of " + list);
        });
    }
    template <class T>
    void number(const std::string& key, T& out, std::int64_t low, std::int64_t high) {
        on(key, [this, &out, low, high](const toml::node& node, const std::string& name) {
            const auto value = node.value_exact<std::int64_t>();
            if (value && *value >= low && *value <= high) {
                out = static_cast<T>(*value);
            } else {
                fail(node, name + " must be a whole number from " + std::to_string(low) + " to " +
                               std::to_string(high));
            }
        });
    }
    void texts(const std::string& key, std::vector<std::string>& out) {
        on(key, [this, &out](const toml::node& node, const std::string& name) {
            out.clear();
            const toml::array* array = node.as_array();
            if (array == nullptr) return fail(node, name + " must be a list of strings");
            for (const toml::node& item : *array) {
                const auto value = item.value_exact<std::string>();
                if (!value) return fail(item, name + " must be a list of strings");
                out.push_back(*value);
            }
        });
    }
    /// Origins as browsers write them (RFC 6454, 6.2), or "*".
    void origins(const std::string& key, std::vector<std::string>& out) {
        on(key, [this, &out](const toml::node& node, const std::string& name) {
            out.clear();
            const toml::array* array = node.as_array();
            if (array == nullptr) return fail(node, name + " must be a list of strings");
            for (const toml::node& item : *array) {
                const std::string text = item.value_exact<std::string>().value_or("");
                const std::size_t scheme = text.find("://");
                const bool origin = (text.starts_with("http://") || text.starts_with("https://")) &&
                                    text.size() > scheme + 3 &&
                                    text.find('/', scheme + 3) == std::string::npos;
                if (!origin && text != "*") {
                    return fail(item, name + " must be origins like \"https://panel.example\"" +
                                          " without a path, or \"*\"");
                }
                out.push_back(text);
            }
        });
    }
    void prefixes(const std::string& key, std::vector<base::IpPrefix>& out) {
        on(key, [this, &out](const toml::node& node, const std::string& name) {
            out.clear();
            const toml::array* array = node.as_array();
            if (array == nullptr) return fail(node, name + " must be a list of prefixes");
            for (const toml::node& item : *array) {
                const auto value = item.value_exact<std::string>();
                if (!value) return fail(item, name + " must be a list of strings");
                const auto prefix = base::IpPrefix::parse(*value);
                if (!prefix) return fail(item, name + ": " + prefix.error().message);
                out.push_back(*prefix);
            }
        });
    }
    /// A list of lists of strings: paths into a location database.
    void paths(const std::string& key, std::vector<std::vector<std::string>>& out) {
        on(key, [this, &out](const toml::node& node, const std::string& name) {
            out.clear();
            const toml::array* array = node.as_array();
            const auto bad = [&](const toml::node& at) {
                fail(at, name + " must be a list of lists of strings");
            };
            if (array == nullptr) return bad(node);
            for (const toml::node& item : *array) {
                const toml::array* inner = item.as_array();
                if (inner == nullptr) return bad(item);
                std::vector<std::string> path;
                for (const toml::node& step : *inner) {
                    const auto value = step.value_exact<std::string>();
                    if (!value) return bad(step);
                    path.push_back(*value);
                }
                out.push_back(std::move(path));
            }
        });
    }
    void endpoint(const std::string& key, base::Endpoint& out) {
        on(key, [this, &out](const toml::node& node, const std::string& name) {
            const auto value = node.value_exact<std::string>();
            if (!value) return fail(node, name + " must be a string, ADDRESS:PORT");
            const auto parsed = base::Endpoint::parse(*value);
            if (!parsed) return fail(node, name + ": " + parsed.error().message);
            out = *parsed;
        });
    }
    /// A sub-table.
    void table(const std::string& key, const std::function<void(TableReader&)>& describe) {
        on(key, [this, describe](const toml::node& node, const std::string& name) {
            const toml::table* inner = node.as_table();
            if (inner == nullptr) return fail(node, name + " must be a table");
            TableReader reader(*inner, name, file_, fault_);
            describe(reader);
            reader.run();
        });
    }
    /// A list of tables, `[[key]]`.
    void tables(const std::string& key, const std::function<void(TableReader&)>& describe) {
        on(key, [this, describe](const toml::node& node, const std::string& name) {
            const toml::array* array = node.as_array();
            if (array == nullptr) return fail(node, name + " must be a list of tables");
            for (const toml::node& item : *array) {
                const toml::table* inner = item.as_table();
                if (inner == nullptr) return fail(item, name + " must be a list of tables");
                TableReader reader(*inner, name, file_, fault_);
                describe(reader);
                reader.run();
            }
        });
    }
    /// Tables with names of the operator's choice, `[key.NAME]`.
    void each_table(const std::string& key,
                    const std::function<void(TableReader&, const std::string& name)>& describe) {
        on(key, [this, describe](const toml::node& node, const std::string& path) {
            const toml::table* const all = node.as_table();
            if (all == nullptr) return fail(node, path + " must hold tables, [" + path + ".NAME]");
            for (const auto& [name, item] : *all) {
                const std::string full = path + "." + std::string(name.str());
                const toml::table* const inner = item.as_table();
                if (inner == nullptr) return fail(item, full + " must be a table");
                TableReader reader(*inner, full, file_, fault_);
                describe(reader, std::string(name.str()));
                reader.run();
            }
        });
    }
    /// Keys that interface.md names and that nothing reads yet: refused, never ignored.
    void not_built(std::initializer_list<const char*> keys) {
        for (const char* key : keys) {
            on(key, [this](const toml::node& node, const std::string& name) {
                fail(node, name + " is not built yet in this version; remove the key");
            });
        }
    }
    void finally(std::function<void(const toml::table&)> check) { check_ = std::move(check); }

    void run() {
        for (const auto& [key, node] : table_) {
            const std::string name(key.str());
            const auto field = fields_.find(name);
            const std::string full = path_.empty() ? name : path_ + "." + name;
            if (field == fields_.end()) {
                fail_at(key.source().begin.line, "unknown key " + full);
            } else {
                field->second(node, full);
            }
        }
        if (check_ && !fault_) check_(table_);
    }
    void fail(const toml::node& node, const std::string& message) {
        fail_at(node.source().begin.line, message);
    }
    void fail_at(std::uint32_t line, const std::string& message) {
        if (!fault_) fault_ = file_ + ":" + std::to_string(line) + ": " + message;
    }

  private:
    const toml::table& table_;
    std::string path_;
    const std::string& file_;
    std::optional<std::string>& fault_;
    std::map<std::string, Field> fields_;
    std::function<void(const toml::table&)> check_;
};

void read_listener(TableReader& reader, Config& config) {
    auto listener = std::make_shared<ListenerConfig>();
    auto protocols = std::make_shared<std::vector<std::string>>();
    auto role = std::make_shared<std::string>("auth");
    *protocols = {"udp", "tcp"};
    reader.endpoint("address", listener->address);
    reader.texts("protocols", *protocols);
    reader.choice("role", *role, {"auth", "recursive", "both"});
    reader.text("tls", listener->tls);
    reader.not_built({"proxy_from"});
    reader.finally([&reader, &config, listener, protocols, role](const toml::table& table) {
        if (!table.contains("address")) return reader.fail(table, "listener.address is missing");
        listener->udp = listener->tcp = false;
        for (const std::string& protocol : *protocols) {
            if (protocol == "udp") {
                listener->udp = true;
            } else if (protocol == "tcp") {
                listener->tcp = true;
            } else if (protocol == "dot") {
                listener->dot = true;
            } else if (protocol == "doh") {
                listener->doh = true;
            } else if (protocol == "doq") {
                return reader.fail(table, "listener.protocols: \"" + protocol +
                                              "\" is not built yet in this version");
            } else {
                return reader.fail(table,
                                   "listener.protocols: unknown protocol \"" + protocol + "\"");
            }
        }
        if (protocols->empty()) {
            return reader.fail(table, "listener.protocols must not be empty");
        }
        const int over_tcp = int{listener->tcp} + int{listener->dot} + int{listener->doh};
        if (over_tcp > 1) {
            return reader.fail(table,
                               "listener.protocols: tcp, dot and doh need a port of their own "
                               "each, so a listener of its own");
        }
        if ((listener->dot || listener->doh) && listener->tls.empty()) {
            return reader.fail(table,
                               "listener.tls is missing: dot and doh need a [tls.NAME] table");
        }
        listener->role = *role == "both"        ? Role::Both
                         : *role == "recursive" ? Role::Recursive
                                                : Role::Auth;
        config.listeners.push_back(*listener);
    });
}

void read_admin_listener(TableReader& reader, Config& config) {
    auto listener = std::make_shared<AdminListenerConfig>();
    auto expose = std::make_shared<std::vector<std::string>>();
    *expose = {"api", "ui", "metrics", "health"};
    reader.endpoint("address", listener->address);
    reader.texts("expose", *expose);
    reader.text("tls", listener->tls);
    reader.finally([&reader, &config, listener, expose](const toml::table& table) {
        if (!table.contains("address")) {
            return reader.fail(table, "admin.listener.address is missing");
        }
        listener->api = listener->ui = listener->metrics = listener->health = false;
        for (const std::string& part : *expose) {
            if (part == "api") {
                listener->api = true;
            } else if (part == "ui") {
                listener->ui = true;
            } else if (part == "metrics") {
                listener->metrics = true;
            } else if (part == "health") {
                listener->health = true;
            } else {
                return reader.fail(table, "admin.listener.expose: unknown part \"" + part +
                                              "\" (api, ui, metrics, health)");
            }
        }
        if (listener->tls.empty() && !listener->address.address.is_loopback() &&
            (listener->api || listener->ui)) {
            return reader.fail(table,
                               "admin.listener: " + listener->address.to_text() +
                                   " is not a loopback address, and without `tls` only `expose = "
                                   "[\"health\", \"metrics\"]` or less may be seen from outside");
        }
        config.admin_listeners.push_back(*listener);
    });
}

void read_tls(TableReader& reader, const std::string& name, Config& config) {
    auto tls = std::make_shared<TlsTable>();
    auto client_auth = std::make_shared<std::string>("none");
    tls->name = name;
    reader.tables("certificates", [tls](TableReader& inner) {
        tls->certificates.emplace_back();
        // The list may move while it grows: the pair is written to once it is whole.
        auto files = std::make_shared<net::CertificateFiles>();
        inner.text("certificate", files->certificate);
        inner.text("key", files->key);
        inner.finally([&inner, tls, files](const toml::table& table) {
            if (files->certificate.empty() || files->key.empty()) {
                return inner.fail(table, "tls: a certificate needs `certificate` and `key`");
            }
            tls->certificates.back() = *files;
        });
    });
    reader.choice("client_auth", *client_auth, {"none", "optional", "require"});
    reader.text("client_ca", tls->client_ca);
    reader.finally([&reader, &config, tls, client_auth](const toml::table& table) {
        const std::string where = "tls." + tls->name;
        if (tls->certificates.empty()) {
            return reader.fail(table, where + ".certificates is missing");
        }
        const bool asks = *client_auth != "none";
        if (asks && tls->client_ca.empty()) {
            return reader.fail(table, where + ".client_auth needs client_ca");
        }
        if (!asks && !tls->client_ca.empty()) {
            return reader.fail(table, where + ".client_ca is of no use without client_auth");
        }
        tls->client_auth = *client_auth == "require"    ? TlsTable::ClientAuth::Require
                           : *client_auth == "optional" ? TlsTable::ClientAuth::Optional
                                                        : TlsTable::ClientAuth::None;
        config.tls.push_back(*tls);
    });
}

/// Once everything is read: the tables may stand behind what names them. `written`: the listeners
/// in the file, as many as there are in `listeners`.
template <class Listeners>
void check_tls_names(const Listeners& listeners, const toml::array* written, const std::string& key,
                     const std::string& file, const Config& config,
                     std::optional<std::string>& fault) {
    for (std::size_t i = 0; i < listeners.size() && !fault && written != nullptr; ++i) {
        const std::string& name = listeners[i].tls;
        const bool known =
            name.empty() || std::any_of(config.tls.begin(), config.tls.end(),
                                        [&](const TlsTable& each) { return each.name == name; });
        if (known) continue;
        fault = file + ":" + std::to_string((*written)[i].source().begin.line) + ": " + key +
                ".tls: there is no table [tls." + name + "]";
    }
}

void read_recursion(TableReader& reader, Config& config) {
    resolver::Settings& settings = config.recursion;
    reader.prefixes("allow", config.recursion_allow);
    reader.text("root_hints", settings.root_hints_file);
    reader.on("case_randomisation",
              [&reader, &settings](const toml::node& node, const std::string& name) {
                  if (const auto value = node.value_exact<bool>()) {
                      settings.case_randomisation = *value;
                  } else {
                      reader.fail(node, name + " must be true or false");
                  }
              });
    reader.boolean("ipv4", settings.ipv4);
    reader.boolean("ipv6", settings.ipv6);
    reader.boolean("prefer_ipv6", settings.prefer_ipv6);
    reader.boolean("priming", settings.priming);
    reader.prefixes("do_not_query", settings.do_not_query);
    reader.number("upstream_port", settings.upstream_port, 1, 65535);
    reader.number("cache_mb", settings.cache_mb, 1, 1 << 20);
    reader.number("min_ttl_s", settings.min_ttl_s, 0, 86400);
    reader.number("max_ttl_s", settings.max_ttl_s, 1, std::numeric_limits<std::int32_t>::max());
    reader.number("max_negative_ttl_s", settings.max_negative_ttl_s, 0, 86400);
    reader.number("budget_packets", settings.budget_packets, 1, 10000);
    reader.number("timeout_ms", settings.timeout_ms, 100, 60000);
    reader.not_built({"trust_anchors", "negative_trust_anchors", "qname_minimisation", "outgoing",
                      "anchor_rollover", "anchor_telemetry", "harden_glue", "private_addresses",
                      "dns64", "local_data", "prefetch", "persist_cache", "forward"});
    auto dnssec = std::make_shared<std::string>("off");
    reader.on("dnssec", [&reader, dnssec](const toml::node& node, const std::string& name) {
        const auto value = node.value_exact<std::string>();
        if (value && *value == "off") return;
        reader.fail(node, name + ": only \"off\" is built yet in this version");
    });
    reader.table("serve_stale", [&settings](TableReader& stale) {
        stale.boolean("enabled", settings.stale_enabled);
        stale.number("client_timeout_ms", settings.stale_client_timeout_ms, 0, 60000);
        stale.number("answer_ttl_s", settings.stale_answer_ttl_s, 0, 3600);
        stale.number("max_stale_s", settings.max_stale_s, 0, 30 * 86400);
        stale.number("failure_recheck_s", settings.failure_recheck_s, 0, 3600);
    });
}

void read_root(TableReader& root, Config& config) {
    root.text("data_dir", config.data_dir);
    root.text("run_dir", config.run_dir);
    root.number("workers", config.workers, 0, 1024);
    root.text("node", config.node);
    root.tables("listener", [&config](TableReader& reader) { read_listener(reader, config); });
    root.not_built({"user", "feed", "dnstap"});
    root.each_table("tls", [&config](TableReader& reader, const std::string& name) {
        read_tls(reader, name, config);
    });
    root.table("admin", [&config](TableReader& reader) {
        reader.tables("listener",
                      [&config](TableReader& inner) { read_admin_listener(inner, config); });
        reader.number("head_timeout_ms", config.head_timeout_ms, 10, 600000);
        reader.number("body_timeout_ms", config.body_timeout_ms, 10, 600000);
        reader.number("body_grace_ms", config.body_grace_ms, 10, 600000);
        reader.number("min_body_rate", config.min_body_rate, 0, 10000000);
        reader.number("body_total_ms", config.body_total_ms, 0, 86400000);
        reader.number("write_timeout_ms", config.write_timeout_ms, 10, 600000);
        reader.number("max_head_octets", config.max_head_octets, 4096, 1 << 20);
        reader.number("max_zone_mb", config.max_zone_mb, 1, 1 << 20);
        reader.number("idle_timeout_ms", config.idle_timeout_ms, 10, 3600000);
        reader.number("max_connections", config.max_connections, 1, 1000000);
        reader.number("max_connections_per_client", config.max_connections_per_client, 1, 1000000);
        reader.number("max_websocket_message", config.max_websocket_message, 1024, 1 << 26);
        reader.origins("cors_origins", config.cors_origins);
        reader.boolean("diagnostics", config.diagnostics);
    });
    root.table("geo", [&config](TableReader& reader) {
        config.geo_configured = true;
        reader.texts("city", config.geo.city);
        reader.texts("asn", config.geo.asn);
        reader.paths("country_path", config.geo.country_path);
        reader.paths("continent_path", config.geo.continent_path);
        reader.paths("subdivision_path", config.geo.subdivision_path);
        reader.paths("latitude_path", config.geo.latitude_path);
        reader.paths("longitude_path", config.geo.longitude_path);
        reader.paths("asn_path", config.geo.asn_path);
        reader.prefixes("ecs_trusted", config.ecs_trusted);
    });
    root.table("edns", [&config](TableReader& reader) {
        reader.number("udp_payload", config.udp_payload, 512, 4096);
        reader.boolean("nsid", config.nsid);
        reader.text("version_bind", config.version_bind);
        reader.boolean("cookies", config.cookies);
        reader.boolean("require_cookies", config.require_cookies);
        reader.cookie_secret("cookie_secret", config.cookie_secret);
    });
    root.table("recursion", [&config](TableReader& reader) { read_recursion(reader, config); });
    root.table("history", [&config](TableReader& reader) {
        reader.number("keep_days", config.keep_days, 0, 36500);
        reader.number("keep_mb", config.keep_mb, 0, 1 << 24);
    });
    root.table("limits", [&config](TableReader& reader) {
        reader.number("tcp_clients", config.tcp_clients, 1, 1000000);
        reader.number("tcp_clients_per_prefix", config.tcp_clients_per_prefix, 0, 1000000);
        reader.number("tcp_idle_ms", config.tcp_idle_ms, 10, 3600000);
        reader.number("tcp_backlog", config.tcp_backlog, 1, 65535);
        reader.number("udp_rcvbuf", config.udp_rcvbuf, 4096, 1 << 30);
        reader.number("min_free_mb", config.min_free_mb, 0, 1 << 20);
        reader.number("memory_mb", config.memory_mb, 0, 1 << 24);
        reader.number("responses_per_second", config.responses_per_second, 0, Rrl::kMaxRate);
        reader.number("rrl_slip", config.rrl_slip, 0, 1000);
        reader.prefixes("rrl_exempt", config.rrl_exempt);
    });
    root.table("log", [&config](TableReader& reader) {
        reader.choice("level", config.log_level, {"debug", "info", "warn", "error"});
        reader.choice("format", config.log_format, {"text", "json"});
    });
}

void fill_listeners(Config& config) {
    if (config.listeners.empty()) {
        for (const char* address : {"127.0.0.1:5300", "[::1]:5300"}) {
            ListenerConfig listener;
            listener.address = *base::Endpoint::parse(address);
            listener.role = Role::Both;
            config.listeners.push_back(listener);
        }
    }
    if (config.admin_listeners.empty()) {
        AdminListenerConfig listener;
        listener.address = *base::Endpoint::parse("127.0.0.1:8053");
        config.admin_listeners.push_back(listener);
    }
}

}  // namespace

Config Config::defaults() {
    Config out;
    out.ecs_trusted = {*base::IpPrefix::parse("0.0.0.0/0"), *base::IpPrefix::parse("::/0")};
    out.recursion_allow = {*base::IpPrefix::parse("127.0.0.0/8"),
                           *base::IpPrefix::parse("::1/128")};
    fill_listeners(out);
    return out;
}

base::Result<Config> Config::parse(const std::string& text, const std::string& name) {
    const toml::parse_result parsed = toml::parse(text, name);
    if (!parsed) {
        const auto& error = parsed.error();
        return base::fail(name + ":" + std::to_string(error.source().begin.line) + ": " +
                          std::string(error.description()));
    }
    Config out = defaults();
    out.listeners.clear();
    out.admin_listeners.clear();
    std::optional<std::string> fault;
    TableReader root(parsed.table(), "", name, fault);
    read_root(root, out);
    root.run();
    const toml::table& written = parsed.table();
    check_tls_names(out.listeners, written["listener"].as_array(), "listener", name, out, fault);
    check_tls_names(out.admin_listeners, written["admin"]["listener"].as_array(), "admin.listener",
                    name, out, fault);
    if (fault) return base::fail(*fault);
    if (out.node.size() > kMaxNodeOctets) {
        return base::fail(name + ": node has " + std::to_string(out.node.size()) + " octets; " +
                          std::to_string(kMaxNodeOctets) + " are allowed");
    }
    if (out.require_cookies && !out.cookies) {
        return base::fail(name + ": edns.require_cookies needs edns.cookies");
    }
    fill_listeners(out);
    return out;
}

base::Result<Config> Config::load(const std::string& file) {
    const std::ifstream in(file);
    if (!in) return base::fail(file + ": cannot be read; check the path and its permissions");
    std::ostringstream text;
    text << in.rdbuf();
    return parse(text.str(), file);
}

}  // namespace server
