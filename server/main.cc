// meridian: one DNS server that answers for its own zones and resolves for the clients it is
// allowed to serve. This file alone knows every folder: it reads the command line, starts the
// service and the admin API, says what listens where, and waits for a signal.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "admin/admin.h"
#include "admin/command_line.h"
#include "server/certificates.h"
#include "server/config.h"
#include "server/log.h"
#include "server/service.h"

namespace {

constexpr const char* kDefaultConfig = "/etc/meridian/meridian.toml";

/// One line on standard error, exit status 1.
int failed(const std::string& message) {
    std::fprintf(stderr, "meridian: %s\n", message.c_str());
    return 1;
}

base::Result<server::Config> load_config(const std::string& file) {
    if (!file.empty()) return server::Config::load(file);
    std::error_code ignored;
    if (std::filesystem::exists(kDefaultConfig, ignored)) {
        return server::Config::load(kDefaultConfig);
    }
    return server::Config::defaults();
}

base::Result<server::Config> config_of(const admin::ServeOptions& options) {
    auto config = load_config(options.config);
    if (!config) return config;
    if (!options.data_dir.empty()) config->data_dir = options.data_dir;
    if (!options.dns.empty()) {
        config->listeners.clear();
        for (const std::string& text : options.dns) {
            const auto endpoint = base::Endpoint::parse(text);
            if (!endpoint) return base::fail("--dns: " + endpoint.error().message);
            server::ListenerConfig listener;
            listener.address = *endpoint;
            listener.role = server::Role::Both;
            config->listeners.push_back(listener);
        }
    }
    if (!options.admin.empty()) {
        const auto endpoint = base::Endpoint::parse(options.admin);
        if (!endpoint) return base::fail("--admin: " + endpoint.error().message);
        if (!endpoint->address.is_loopback()) {
            return base::fail("--admin: " + options.admin +
                              " is not a loopback address; without TLS the API is served on "
                              "loopback only");
        }
        config->admin_listeners.clear();
        server::AdminListenerConfig listener;
        listener.address = *endpoint;
        config->admin_listeners.push_back(listener);
    }
    return config;
}

std::string clients_text(const server::Config& config) {
    std::string out;
    for (const base::IpPrefix& prefix : config.recursion_allow) {
        out += (out.empty() ? "" : ", ") + prefix.to_text();
    }
    return out.empty() ? "nobody" : out;
}

void print_banner(const server::Service& service, admin::Admin& api) {
    for (const server::ListenerInfo& listener : service.listeners()) {
        std::string protocols = listener.udp ? "UDP" : "";
        const std::string over_tcp = listener.tcp   ? "TCP"
                                     : listener.dot ? "TLS"
                                     : listener.doh ? "HTTPS"
                                                    : "";
        if (!protocols.empty() && !over_tcp.empty()) protocols += " and ";
        protocols += over_tcp;
        std::string role = "authoritative";
        if (listener.role != server::Role::Auth) {
            role = listener.role == server::Role::Both ? "authoritative, and recursive for "
                                                       : "recursive for ";
            role += clients_text(service.config());
        }
        server::log_info("DNS on " + listener.address.to_text() + " (" + protocols + "): " + role);
    }
    server::log_info("admin API and dashboard on " + api.url() + ", token in " +
                     service.config().data_dir + "/admin.token");
    server::log_info("log in once with " + api.one_time_login_url());
    server::log_info("ready");
}

/// Certificates anew, as the configuration names them now, and the log's level; all of it or
/// nothing. `running` is what the server was started with.
void reload(const admin::ServeOptions& options, const server::Config& running,
            server::Service& service, admin::Admin& api) {
    const auto config = config_of(options);
    base::Result<void> reloaded;
    if (!config) {
        reloaded = base::fail(config.error().message);
    } else {
        reloaded = service.certificates().reload(config->tls);
    }
    api.certificates_loaded(reloaded);
    if (!reloaded) {
        server::log_error("SIGHUP: " + reloaded.error().message + "; nothing was changed");
        return;
    }
    std::string waiting;
    for (const std::string& section : config->sections_unlike(running)) {
        waiting += (waiting.empty() ? "" : ", ") + section;
    }
    const std::string done = "SIGHUP: " + std::to_string(config->tls.size()) +
                             " TLS tables were read again, the log's level is " + config->log_level;
    if (waiting.empty()) {
        server::log_info(done + "; the rest of the configuration is what runs");
    } else {
        server::log_warn(done + "; changed, and not before the next start in use: " + waiting);
    }
    server::set_log_level(config->log_level);
}

int serve(const admin::ServeOptions& options) {
    const auto config = config_of(options);
    if (!config) return failed(config.error().message);
    server::set_up_log(config->log_level, config->log_format);

    // Blocked before any thread starts, so that none but sigwait below takes them. A peer that
    // closes its socket must not end us either.
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);

    auto service = server::Service::start(*config);
    if (!service) return failed(service.error().message);
    auto api = admin::Admin::start(**service, *config);
    if (!api) return failed(api.error().message);
    print_banner(**service, **api);

    for (;;) {
        int number = 0;
        if (sigwait(&signals, &number) != 0) continue;
        if (number == SIGHUP) {
            reload(options, *config, **service, **api);
            continue;
        }
        server::log_info(std::string("stopping on ") + (number == SIGINT ? "SIGINT" : "SIGTERM"));
        break;
    }
    api->reset();
    service->reset();
    server::log_info("stopped");
    return 0;
}

int check_config(const std::string& file) {
    const auto config = load_config(file);
    if (!config) return failed(config.error().message);
    const std::vector<std::string> faults = server::Certificates::check(config->tls);
    for (const std::string& fault : faults) failed(fault);
    if (!faults.empty()) return 1;
    std::printf("%s: no faults found; SIGHUP applies [tls.*] and log.level, a restart everything\n",
                file.empty() ? "configuration" : file.c_str());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        admin::ServerCommands commands;
        commands.serve = serve;
        commands.check_config = check_config;
        return admin::run_command_line(argc, argv, commands);
    } catch (const std::exception& error) {
        return failed(error.what());
    }
}
